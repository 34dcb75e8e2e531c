"""A registry's database of either kind: opened, migrated, refused if newer."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from p2pchat.errors import StorageError
from p2pchat.registry.store.accounts import Accounts, Creation
from p2pchat.registry.store.models import SCHEMA_VERSION, SHARED_TABLES
from p2pchat.registry.store.postgres import Postgres
from p2pchat.registry.store.stores import open_file, open_shared, try_shared
from p2pchat.storage import AddColumn
from tests.accounts import CHEAP
from tests.postgres import end_connections

_SCHEMA_1 = """
CREATE TABLE account (username TEXT NOT NULL PRIMARY KEY, password_hash TEXT NOT NULL, key BLOB,
    allows_original INTEGER NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO account VALUES ('bob', 'a hash', NULL, 0, 0);
PRAGMA user_version = 1;
"""


def test_older_file_is_migrated(tmp_path: Path) -> None:
    """Accounts of an older schema are kept, and none is disabled."""
    file = tmp_path / "a.sqlite3"
    with closing(sqlite3.connect(file)) as old:
        old.executescript(_SCHEMA_1)
    file.chmod(0o600)
    store = open_file(file, alone=True)
    assert [name for name, _ in Accounts(store, CHEAP).standings()] == ["bob"]
    with store.errors():
        assert store.rows("SELECT disabled FROM account") == [(0,)]
    store.release()


def test_concurrent_nodes_create_one_schema(database: str) -> None:
    """Nodes that start together create the schema once, and none fails."""
    code = f"from p2pchat.registry.store.stores import open_shared; open_shared({database!r})"
    nodes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [node.wait() for node in nodes] == [0] * 4
    store = open_shared(database)
    accounts = Accounts(store, CHEAP)
    assert accounts.create("bob", "secret") is Creation.MADE
    assert accounts.create("bob", "secret") is Creation.NAME_TAKEN
    match = accounts.verify("bob", "secret")
    assert match is not None
    assert accounts.enrol("bob", match.password_hash, match.standing, "token")
    assert accounts.redeem_token("token", "bob", match.standing)
    store.release()


@pytest.mark.parametrize("usable_from", [99, None])
def test_newer_shared_schema_is_refused(database: str, usable_from: int | None) -> None:
    """A shared database of a newer version is refused."""
    open_shared(database).release()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "UPDATE p2pchat_schema SET version = 99, usable_from = %s", [usable_from]
        )
    with pytest.raises(StorageError, match="newer p2pchat"):
        open_shared(database)


def test_two_versions_share_a_database(database: str) -> None:
    """A cluster is upgraded node by node: both versions use a schema that only adds."""
    ours = open_shared(database)
    before = Accounts(ours, CHEAP)
    assert before.create("alice", "secret") is Creation.MADE
    newer = Postgres(database)
    newer.bring_to(
        SCHEMA_VERSION + 1,
        SHARED_TABLES,
        {
            SCHEMA_VERSION + 1: (
                AddColumn("account", "colour", "TEXT NOT NULL DEFAULT 'grey'"),
                "CREATE TABLE of_the_newer_one (id INTEGER PRIMARY KEY)",
            )
        },
        usable_from=SCHEMA_VERSION,
    )
    assert before.create("bob", "secret") is Creation.MADE  # by a node that was never restarted
    started_later = open_shared(database)
    try_shared(database)
    accounts = Accounts(started_later, CHEAP)
    match = accounts.verify("bob", "secret")
    assert match is not None
    assert accounts.enrol("bob", match.password_hash, match.standing, "token")
    assert accounts.redeem_token("token", "bob", match.standing)
    with newer.errors():
        assert newer.rows("SELECT username, colour FROM account ORDER BY username") == [
            ("alice", "grey"),
            ("bob", "grey"),
        ]
        assert newer.is_at(SCHEMA_VERSION + 1), "the older one has led it back"
    newer.bring_to(SCHEMA_VERSION + 2, SHARED_TABLES, {}, usable_from=SCHEMA_VERSION + 1)
    with pytest.raises(StorageError, match="newer p2pchat"):
        open_shared(database)
    for store in (ours, newer, started_later):
        store.release()


def test_broken_connection_is_restored(database: str) -> None:
    """The current operation fails, even within a transaction, and the next one works."""
    store = open_shared(database)

    def cut_in_the_middle() -> None:
        with store.transaction():
            store.rows("SELECT 1")
            end_connections(database)
            store.rows("SELECT 1")

    with pytest.raises(StorageError, match="the shared database cannot be used"):
        cut_in_the_middle()
    with store.transaction():
        assert store.rows("SELECT 2") == [(2,)]
    store.release()
