"""Fixtures shared by the tests of all packages."""

import gc
import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType

import pytest
from hypothesis import HealthCheck, settings

from p2pchat.net.loop import Loop
from tests import fork_server, surroundings
from tests.fakes import FakeClock
from tests.people import People, Registry
from tests.postgres import Postgres
from tests.programs import running
from tests.world import World


def pytest_xdist_auto_num_workers() -> int:
    """Return two workers more than processors, since tests of real programs mostly wait."""
    return (os.cpu_count() or 1) + 2


def pytest_configure() -> None:
    """Make the tests independent of whoever starts them, and of the machine's load."""
    surroundings.leave()
    settings.register_profile(
        "tests",
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("tests")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Give each frame of a failed test a line, without which pytest ends the whole run.

    In Python 3.11 some instructions have none, and `timeout` interrupts a test at any instruction.
    """
    try:
        return (yield)
    except BaseException as error:
        error.__traceback__ = _with_lines(error.__traceback__)
        raise


def _with_lines(traceback: TracebackType | None) -> TracebackType | None:
    if traceback is None:
        return None
    frame, line = (
        traceback.tb_frame,
        traceback.tb_lineno or traceback.tb_frame.f_code.co_firstlineno,
    )
    return TracebackType(_with_lines(traceback.tb_next), frame, traceback.tb_lasti, line)


def pytest_collection_finish() -> None:
    """Exclude what has been imported and collected from garbage collections: it is not garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _fork_programs() -> Iterator[None]:
    """Fork `p2p` from a process that has imported it, since most of a start is importing."""
    fork_server.enable()
    yield
    fork_server.close_all()


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop with a fake clock."""
    loop = Loop(FakeClock(), strict=True)
    yield loop
    loop.close()


@pytest.fixture
def real_loop() -> Iterator[Loop]:
    """A loop with the real clock, for real sockets."""
    loop = Loop(strict=True)
    yield loop
    for _ in range(10):  # the last callbacks of what was closed
        loop.run_once(0)
    assert loop.idle, "a descriptor is still watched"
    loop.close()


def _world(loop: Loop, folder: Path, *, secure: bool) -> Iterator[World]:
    world = World(loop, folder, secure=secure)
    yield world
    world.close()


@pytest.fixture(params=[False, True], ids=["original", "secure"])
def world(request: pytest.FixtureRequest, loop: Loop, tmp_path: Path) -> Iterator[World]:
    """A registry and an in-memory internet, once in each dialect."""
    yield from _world(loop, tmp_path, secure=request.param)


@pytest.fixture
def original_world(loop: Loop, tmp_path: Path) -> Iterator[World]:
    """Like `world`, in the original dialect only."""
    yield from _world(loop, tmp_path, secure=False)


@pytest.fixture
def secure_world(loop: Loop, tmp_path: Path) -> Iterator[World]:
    """Like `world`, in the secure dialect only."""
    yield from _world(loop, tmp_path, secure=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL for all tests that need one."""
    # Not below pytest's own folder, which is not readable by the user that PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="p2pchat-postgres-") as folder:
        server = Postgres(Path(folder))
        yield server
        server.close()


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The URL of an empty database."""
    return postgres.new_database()


@pytest.fixture(scope="session")
def acquainted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, People]]:
    """A registry, and two users who have chatted there; `people` copies their profiles."""
    folder = tmp_path_factory.mktemp("acquainted")
    registry = Registry(folder / "r")
    with running(registry):
        yield registry, People(registry, folder)


@pytest.fixture
def people(acquainted: tuple[Registry, People], tmp_path: Path) -> People:
    """Two users who have chatted before."""
    registry, like = acquainted
    return People(registry, tmp_path, like)
