"""Account administration by the operator, on both kinds of database."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p2pchat.registry.store.account_admin import AccountAdmin
from p2pchat.registry.store.accounts import NO_KEY, AccountPolicy, Accounts
from p2pchat.registry.store.models import Token
from p2pchat.registry.store.stores import open_file, open_shared
from p2pchat.storage import Store
from tests.accounts import CHEAP
from tests.fakes import FakeClock

KEY = b"k" * 32


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Yield a database without accounts."""
    if request.param == "sqlite":
        opened: Store = open_file(tmp_path / "a.sqlite3")
    else:
        opened = open_shared(request.getfixturevalue("database"))
    yield opened
    opened.release()


def test_entries_list_all_accounts(store: Store) -> None:
    """Entries are sorted by name; the last use is derived from the expiry of the tokens."""
    clock = FakeClock()
    clock.time = 1_700_000_000
    accounts = Accounts(store, CHEAP, clock)
    accounts.create("bob", "x", AccountPolicy(KEY, allows_original=True), token="t")
    accounts.create("alice", "x")
    entries = list(AccountAdmin(store).entries())
    assert [e.username for e in entries] == ["alice", "bob"]
    assert (entries[0].seen_at, entries[0].key, entries[0].disabled) == (None, None, False)
    assert entries[1].seen_at is not None
    assert entries[1].seen_at.timestamp() == clock.time
    assert (entries[1].key, entries[1].allows_original) == (KEY, True)


def test_disabled_account_cannot_log_in_until_enabled(store: Store) -> None:
    """A disabled account is refused by password, by token, and in a login under way."""
    accounts, account_admin = Accounts(store, CHEAP), AccountAdmin(store)
    standing = AccountPolicy(KEY, allows_original=False)
    accounts.create("bob", "x", standing, token="t")
    checked = accounts.verify("bob", "x")
    assert checked is not None
    assert account_admin.disable("bob")
    assert not accounts.redeem_token("t", "bob", standing)
    assert not accounts.enrol("bob", checked.password_hash, standing, "t2")
    match = accounts.verify("bob", "x")
    assert match is not None
    assert match.disabled
    assert account_admin.enable("bob")
    assert accounts.enrol("bob", checked.password_hash, standing, "t2")
    assert not account_admin.disable("nobody")


def test_removed_account_leaves_nothing(store: Store) -> None:
    """The account and its tokens are gone, and its name is free."""
    accounts, account_admin = Accounts(store, CHEAP), AccountAdmin(store)
    accounts.create("bob", "x", token="t")
    assert account_admin.remove("bob")
    assert not account_admin.remove("bob")
    assert accounts.standing("bob") is None
    assert not accounts.redeem_token("t", "bob", NO_KEY)
    assert list(account_admin.entries()) == []


def test_disabling_ends_the_token_of_a_concurrent_login(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A concurrent login holds the account's row, so its token is ended with the others."""
    store = open_shared(database)
    accounts, account_admin = Accounts(store, CHEAP), AccountAdmin(store)
    standing = AccountPolicy(KEY, allows_original=False)
    accounts.create("bob", "x", standing)
    checked = accounts.verify("bob", "x")
    assert checked is not None

    def log_in_first() -> Any:
        monkeypatch.undo()
        thread = threading.Thread(target=late)
        thread.start()
        thread.join(0.5)  # it waits for the account, which is ours
        waiting.append(thread)
        return Token.delete()

    def late() -> None:
        outcomes.append(accounts.enrol("bob", checked.password_hash, standing, "late"))
        store.close()

    outcomes: list[bool] = []
    waiting: list[threading.Thread] = []
    monkeypatch.setattr(Token, "delete", log_in_first)
    assert account_admin.disable("bob")
    waiting[0].join()
    assert outcomes == [False]
    assert not accounts.redeem_token("late", "bob", standing)
    store.release()
