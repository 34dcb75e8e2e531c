"""SQLite files, as used by the registry and the node."""

import os
import threading
from pathlib import Path

import pytest
from peewee import Model, OperationalError, TextField

from p2pchat.errors import StorageError
from p2pchat.storage import SqliteFile, try_to_open


class Note(Model):
    """A table for these tests."""

    text = TextField()


def test_database_errors_become_storage_errors(tmp_path: Path) -> None:
    """A StorageError names the file and has advice; other exceptions are not converted."""
    store = SqliteFile(tmp_path / "s.sqlite3", (Note,), 1, "buy a disk")
    with pytest.raises(StorageError, match=r"s\.sqlite3 cannot be used") as error, store.errors():
        store.database.execute_sql("select * from nothing")
    assert error.value.advice == "buy a disk"
    with pytest.raises(ZeroDivisionError), store.errors():
        _ = 1 // 0
    store.close()


def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    """Opening a file again creates no tables and keeps the rows."""
    for expected in (1, 2):
        store = SqliteFile(tmp_path / "s.sqlite3", (Note,), 1, "")
        Note.insert(text="x").execute(store.database)
        assert Note.select().count(store.database) == expected
        store.close()


def test_thread_connects_at_its_start(tmp_path: Path) -> None:
    """A thread opens its descriptors at the start; later there may be none left."""
    file = tmp_path / "s.sqlite3"
    store = SqliteFile(file, (Note,), 1, "")
    Note.insert(text="x").execute(store.database)
    counted: list[int] = []

    def live() -> None:
        with store.in_thread():
            counted.append(_descriptors(file))
            Note.insert(text="y").execute(store.database)
            counted.append(_descriptors(file))
        counted.append(_descriptors(file))

    before = _descriptors(file)
    thread = threading.Thread(target=live)
    thread.start()
    thread.join()
    ready, used, after = counted
    assert before < ready == used
    assert after <= ready
    store.close()


def _descriptors(file: Path) -> int:
    """Count our descriptors of the file and its journal files."""
    ours = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    return sum(str(each.readlink()).startswith(str(file)) for each in ours if each.is_symlink())


def test_trying_changes_nothing(tmp_path: Path) -> None:
    """`try_to_open` changes neither an older file nor a newer one, which it refuses."""
    file = tmp_path / "s #1?.sqlite3"
    SqliteFile(file, (Note,), 1, "").close()
    content = file.read_bytes()
    try_to_open(file, 2, "")
    assert file.read_bytes() == content
    with pytest.raises(StorageError, match="newer p2pchat") as error:
        try_to_open(file, 0, "buy another")
    assert "buy another" in error.value.advice
    assert list(tmp_path.iterdir()) == [file]


def test_trying_finds_damage(tmp_path: Path) -> None:
    """`try_to_open` finds damage behind an intact file header."""
    file = tmp_path / "s.sqlite3"
    store = SqliteFile(file, (Note,), 1, "")
    Note.insert_many([(f"{i}" * 500,) for i in range(50)]).execute(store.database)
    store.close()
    content = bytearray(file.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    file.write_bytes(content)
    with pytest.raises(StorageError, match=r"damaged|malformed"):
        try_to_open(file, 1, "")


def test_trying_creates_no_file(tmp_path: Path) -> None:
    """`try_to_open` fails if the file is missing, and does not create it."""
    with pytest.raises(StorageError, match="cannot be used"):
        try_to_open(tmp_path / "none.sqlite3", 1, "")
    assert list(tmp_path.iterdir()) == []


def test_folder_in_place_of_the_file(tmp_path: Path) -> None:
    """The error says that it is a folder, and advises to move it away."""
    folder = tmp_path / "s.sqlite3"
    folder.mkdir()
    for open_it in (
        lambda: SqliteFile(folder, (Note,), 1, "buy a disk"),
        lambda: try_to_open(folder, 1, "buy a disk"),
    ):
        with pytest.raises(StorageError, match=r"s\.sqlite3 is a folder") as error:
            open_it()
        assert error.value.advice == f"move it away: mv {folder} {folder}.old"


def test_quick_transaction_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    """Only its own commit skips the fsync; later ones wait again, also after an error."""
    store = SqliteFile(tmp_path / "s.sqlite3", (Note,), 1, "")

    def synchronous() -> object:
        return store.rows("PRAGMA synchronous")

    full = synchronous()
    with store.quick_transaction():
        Note.insert(text="x").execute(store.database)
        assert synchronous() == [(1,)]
    assert synchronous() == full == [(2,)]
    with pytest.raises(StorageError), store.quick_transaction():
        store.rows("INSERT INTO note (text) VALUES ('y'), (NULL)")
    assert synchronous() == full
    assert Note.select().count(store.database) == 1
    store.close()


def test_quick_transaction_stays_the_exception_after_a_failed_rollback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If SQLite cannot even roll back, later commits still wait for the disk."""
    store = SqliteFile(tmp_path / "s.sqlite3", (Note,), 1, "")

    def fail(*_: object) -> None:
        raise OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(store.sqlite, "rollback", fail)
        with pytest.raises(StorageError), store.quick_transaction():
            store.rows("INSERT INTO note (text) VALUES ('y'), (NULL)")
    assert store.rows("PRAGMA synchronous") == [(2,)]
    Note.insert(text="x").execute(store.database)
    assert Note.select().count(store.database) == 1
    store.close()
