"""Opens databases safely and migrates them to a schema, for the registry and the profile.

Knows neither tables nor queries. Models are not bound to a database; it is passed at each
execution, because binding is safe neither between threads nor between two stores in one process.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, NamedTuple

from p2pchat.errors import StorageError
from p2pchat.orm import peewee
from p2pchat.private_files import (
    is_locked,
    lock_private,
    make_private,
    refuse_unless_private_file,
)

_BUSY_TIMEOUT_S = 5

_DAMAGED = "it was cut off or overwritten: by a failed disk or copy, or by another program"

_CAUSES = {
    sqlite3.SQLITE_BUSY: "another process has kept it locked for seconds",
    sqlite3.SQLITE_LOCKED: "another process has kept it locked for seconds",
    sqlite3.SQLITE_READONLY: "the file, its folder or its file system cannot be written to",
    sqlite3.SQLITE_CANTOPEN: "the folder does not exist or is not yours, or no descriptor is left",
    sqlite3.SQLITE_PERM: "the file is not yours",
    sqlite3.SQLITE_IOERR: "the disk fails, or a quota is used up",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}
"""The most likely causes of SQLite's error codes."""


class AddColumn(NamedTuple):
    """A step of a migration: add the column, unless the table has it.

    A table that the older schema lacks has just been created with all its columns.
    """

    table: str
    name: str
    definition: str


Step = AddColumn | str
"""A step of a migration; a string is an SQL statement."""

NO_STEPS: Mapping[int, Sequence[Step]] = MappingProxyType({})

NO_FUNCTIONS: Mapping[str, Callable[..., object]] = MappingProxyType({})


class Store:
    """A database; errors contain its `name`, the `likely` cause and the `advice`.

    Each thread that uses `database` gets its own connection, which `close` closes on that thread.
    """

    def __init__(self, database: peewee.Database, name: str, likely: str, advice: str) -> None:
        self.database = database
        self._name = name
        self._likely = likely
        self._advice = advice

    def call_it(self, name: str, advice: str) -> None:
        """Use this name and advice in errors."""
        self._name, self._advice = name, advice

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Convert the database's exceptions to StorageError, also while reading results."""
        try:
            yield
        except (peewee.DatabaseError, peewee.InterfaceError, OSError) as error:
            reason: BaseException = error
            while reason.__context__ is not None:  # a failed rollback is only a consequence
                reason = reason.__context__
            self._after_an_error()
            raise StorageError(
                f"{self._name} cannot be used: {' '.join(str(reason).split())}",
                likely=self._likely_cause(reason),
                advice=self._advice,
            ) from error

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run a statement; return its rows."""
        cursor = self.database.execute_sql(sql, parameters)  # type: ignore[no-untyped-call]
        return list(cursor.fetchall()) if cursor.description else []

    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run a statement once for each row of parameters; within a transaction."""
        self.database.cursor().executemany(sql, rows)  # type: ignore[no-untyped-call]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything or nothing; errors as in `errors`."""
        with self.errors(), self.atomic():
            yield

    def close(self) -> None:
        """Close the calling thread's connection."""
        self.database.close()

    @contextmanager
    def in_thread(self) -> Iterator[None]:
        """Close the calling thread's connection, if any, at the end."""
        try:
            yield
        finally:
            self.close()

    def release(self) -> None:
        """Close the calling thread's connection, the last one, and release any lock."""
        self.close()

    def bring_to(
        self,
        schema_version: int,
        tables: Sequence[type[peewee.Model]],
        steps: Mapping[int, Sequence[Step]] = NO_STEPS,
        finish: Sequence[str] = (),
        usable_from: int = 0,
    ) -> None:
        """Create missing tables, and run the `steps` that migrate an older schema to each version.

        The statements of `finish` are run last. Programs with a schema from `usable_from` on may
        continue to use this one (0: only its own). Raise StorageError if the database cannot be
        used, or was written by a newer p2pchat that declares our version too old.
        """
        if self.is_at(schema_version):
            return
        with self.transaction(), self.database.bind_ctx(tables):
            self._begin_change()
            if self.is_at(schema_version):
                return  # another process was faster
            found = self._version()
            self.database.create_tables(tables)
            versions = range(found + 1, schema_version + 1) if found else ()
            for step in (step for version in versions for step in steps.get(version, ())):
                self._take(step)
            for statement in finish:
                self.rows(statement)
            self._note_version(schema_version, usable_from or schema_version)

    def _take(self, step: Step) -> None:
        if isinstance(step, str):
            self.rows(step)
        elif not self.database.table_exists(step.table):
            return  # this kind of database does without it
        elif step.name not in {column.name for column in self.database.get_columns(step.table)}:
            self.rows(f"ALTER TABLE {step.table} ADD COLUMN {step.name} {step.definition}")

    def is_at(self, schema_version: int) -> bool:
        """Return whether a program with that schema can use the database unchanged.

        Raise StorageError if its schema is too new for that, or it cannot be used at all.
        """
        found = self._version()
        if found > schema_version:
            if self._usable_from() <= schema_version:
                return True
            raise StorageError(
                f"{self._name} was written by a newer p2pchat (schema {found})",
                advice=f"use that version, or: {self._advice}",
            )
        return found == schema_version

    def _usable_from(self) -> int:
        """Return the oldest schema that may use this database; by default its own."""
        return self._version()

    def atomic(self) -> peewee._atomic:
        """Commit everything or nothing, with the database's own exceptions."""
        return self.database.atomic()

    def _likely_cause(self, _: BaseException) -> str:
        return self._likely

    def _after_an_error(self) -> None:
        """Repair what an error may have broken."""

    def _begin_change(self) -> None:
        """Keep other processes from changing the schema until the transaction ends."""

    def _version(self) -> int:
        """Return the schema's version; 0 if there is none."""
        raise NotImplementedError

    def _note_version(self, version: int, usable_from: int) -> None:
        raise NotImplementedError


