"""A full disk or a locked database: clients stay served, registrations are refused truthfully, and
afterwards everything works and nothing is incomplete.
"""

import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.conformance.secure_client import Secure
from tests.faults.crowd import CHEAP, Member
from tests.programs import Serve, running

Fault = Callable[[Serve, Path], AbstractContextManager[None]]
STEPS, STEP_BYTES = 100, 777


@contextmanager
def full_disk(serve: Serve, folder: Path) -> Iterator[None]:
    """Keep all files of the registry from growing."""
    sizes = [file.stat().st_size for file in folder.glob("accounts.sqlite3*")]
    _limit_files(serve, min(filter(None, sizes)))
    yield
    _limit_files(serve, None)


@contextmanager
def locked_database(serve: Serve, folder: Path) -> Iterator[None]:
    """Lock the database, as an operator with a shell might."""
    with closing(sqlite3.connect(folder / "accounts.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize("fault", [full_disk, locked_database])
def test_only_registrations_are_refused(tmp_path: Path, fault: Fault) -> None:
    """Registrations are refused at both listeners, while searches and logins by token go on; the
    names are free afterwards.
    """
    serve = Serve(tmp_path, *CHEAP)
    with running(serve), ExitStack() as stack:
        alice = Member(serve, "alice", port=40_000)
        stack.callback(alice.close)
        olga = serve.dial()
        assert olga.ask("REG", "olga password") == ("REG_RESP", "OK")
        secure, original = Secure(serve), serve.dial()
        stack.callback(secure.close)
        with fault(serve, tmp_path):
            began, longest = time.monotonic(), 0.0
            secure.say("REG", secure.request("new", password="password"))
            original.say("REG", "old password")
            for _ in range(100):
                asked = time.monotonic()
                assert alice.finds("alice") == "ONLINE"
                assert olga.ask("SEARCH", "new") == ("SEARCH_RESP", "NOT_FOUND")
                longest = max(longest, time.monotonic() - asked)
            assert secure.hear() == ("SLOW_DOWN", '{"seconds":5.0}')
            assert original.closed_by_remote()
            refused = time.monotonic() - began
            assert alice.finds("new") == "NOT_FOUND"
            back = Member(serve, "alice", token=alice.grant["token"], errand=True)
            back.close()
        assert _accounts(tmp_path) == {"alice", "olga"}
        again = serve.dial()
        assert again.ask("LOG", "new password") == ("LOG_RESP", "FAIL")
        secure.register("new")
        assert again.ask("REG", "old password") == ("REG_RESP", "OK")
        assert _accounts(tmp_path) == {"alice", "olga", "new", "old"}
        print(
            f"2 of 2 registrations refused within {refused:.1f} s and made afterwards;"
            f" the longest pair of look-ups meanwhile took {longest * 1000:.1f} ms"
        )


def test_account_is_complete_or_absent(tmp_path: Path) -> None:
    """The disk is full at a different byte for each registration; each account that was answered
    with OK is complete, and no other exists.
    """
    serve = Serve(tmp_path, *CHEAP)
    with running(serve):
        client: Secure = Member(serve, "alice")
        limit = (tmp_path / "accounts.sqlite3-wal").stat().st_size
        made, refused = {"alice"}, 0
        for i in range(STEPS):
            _limit_files(serve, limit + i * STEP_BYTES)
            client.close()
            client = Secure(serve)
            name = f"user{i}"
            command, said = client.tell("REG", username=name, password="password")
            if command == "REG_RESP":
                assert said["outcome"] == "OK"
                made.add(name)
            else:
                assert command == "SLOW_DOWN"
                refused += 1
        _limit_files(serve, None)
        client.close()
        assert _accounts(tmp_path) == made
        client = Secure(serve)
        for i in range(STEPS):
            if f"user{i}" not in made:
                client.close()
                client = Secure(serve)
                client.register(f"user{i}")
        client.close()
        serve.kill()
    assert len(_accounts(tmp_path)) == STEPS + 1
    print(f"{refused} of {STEPS} refused, {len(made) - 1} made: each whole or not there at all")
    assert refused
    assert len(made) > 1


def _limit_files(serve: Serve, size: int | None) -> None:
    """Limit the size of the registry's files; None removes the limit."""
    pid = serve.process.pid
    hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))


def _accounts(folder: Path) -> set[str]:
    """Return the users with an account, after checking the file and the tokens."""
    with closing(sqlite3.connect(folder / "accounts.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        stray = "SELECT count(*) FROM token WHERE username NOT IN (SELECT username FROM account)"
        assert database.execute(stray).fetchone() == (0,)
        without = "SELECT username FROM account WHERE username NOT IN (SELECT username FROM token)"
        assert {name for (name,) in database.execute(without)} <= {"olga", "old"}
        return {name for (name,) in database.execute("SELECT username FROM account")}
