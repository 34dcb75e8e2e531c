"""Opening a database safely and bringing it to a schema, for the registry's and the profile's
alike. Knows no table and no query.

Models are bound to nothing and the database is named at each execution: binding is not safe
between threads, nor between two stores in one process.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, NamedTuple

import peewee

from p2pchat.errors import StorageError
from p2pchat.private_files import (
    is_locked,
    lock_private,
    make_private,
    refuse_unless_private_file,
)

_BUSY_TIMEOUT_S = 5

_DAMAGED = "it was cut off or overwritten: by a failed disk or copy, or by another program"

_CAUSES = {
    sqlite3.SQLITE_BUSY: "another process has had it for itself for seconds",
    sqlite3.SQLITE_LOCKED: "another process has had it for itself for seconds",
    sqlite3.SQLITE_READONLY: "the file, its folder or its file system cannot be written to",
    sqlite3.SQLITE_CANTOPEN: "the folder is not there or not yours, or no descriptor is left",
    sqlite3.SQLITE_PERM: "the file is not yours",
    sqlite3.SQLITE_IOERR: "the disk fails, or a quota is used up",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}
"""What SQLite's codes for errors most often mean."""


class AddColumn(NamedTuple):
    """A step of a migration: the column, unless the table has it.

    A table that the older schema did not have was made whole just before.
    """

    table: str
    name: str
    definition: str


Step = AddColumn | str
"""A step of a migration; a text is a statement in SQL."""

NO_STEPS: Mapping[int, Sequence[Step]] = MappingProxyType({})

NO_FUNCTIONS: Mapping[str, Callable[..., object]] = MappingProxyType({})


class Store:
    """A database that errors name as `name`, with what is `likely` and the `advice`.

    Each thread that executes on `database` gets a connection of its own, which `close` closes on
    that thread.
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
        """Raise what the database raises as StorageError; for queries and what reads them."""
        try:
            yield
        except (peewee.DatabaseError, peewee.InterfaceError, OSError) as error:
            reason: BaseException = error
            while reason.__context__ is not None:  # a rollback that fails is but the consequence
                reason = reason.__context__
            self._after_an_error()
            raise StorageError(
                f"{self._name} cannot be used: {' '.join(str(reason).split())}",
                likely=self._likely_cause(reason),
                advice=self._advice,
            ) from error

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run a statement; return the rows that it gives."""
        cursor = self.database.execute_sql(sql, parameters)  # type: ignore[no-untyped-call]
        return list(cursor.fetchall()) if cursor.description else []

    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run a statement once for each row of parameters; within a transaction."""
        self.database.connection().executemany(sql, rows)  # type: ignore[no-untyped-call]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all of it or nothing; errors as of `errors`."""
        with self.errors(), self.atomic():
            yield

    def close(self) -> None:
        """Close the calling thread's connection."""
        self.database.close()

    @contextmanager
    def in_thread(self) -> Iterator[None]:
        """Close the calling thread's connection at the end, if it has one."""
        try:
            yield
        finally:
            self.close()

    def release(self) -> None:
        """Close the calling thread's connection, which is the last one, and any lock."""
        self.close()

    def bring_to(
        self,
        schema_version: int,
        tables: Sequence[type[peewee.Model]],
        steps: Mapping[int, Sequence[Step]] = NO_STEPS,
        finish: Sequence[str] = (),
        usable_from: int = 0,
    ) -> None:
        """Make the missing tables, and run the `steps` that lead an older schema to each version.

        `finish` are the statements that a schema needs after them. Programs that know no newer
        schema than `usable_from` may go on using this one (0: none but its own). Raises
        StorageError where the database cannot be used, or was written by a newer p2pchat that says
        that ours is too old for it.
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
        elif step.name not in {column.name for column in self.database.get_columns(step.table)}:
            self.rows(f"ALTER TABLE {step.table} ADD COLUMN {step.name} {step.definition}")

    def is_at(self, schema_version: int) -> bool:
        """Return whether that schema's program can use it as it is.

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
        """Return the oldest schema whose program can use this database; by default its own."""
        return self._version()

    def atomic(self) -> peewee._atomic:
        """Do all of it or nothing; errors come as the database raises them."""
        return self.database.atomic()

    def _likely_cause(self, _: BaseException) -> str:
        return self._likely

    def _after_an_error(self) -> None:
        """Repair what an error may have broken."""

    def _begin_change(self) -> None:
        """Keep others from changing the schema until the transaction ends."""

    def _version(self) -> int:
        """Return the schema's version; 0 if there is none."""
        raise NotImplementedError

    def _note_version(self, version: int, usable_from: int) -> None:
        raise NotImplementedError