class _Sqlite(Store):
    """A SQLite file; the schema's version is in user_version."""

    def __init__(self, file: Path, advice: str, pragmas: Mapping[str, str]) -> None:
        self.sqlite = peewee.SqliteDatabase(
            str(file), pragmas=dict(pragmas), timeout=_BUSY_TIMEOUT_S
        )
        super().__init__(
            self.sqlite,
            str(file),
            "the disk failed, or the file is not yours",
            advice,
        )

    @contextmanager
    def in_thread(self) -> Iterator[None]:
        """Open the connection at once: later, no descriptor may be left for it."""
        with super().in_thread():
            with suppress(StorageError):  # raised again when it is used
                self._version()
            yield

    def atomic(self) -> peewee._atomic:
        return self.sqlite.atomic("immediate")

    @contextmanager
    def quick_transaction(self) -> Iterator[None]:
        """Commit everything or nothing, without waiting for the disk.

        A crash of the process loses nothing. A power failure may undo the change, and later ones of
        this kind; it does not damage the file.
        """
        with self.errors():
            self.rows("PRAGMA synchronous = normal")  # has no effect within a transaction
        try:
            with self.transaction():
                yield
        finally:
            try:
                self.rows("PRAGMA synchronous = full")
            except peewee.DatabaseError:  # a rollback has failed; the next connection is durable
                self.sqlite.close()

    def _likely_cause(self, reason: BaseException) -> str:
        """Return the usual cause of SQLite's error code (https://sqlite.org/rescode.html)."""
        code = getattr(reason, "sqlite_errorcode", 0) & 0xFF
        return _CAUSES.get(code, self._likely)

    def _version(self) -> int:
        with self.errors():
            return int(self.sqlite.pragma("user_version"))

    def _note_version(self, version: int, _: int) -> None:
        self.sqlite.pragma("user_version", version)


