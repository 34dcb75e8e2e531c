"""peewee is imported without the drivers that are installed."""

import subprocess
import sys

import pytest

_MODULES = ("p2pchat.registry.store.stores", "p2pchat.peer.store.profile", "p2pchat.app.run")


@pytest.mark.parametrize("module", _MODULES)
def test_no_driver_is_imported_before_it_is_used(module: str) -> None:
    """psycopg is installed here, but only a registry with a PostgreSQL URL imports it."""
    script = f"import sys, {module}; print('peewee' in sys.modules, 'psycopg' in sys.modules)"
    assert _run(script) == "True False"


def test_driver_can_be_imported_afterwards() -> None:
    """Hiding the drivers leaves no trace in the interpreter."""
    assert _run("import p2pchat.orm, psycopg; print(psycopg.__name__)") == "psycopg"


def test_driver_that_was_imported_before_stays() -> None:
    """A program that uses both a driver and the library keeps its driver."""
    script = "import psycopg, p2pchat.orm, sys; print(sys.modules['psycopg'] is psycopg)"
    assert _run(script) == "True"


def _run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
