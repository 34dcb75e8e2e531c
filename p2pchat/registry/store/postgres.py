"""PostgreSQL through peewee and psycopg 3, with short timeouts.

Knows no table of ours except the one that stores the schema version.
"""

from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from p2pchat.orm import peewee
from p2pchat.storage import Store

CONNECTION: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "client_encoding": "UTF8",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "p2pchat",
    "options": "-c statement_timeout=5s -c lock_timeout=4s"
    " -c idle_in_transaction_session_timeout=30s",
}
"""Connection parameters; a statement that times out fails, and the caller retries it."""

_SCHEMA_LOCK: Final = 0x70327063  # arbitrary, but the same in every p2pchat


class _Adapter(peewee.Psycopg3Adapter):
    """peewee's adapter, which has no driver because `orm` hides it."""

    txn_idle = TransactionStatus.IDLE
    txn_inerror = TransactionStatus.INERROR
    txn_unknown = TransactionStatus.UNKNOWN

    def check_driver(self) -> None:
        """Do nothing: the driver is there."""

    def get_binary_type(self) -> type[object]:
        return psycopg.Binary

    def connect(self, db: peewee.Database, **params: Any) -> psycopg.Connection:
        return psycopg.connect(db.database, **params)


class _Database(peewee.PostgresqlDatabase):
    psycopg2_adapter = psycopg3_adapter = _Adapter


class Postgres(Store):
    """The database at the URL. A broken connection is replaced at the next statement."""

    def __init__(self, url: str) -> None:
        database = _Database(url, **CONNECTION)
        super().__init__(
            database,
            "the shared database",
            "it is down or unreachable, or the URL is wrong",
            "check the URL (--database) with psql",
        )

    def _after_an_error(self) -> None:
        if not self.database.is_connection_usable():
            self.database.close()

    def _begin_change(self) -> None:
        self.rows("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))

    def _version(self) -> int:
        with self.errors():
            if not self.database.table_exists("p2pchat_schema"):
                return 0
            return int(self.rows("SELECT version FROM p2pchat_schema")[0][0])

    def _usable_from(self) -> int:
        rows = self.rows("SELECT COALESCE(usable_from, version) FROM p2pchat_schema")
        return int(rows[0][0])

    def _note_version(self, version: int, usable_from: int) -> None:
        self.rows("CREATE TABLE IF NOT EXISTS p2pchat_schema (version INTEGER NOT NULL)")
        self.rows("ALTER TABLE p2pchat_schema ADD COLUMN IF NOT EXISTS usable_from INTEGER")
        self.rows("DELETE FROM p2pchat_schema")
        self.rows(
            "INSERT INTO p2pchat_schema (version, usable_from) VALUES (%s, %s)",
            (version, usable_from),
        )
