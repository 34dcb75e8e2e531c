"""Accounts in a real SQLite file."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from p2pchat.errors import StorageError
from p2pchat.registry.store.accounts import (
    NO_KEY,
    TOKEN_LIFETIME_S,
    AccountPolicy,
    Creation,
)
from p2pchat.storage import in_use
from tests.accounts import OpenedAccounts
from tests.fakes import FakeClock


def test_an_account_outlives_its_process(tmp_path: Path) -> None:
    """On disk when `create` returns, known again after a restart."""
    accounts = OpenedAccounts(tmp_path / "a.sqlite3")
    assert accounts.create("bob", "secret") is Creation.MADE
    assert accounts.create("bob", "other") is Creation.NAME_TAKEN
    accounts.close()

    again = OpenedAccounts(tmp_path / "a.sqlite3")
    assert [name for name, _ in again.standings()] == ["bob"]
    assert again.verify("bob", "secret")
    assert again.verify("bob", "other") is None
    assert again.verify("eve", "secret") is None
    again.close()


def test_names_are_exact(tmp_path: Path) -> None:
    """The original tells Bob from bob."""
    accounts = OpenedAccounts(tmp_path / "a.sqlite3")
    accounts.create("bob", "1")
    accounts.create("Bob", "2")
    assert accounts.verify("Bob", "2")
    assert not accounts.verify("Bob", "1")
    accounts.close()


def test_the_database_is_as_safe_as_it_can_be(tmp_path: Path) -> None:
    """WAL with synchronous=FULL; for its owner's eyes; no password in it."""
    file = tmp_path / "a.sqlite3"
    accounts = OpenedAccounts(file)
    accounts.create("bob", "hush-hush")
    database: Any = accounts.store.database
    assert (database.pragma("journal_mode"), database.pragma("synchronous")) == ("wal", 2)
    accounts.close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"hush-hush" not in file.read_bytes()