class _Sqlite(Store):
    """A SQLite file, as it is; the schema's version is kept in user_version."""

    def __init__(self, file: Path, advice: str, pragmas: Mapping[str, str]) -> None:
        self.sqlite = peewee.SqliteDatabase(
            str(file), pragmas=dict(pragmas), timeout=_BUSY_TIMEOUT_S
        )
        super().__init__(
            self.sqlite,
            str(file),
            "the disk fails, or the file is not yours",
            advice,
        )

    @contextmanager
    def in_thread(self) -> Iterator[None]:
        """Hold a connection from the start: later there may be no descriptor left for one."""
        with super().in_thread():
            with suppress(StorageError):  # code that needs it gets the error
                self._version()
            yield

    def atomic(self) -> peewee._atomic:
        return self.sqlite.atomic("immediate")

    def _likely_cause(self, reason: BaseException) -> str:
        """Return what SQLite's own code for the error means (https://sqlite.org/rescode.html)."""
        code = getattr(reason, "sqlite_errorcode", 0) & 0xFF
        return _CAUSES.get(code, self._likely)

    def _version(self) -> int:
        with self.errors():
            return int(self.sqlite.pragma("user_version"))

    def _note_version(self, version: int, _: int) -> None:
        self.sqlite.pragma("user_version", version)


class SqliteFile(_Sqlite):
    """A SQLite file with mode 0600, created if it does not exist; in WAL, every commit on the disk.

    `functions`: what SQL, also that of triggers, may call.

    `alone`: no other process may have it so at the same time. It is there with its schema or not at
    all, so that an empty one is known to be damaged. Raise StorageError, with `advice`, where it
    cannot be opened, was written by a newer p2pchat, can be read by others, or is another's alone.
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
        """Create the file under another name, and rename it when it is complete; another process
        may be faster.
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
        """Close the calling thread's connection, which is the last one, and any lock."""
        self.close()
        if self._lock is not None:
            self._lock.close()


def try_to_open(file: Path, schema_version: int, advice: str) -> None:
    """Raise StorageError if the existing file could not be used; change nothing.

    An older schema is left as it is.
    """
    store = _Sqlite(file, advice, {})
    with store.errors(), closing(store):
        refuse_unless_private_file(file)
        refuse_if_damaged(file, advice)
        store.is_at(schema_version)
        with store.sqlite.atomic("immediate") as transaction:  # which alone succeeds on any file
            store.sqlite.pragma("user_version", store.sqlite.pragma("user_version"))
            transaction.rollback()
        found = store.sqlite.pragma("quick_check", 1)
        if found != "ok":
            raise StorageError(f"{file} is damaged: {found}", likely=_DAMAGED, advice=advice)


def refuse_if_damaged(file: Path, advice: str) -> None:
    """Raise StorageError if the file is empty, which would else count as new."""
    if not file.stat().st_size:
        raise StorageError(f"{file} is empty", likely=_DAMAGED, advice=advice)


def _lock(file: Path, advice: str) -> IO[bytes]:
    """Hold the file beside it until the process ends, however it ends. Raise StorageError."""
    name = file.with_suffix(".lock")
    try:
        lock = lock_private(name)
    except OSError as error:
        raise StorageError(f"{name} cannot be written: {error.strerror}", advice=advice) from error
    if lock is None:
        raise StorageError(f"another registry is using {file.parent}", advice=advice)
    return lock


def in_use(file: Path) -> bool:
    """Return whether another process has the file alone; make nothing. Raise StorageError."""
    name = file.with_suffix(".lock")
    try:
        return is_locked(name)
    except OSError as error:
        raise StorageError(f"{name} cannot be read: {error.strerror}") from error
