"""The SQLite file under both databases; what each keeps in it is tested with it."""

from pathlib import Path

import pytest
from peewee import Model, TextField

from p2pchat.errors import StorageError
from p2pchat.storage import SqliteFile


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