def test_two_registries_in_one_process_do_not_see_each_other(tmp_path: Path) -> None:
    """Nothing is global, even with both at work on threads at once."""
    stores = [OpenedAccounts(tmp_path / f"{i}.sqlite3") for i in range(2)]
    made: list[Creation] = []

    def work(store: OpenedAccounts, name: str) -> None:
        made.extend(store.create(f"{name}{i}", "x") for i in range(20))
        store.disconnect()

    threads = [
        threading.Thread(target=work, args=(store, name))
        for store, name in zip(stores, ("a", "b"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [Creation.MADE] * 40
    assert stores[0].verify("a7", "x")
    assert not stores[0].verify("b7", "x")
    assert stores[1].verify("b7", "x")
    for store in stores:
        store.close()


def test_the_database_decides_who_was_first(tmp_path: Path) -> None:
    """Ten threads register one name; one of them has it."""
    accounts = OpenedAccounts(tmp_path / "a.sqlite3")
    outcomes: list[Creation] = []

    def work() -> None:
        outcomes.append(accounts.create("bob", "x"))
        accounts.disconnect()

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(Creation.MADE) == 1
    assert outcomes.count(Creation.NAME_TAKEN) == 9
    accounts.close()


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    """It would not see the names that the first one makes."""
    accounts = OpenedAccounts(tmp_path / "a.sqlite3")
    with pytest.raises(StorageError, match="another registry is using"):
        OpenedAccounts(tmp_path / "a.sqlite3")
    accounts.close()
    OpenedAccounts(tmp_path / "a.sqlite3").close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An older program would not know what it does not see."""
    with sqlite3.connect(tmp_path / "a.sqlite3") as database:
        database.execute("pragma user_version = 99")
    database.close()
    (tmp_path / "a.sqlite3").chmod(0o600)
    with pytest.raises(StorageError, match="newer p2pchat"):
        OpenedAccounts(tmp_path / "a.sqlite3")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """The error says which file, and nothing is written to it."""
    file = tmp_path / "a.sqlite3"
    file.write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError, match=r"a\.sqlite3"):
        OpenedAccounts(file)
    assert file.read_bytes() == b"not a database" * 100


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_somebody_else_is_named(tmp_path: Path) -> None:
    """No traceback for a mode that is wrong."""
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match=r"a\.sqlite3"):
        OpenedAccounts(tmp_path / "a.sqlite3")


def test_a_login_that_a_new_password_overtakes_gets_no_token(tmp_path: Path) -> None:
    """Its password was right when it was checked, and is not when the token is written."""
    with closing(OpenedAccounts(tmp_path / "a.sqlite3")) as accounts:
        standing = AccountPolicy(b"k" * 32, allows_original=False)
        accounts.create("bob", "old", standing, token="first")
        checked = accounts.verify("bob", "old")
        assert checked is not None
        accounts.change_password("bob", "new")
        assert not accounts.enrol("bob", checked.password_hash, standing, "second")
        assert not accounts.redeem_token("first", "bob", standing)
        assert not accounts.redeem_token("second", "bob", standing)
        again = accounts.verify("bob", "new")
        assert again is not None
        assert accounts.enrol("bob", again.password_hash, standing, "third")
        assert accounts.redeem_token("third", "bob", standing)


def test_an_account_is_there_with_its_token_or_not_at_all(tmp_path: Path) -> None:
    """A disk that fails in the middle leaves neither, and the name is free."""
    with closing(OpenedAccounts(tmp_path / "a.sqlite3")) as accounts:
        accounts.store.rows(
            "CREATE TRIGGER full BEFORE INSERT ON token BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        with pytest.raises((StorageError, AssertionError)):
            assert accounts.create("bob", "x", token="t") is Creation.MADE
        accounts.store.rows("DROP TRIGGER full")
        assert accounts.create("bob", "x", token="t") is Creation.MADE


class TestTokens:
    """A token is one of a chain: each day its successor, and never a client without one."""

    DAY = 24 * 3600

    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def accounts(self, tmp_path: Path, clock: FakeClock) -> Iterator[OpenedAccounts]:
        with closing(OpenedAccounts(tmp_path / "a.sqlite3", clock)) as accounts:
            accounts.create("bob", "x", token="t")
            yield accounts

    def use(self, accounts: OpenedAccounts, token: str) -> str | None:
        return accounts.redeem_token(token, "bob", NO_KEY)

    def test_within_a_day_it_stays(self, accounts: OpenedAccounts, clock: FakeClock) -> None:
        """And nothing is written: a disk that fails keeps nobody out."""
        accounts.store.rows(
            "CREATE TRIGGER full BEFORE INSERT ON token BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        clock.time += self.DAY - 1
        assert self.use(accounts, "t") == "t"
        clock.time += 2
        assert self.use(accounts, "t") == "t"

    def test_then_it_has_a_successor(self, accounts: OpenedAccounts, clock: FakeClock) -> None:
        """The old one is good until a week after the new one was used: an answer may be lost."""
        clock.time += self.DAY
        second = self.use(accounts, "t")
        assert second not in {None, "t"}
        clock.time += 10 * self.DAY
        lost = self.use(accounts, "t")
        assert lost not in {None, "t", second}
        assert second is not None
        assert self.use(accounts, second) is not None
        clock.time += 6 * self.DAY
        assert self.use(accounts, "t") is not None
        clock.time += self.DAY
        assert self.use(accounts, "t") is None

    def test_unused_it_dies(self, accounts: OpenedAccounts, clock: FakeClock) -> None:
        """After a month; and what has ended is forgotten at the next login by password."""
        clock.time += TOKEN_LIFETIME_S
        assert self.use(accounts, "t") is None
        match = accounts.verify("bob", "x")
        assert match is not None
        accounts.enrol("bob", match.password_hash, match.standing, "another")
        assert accounts.store.rows("SELECT COUNT(*) FROM token") == [(1,)]

    def test_two_who_hold_it_each_get_one(self, accounts: OpenedAccounts, clock: FakeClock) -> None:
        """Two processes of one profile, say: neither keeps the other out."""
        clock.time += self.DAY
        one, two = self.use(accounts, "t"), self.use(accounts, "t")
        assert one is not None
        assert two is not None
        assert self.use(accounts, one) == one
        assert self.use(accounts, two) == two

    def test_what_the_account_allows_is_kept_with_its_key(
        self, accounts: OpenedAccounts, clock: FakeClock
    ) -> None:
        """As the last login has said, whatever it logged in by."""
        allowed = NO_KEY._replace(allows_original=True)
        assert accounts.redeem_token("t", "bob", allowed) == "t"
        assert accounts.standing("bob") == allowed


def test_who_looks_is_told_whether_a_registry_has_the_accounts(tmp_path: Path) -> None:
    """Looking neither makes a file nor keeps anybody out."""
    file = tmp_path / "a.sqlite3"
    assert not in_use(file)
    assert list(tmp_path.iterdir()) == []
    accounts = OpenedAccounts(file)
    assert in_use(file)
    accounts.close()
    assert not in_use(file)
    OpenedAccounts(file).close()
