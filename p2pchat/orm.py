"""Imports peewee without the drivers of other databases.

peewee imports every driver that is installed: psycopg alone takes 15 MB and a tenth of a second in
each command. `registry.store.postgres` imports it where it is used.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_DRIVERS = ("psycopg", "psycopg2", "psycopg2cffi", "pymysql", "MySQLdb", "pysqlite3")


@contextmanager
def _hidden(*modules: str) -> Iterator[None]:
    """Make imports of these modules fail, except of those already imported."""
    missing = [module for module in modules if module not in sys.modules]
    sys.modules.update(dict.fromkeys(missing))  # type: ignore[arg-type]  # None: cannot be imported
    try:
        yield
    finally:
        for module in missing:
            del sys.modules[module]


with _hidden(*_DRIVERS):
    import peewee

__all__ = ["peewee"]
