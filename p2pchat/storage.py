"""One SQLite file, opened safely and brought to a schema: what the registry's and the profile's
databases have in common. Knows no table and no query.

Models are bound to nothing and the database is named at each execution: binding is not safe
between threads, nor between two stores in one process.
"""

import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from types import MappingProxyType

import peewee

from p2pchat.errors import StorageError

_BUSY_TIMEOUT_S = 5


class SqliteFile:
    """The file, made for its owner's eyes where it is not; in WAL, every commit on the disk.

    `schema_version` is kept in user_version; `steps` are the statements that lead an older file to
    each version, where making the missing tables is not enough, and `finish` those that every file
    needs after them. Raises StorageError, with `advice`,
    where it cannot be opened, was written by a newer p2pchat, or can be read by others. Each thread
    that executes on `database` gets a connection of its own, which `close` closes on that thread.
    """

    def __init__(
        self,
        file: Path,
        tables: Sequence[type[peewee.Model]],
        schema_version: int,
        advice: str,
        steps: Mapping[int, Sequence[str]] = MappingProxyType({}),
        finish: Sequence[str] = (),
    ) -> None:
        self._file = file
        self._advice = advice
        self.database = peewee.SqliteDatabase(
            str(file),
            pragmas={"journal_mode": "wal", "synchronous": "full", "secure_delete": "on"},
            timeout=_BUSY_TIMEOUT_S,
        )
        try:
            self._bring_to(schema_version, tables, steps, finish)
        except StorageError:
            self.close()
            raise

    def errors(self) -> AbstractContextManager[None]:
        """Raise what the database raises as StorageError; for queries and what reads them."""
        return _errors(self._file, self._advice)

    def close(self) -> None:
        """Close the calling thread's connection."""
        self.database.close()

    def _bring_to(
        self,
        schema_version: int,
        tables: Sequence[type[peewee.Model]],
        steps: Mapping[int, Sequence[str]],
        finish: Sequence[str],
    ) -> None:
        with self.errors():
            self._file.touch(mode=0o600)
            refuse_if_others_can_read(self._file)
            found = self.database.pragma("user_version")
            _refuse_newer(self._file, found, schema_version, self._advice)
            if found == schema_version:
                return
            with self.database.atomic("immediate"), self.database.bind_ctx(tables):
                self.database.create_tables(tables)
                versions = range(found + 1, schema_version + 1) if found else ()
                statements = [s for version in versions for s in steps.get(version, ())]
                for statement in (*statements, *finish):
                    self.database.execute_sql(statement)  # type: ignore[no-untyped-call]
                self.database.pragma("user_version", schema_version)


def try_to_open(file: Path, schema_version: int, advice: str) -> None:
    """Raise StorageError where the file, which is there, could not be used; change nothing.

    An older schema is left as it is.
    """
    database = peewee.SqliteDatabase(str(file), timeout=_BUSY_TIMEOUT_S)
    with _errors(file, advice), closing(database):
        refuse_if_others_can_read(file)
        version = database.pragma("user_version")
        _refuse_newer(file, version, schema_version, advice)
        with database.atomic("immediate") as transaction:  # which alone succeeds on any file
            database.pragma("user_version", version)
            transaction.rollback()
        found = database.pragma("quick_check", 1)
        if found != "ok":
            raise StorageError(f"{file} is damaged: {found}", advice="put back a copy of it")


def refuse_if_others_can_read(path: Path) -> None:
    """Raise StorageError where group or others have any right to the path."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        mode = "700" if path.is_dir() else "600"
        raise StorageError(
            f"others can read {path}", likely="its mode was changed", advice=f"chmod {mode} {path}"
        )


def _refuse_newer(file: Path, found: int, schema_version: int, advice: str) -> None:
    if found > schema_version:
        raise StorageError(
            f"{file} was written by a newer p2pchat (schema {found})",
            advice=f"use that version, or: {advice}",
        )


@contextmanager
def _errors(file: Path, advice: str) -> Iterator[None]:
    try:
        yield
    except (peewee.DatabaseError, OSError) as error:
        reason: BaseException = error
        while reason.__context__ is not None:  # a rollback that fails is but the consequence
            reason = reason.__context__
        raise StorageError(
            f"{file} cannot be used: {reason}",
            likely="the disk is full, the file is no database, or it is not yours",
            advice=advice,
        ) from error
