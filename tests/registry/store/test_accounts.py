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


def test_account_survives_a_restart(tmp_path: Path) -> None:
    """An account is on disk when create() returns and is known after a restart."""
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


def test_names_are_case_sensitive(tmp_path: Path) -> None:
    """The original dialect distinguishes Bob from bob."""
    accounts = OpenedAccounts(tmp_path / "a.sqlite3")
    accounts.create("bob", "1")
    accounts.create("Bob", "2")
    assert accounts.verify("Bob", "2")
    assert not accounts.verify("Bob", "1")
    accounts.close()


def test_database_is_durable_and_private(tmp_path: Path) -> None:
    """The database uses WAL with synchronous=FULL, has mode 0600 and contains no password."""
    file = tmp_path / "a.sqlite3"
    accounts = OpenedAccounts(file)
    accounts.create("bob", "hush-hush")
    database: Any = accounts.store.database
    assert (database.pragma("journal_mode"), database.pragma("synchronous")) == ("wal", 2)
    accounts.close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"hush-hush" not in file.read_bytes()


def test_two_registries_in_one_process_are_separate(tmp_path: Path) -> None:
    """Two stores share no state, even with threads at work on both."""
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


def test_concurrent_registrations_create_one_account(tmp_path: Path) -> None:
    """Of ten threads that register one name, one succeeds."""
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


def test_second_process_is_refused(tmp_path: Path) -> None:
    """A second process would not see new names of the first."""
    accounts = OpenedAccounts(tmp_path / "a.sqlite3")
    with pytest.raises(StorageError, match="another registry is using"):
        OpenedAccounts(tmp_path / "a.sqlite3")
    accounts.close()
    OpenedAccounts(tmp_path / "a.sqlite3").close()


def test_newer_schema_is_refused(tmp_path: Path) -> None:
    """A database of a newer version is refused."""
    with sqlite3.connect(tmp_path / "a.sqlite3") as database:
        database.execute("pragma user_version = 99")
    database.close()
    (tmp_path / "a.sqlite3").chmod(0o600)
    with pytest.raises(StorageError, match="newer p2pchat"):
        OpenedAccounts(tmp_path / "a.sqlite3")


def test_malformed_database_is_named(tmp_path: Path) -> None:
    """The error names the file, and nothing is written to it."""
    file = tmp_path / "a.sqlite3"
    file.write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError, match=r"a\.sqlite3"):
        OpenedAccounts(file)
    assert file.read_bytes() == b"not a database" * 100


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    """A folder with the wrong mode raises an error that names the file."""
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match=r"a\.sqlite3"):
        OpenedAccounts(tmp_path / "a.sqlite3")


def test_login_overtaken_by_a_new_password_gets_no_token(tmp_path: Path) -> None:
    """A password that was changed after it was checked gives no token."""
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


def test_account_and_token_are_created_together(tmp_path: Path) -> None:
    """If the disk fails in between, neither is created and the name stays free."""
    with closing(OpenedAccounts(tmp_path / "a.sqlite3")) as accounts:
        accounts.store.rows(
            "CREATE TRIGGER full BEFORE INSERT ON token BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        with pytest.raises((StorageError, AssertionError)):
            assert accounts.create("bob", "x", token="t") is Creation.MADE
        accounts.store.rows("DROP TRIGGER full")
        assert accounts.create("bob", "x", token="t") is Creation.MADE


class TestTokens:
    """Tokens form a chain: each day a token has a successor."""

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

    def test_token_is_kept_for_a_day(self, accounts: OpenedAccounts, clock: FakeClock) -> None:
        """Within a day nothing is written, so a failing disk keeps no user out."""
        accounts.store.rows(
            "CREATE TRIGGER full BEFORE INSERT ON token BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        clock.time += self.DAY - 1
        assert self.use(accounts, "t") == "t"
        clock.time += 2
        assert self.use(accounts, "t") == "t"

    def test_old_token_stays_valid_until_its_successor_was_used(
        self, accounts: OpenedAccounts, clock: FakeClock
    ) -> None:
        """The old token is valid for a week after the new one was used, since an answer may be
        lost.
        """
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

    def test_unused_token_expires(self, accounts: OpenedAccounts, clock: FakeClock) -> None:
        """A token expires after a month and is deleted at the next login by password."""
        clock.time += TOKEN_LIFETIME_S
        assert self.use(accounts, "t") is None
        match = accounts.verify("bob", "x")
        assert match is not None
        accounts.enrol("bob", match.password_hash, match.standing, "another")
        assert accounts.store.rows("SELECT COUNT(*) FROM token") == [(1,)]

    def test_two_processes_with_one_token_each_get_a_successor(
        self, accounts: OpenedAccounts, clock: FakeClock
    ) -> None:
        """Two processes of one profile do not lock each other out."""
        clock.time += self.DAY
        one, two = self.use(accounts, "t"), self.use(accounts, "t")
        assert one is not None
        assert two is not None
        assert self.use(accounts, one) == one
        assert self.use(accounts, two) == two

    def test_allow_original_is_stored_with_the_key(
        self, accounts: OpenedAccounts, clock: FakeClock
    ) -> None:
        """The last login decides whether the account allows the original dialect."""
        allowed = NO_KEY._replace(allows_original=True)
        assert accounts.redeem_token("t", "bob", allowed) == "t"
        assert accounts.standing("bob") == allowed


def test_in_use_reports_whether_a_registry_runs(tmp_path: Path) -> None:
    """Asking neither creates a file nor blocks a registry."""
    file = tmp_path / "a.sqlite3"
    assert not in_use(file)
    assert list(tmp_path.iterdir()) == []
    accounts = OpenedAccounts(file)
    assert in_use(file)
    accounts.close()
    assert not in_use(file)
    OpenedAccounts(file).close()
