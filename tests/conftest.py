"""Fixtures that every floor's tests share."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchat.net.loop import Loop
from tests import fork_server
from tests.fakes import FakeClock
from tests.people import People, Registry
from tests.postgres import Postgres
from tests.programs import running
from tests.world import World


def pytest_xdist_auto_num_workers() -> int:
    """Have a worker more than processors: tests of real programs wait for them."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session", autouse=True)
def _fork_programs() -> Iterator[None]:
    """Let tests fork `p2p` from a process that has imported it: most of a start is importing."""
    fork_server.enable()
    yield
    fork_server.close_all()


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop whose clock is moved by hand."""
    loop = Loop(FakeClock(), strict=True)
    yield loop
    loop.close()


@pytest.fixture
def real_loop() -> Iterator[Loop]:
    """A loop on the machine's clock, for real sockets."""
    loop = Loop(strict=True)
    yield loop
    for _ in range(10):  # the last calls of what was closed
        loop.run_once(0)
    assert loop.idle, "a descriptor is still watched"
    loop.close()


def _world(loop: Loop, folder: Path, *, secure: bool) -> Iterator[World]:
    world = World(loop, folder, secure=secure)
    yield world
    world.close()


@pytest.fixture(params=[False, True], ids=["original", "secure"])
def world(request: pytest.FixtureRequest, loop: Loop, tmp_path: Path) -> Iterator[World]:
    """A registry and an internet of memory, where people use one dialect, then the other."""
    yield from _world(loop, tmp_path, secure=request.param)


@pytest.fixture
def original_world(loop: Loop, tmp_path: Path) -> Iterator[World]:
    """The same, in the original dialect only."""
    yield from _world(loop, tmp_path, secure=False)


@pytest.fixture
def secure_world(loop: Loop, tmp_path: Path) -> Iterator[World]:
    """The same, in the secure dialect only."""
    yield from _world(loop, tmp_path, secure=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL for all tests that need one."""
    # Not below pytest's own folder: where we are root, it runs as somebody who may not look there.
    with tempfile.TemporaryDirectory(prefix="p2pchat-postgres-") as folder:
        server = Postgres(Path(folder))
        yield server
        server.close()


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The URL of a database with nothing in it."""
    return postgres.new_database()


@pytest.fixture(scope="session")
def acquainted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, People]]:
    """A registry, and two who have talked there; others begin with what they have."""
    folder = tmp_path_factory.mktemp("acquainted")
    registry = Registry(folder / "r")
    with running(registry):
        yield registry, People(registry, folder)


@pytest.fixture
def people(acquainted: tuple[Registry, People], tmp_path: Path) -> People:
    """Two who have talked before."""
    registry, like = acquainted
    return People(registry, tmp_path, like)
