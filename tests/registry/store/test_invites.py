"""Invite codes in a real SQLite file, issued by another process."""

from contextlib import closing
from pathlib import Path

from p2pchat.registry.store.accounts import Creation
from p2pchat.registry.store.invites import Invites
from p2pchat.registry.store.stores import open_file
from tests.accounts import OpenedAccounts
from tests.fakes import FakeClock


def test_code_is_limited_in_uses_and_time(tmp_path: Path) -> None:
    """A code can be issued while the registry runs; a refused registration does not use it up."""
    file, clock = tmp_path / "a.sqlite3", FakeClock()
    with (
        closing(OpenedAccounts(file, clock)) as accounts,
        closing(open_file(file)) as store,
    ):
        invites = Invites(store, clock)
        code, other = invites.issue(2, 60), invites.issue(1, 60)
        assert accounts.create("alice", "x", invite="made up") is Creation.BAD_INVITE
        assert accounts.create("alice", "x", invite=code) is Creation.MADE
        assert accounts.create("alice", "x", invite=code) is Creation.NAME_TAKEN
        assert accounts.create("bob", "x", invite=code) is Creation.MADE
        assert accounts.create("carol", "x", invite=code) is Creation.BAD_INVITE
        clock.time += 61
        assert accounts.create("carol", "x", invite=other) is Creation.BAD_INVITE
        assert code.encode() not in file.read_bytes()
