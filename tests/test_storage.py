"""The SQLite file under both databases; what each keeps in it is tested with it."""

import os
import threading
from pathlib import Path

import pytest
from peewee import Model, TextField

from p2pchat.errors import StorageError
from p2pchat.storage import SqliteFile, try_to_open


class Note(Model):
    """A table of the test's own."""

    text = TextField()


def test_errors_of_the_database_are_ours(tmp_path: Path) -> None:
    """With the file and what to try; mistakes in our own code stay themselves."""
    store = SqliteFile(tmp_path / "s.sqlite3", (Note,), 1, "buy a disk")
    with pytest.raises(StorageError, match=r"s\.sqlite3 cannot be used") as error, store.errors():
        store.database.execute_sql("select * from nothing")
    assert error.value.advice == "buy a disk"
    with pytest.raises(ZeroDivisionError), store.errors():
        _ = 1 // 0
    store.close()


def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    """Tables are made once."""
    for expected in (1, 2):
        store = SqliteFile(tmp_path / "s.sqlite3", (Note,), 1, "")
        Note.insert(text="x").execute(store.database)
        assert Note.select().count(store.database) == expected
        store.close()


def test_a_thread_has_its_connection_before_it_needs_one(tmp_path: Path) -> None:
    """Its descriptors too: later there may be none left."""
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
    """Count ours of the file and those beside it."""
    ours = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    return sum(str(each.readlink()).startswith(str(file)) for each in ours if each.is_symlink())


def test_trying_changes_nothing(tmp_path: Path) -> None:
    """Neither an older file nor what it finds wrong."""
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
    """Also where the file's head is whole."""
    file = tmp_path / "s.sqlite3"
    store = SqliteFile(file, (Note,), 1, "")
    Note.insert_many([(f"{i}" * 500,) for i in range(50)]).execute(store.database)
    store.close()
    content = bytearray(file.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    file.write_bytes(content)
    with pytest.raises(StorageError, match=r"damaged|malformed"):
        try_to_open(file, 1, "")


def test_trying_waits_for_no_file(tmp_path: Path) -> None:
    """One that is not there is not made."""
    with pytest.raises(StorageError, match="cannot be used"):
        try_to_open(tmp_path / "none.sqlite3", 1, "")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_its_place_is_named(tmp_path: Path) -> None:
    """And no mode is advised for it, which would help nobody."""
    folder = tmp_path / "s.sqlite3"
    folder.mkdir()
    for open_it in (
        lambda: SqliteFile(folder, (Note,), 1, "buy a disk"),
        lambda: try_to_open(folder, 1, "buy a disk"),
    ):
        with pytest.raises(StorageError, match=r"s\.sqlite3 is a folder") as error:
            open_it()
        assert error.value.advice == f"move it away: mv {folder} {folder}.old"