class SqliteFile(_Sqlite):
    """A SQLite file with mode 0600, created if it does not exist; commits are durable (WAL).

    `functions`: those that SQL may call, also in triggers.
    `alone`: no other process may have it open in this way at the same time. A new file appears only
    with its complete schema, so an empty one is damaged. Raise StorageError, with `advice`, if it
    cannot be opened, was written by a newer p2pchat, can be read by others, or is in use alone by
    another process.
    """

    def __init__(
        self,
        file: Path,
        tables: Sequence[type[peewee.Model]],
        schema_version: int,
        advice: str,
        steps: Mapping[int, Sequence[Step]] = NO_STEPS,
        finish: Sequence[str] = (),
        functions: Mapping[str, Callable[..., object]] = NO_FUNCTIONS,
        *,
        alone: bool = False,
    ) -> None:
        pragmas = {"journal_mode": "wal", "synchronous": "full", "secure_delete": "on"}
        super().__init__(file, advice, pragmas | ({"trusted_schema": "on"} if functions else {}))
        for name, function in functions.items():
            self.sqlite.register_function(function, name, deterministic=True)
        self._lock = _lock(file, advice) if alone else None
        try:
            with self.errors():
                if not file.exists():
                    self._make(file, tables, schema_version, finish)
                refuse_unless_private_file(file)
                refuse_if_damaged(file, advice)
                self.bring_to(schema_version, tables, steps, finish)
        except StorageError:
            self.release()
            raise

    def _make(
        self,
        file: Path,
        tables: Sequence[type[peewee.Model]],
        schema_version: int,
        finish: Sequence[str],
    ) -> None:
        """Create the file under another name, and link it to its own once it is complete.

        If another process was faster, its file is kept.
        """
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.stem}-") as folder:
            unnamed = Path(folder) / file.name
            make_private(unnamed)
            new = _Sqlite(unnamed, self._advice, {})
            with closing(new):
                new.bring_to(schema_version, tables, finish=finish)
            with suppress(FileExistsError):
                file.hardlink_to(unnamed)

    def release(self) -> None:
        """Close the calling thread's connection, the last one, and release any lock."""
        self.close()
        if self._lock is not None:
            self._lock.close()


def try_to_open(file: Path, schema_version: int, advice: str) -> None:
    """Raise StorageError if the existing file cannot be used; change nothing.

    An older schema is not migrated.
    """
    store = _Sqlite(file, advice, {})
    with store.errors(), closing(store):
        refuse_unless_private_file(file)
        refuse_if_damaged(file, advice)
        store.is_at(schema_version)
        with store.sqlite.atomic("immediate") as transaction:  # works on any file
            store.sqlite.pragma("user_version", store.sqlite.pragma("user_version"))
            transaction.rollback()
        found = store.sqlite.pragma("quick_check", 1)
        if found != "ok":
            raise StorageError(f"{file} is damaged: {found}", likely=_DAMAGED, advice=advice)


def refuse_if_damaged(file: Path, advice: str) -> None:
    """Raise StorageError if the file is empty, which would otherwise be treated as new."""
    if not file.stat().st_size:
        raise StorageError(f"{file} is empty", likely=_DAMAGED, advice=advice)


def _lock(file: Path, advice: str) -> IO[bytes]:
    """Lock the file beside it until it is closed or the process ends. Raise StorageError."""
    name = file.with_suffix(".lock")
    try:
        lock = lock_private(name)
    except OSError as error:
        raise StorageError(f"{name} cannot be written: {error.strerror}", advice=advice) from error
    if lock is None:
        raise StorageError(
            f"another registry is using {file.parent}",
            likely="p2p serve is already running, perhaps in a terminal that was closed",
            advice=f"stop it, or {advice}",
        )
    return lock


def in_use(file: Path) -> bool:
    """Return whether another process uses the file alone; create nothing. Raise StorageError."""
    name = file.with_suffix(".lock")
    try:
        return is_locked(name)
    except OSError as error:
        raise StorageError(f"{name} cannot be read: {error.strerror}") from error


def empty_tables(file: Path, tables: Sequence[str]) -> None:
    """Delete all rows of these tables, and their traces, from an otherwise unused file."""
    if tables:
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            for table in tables:
                database.execute(f"DELETE FROM {table}")  # noqa: S608  # a name of the program's
            database.execute("VACUUM")


def as_bytes(blob: bytes | memoryview | None) -> bytes | None:
    """Return the value of a blob column as bytes; its type depends on the database."""
    return None if blob is None else bytes(blob)
