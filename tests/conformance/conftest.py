"""The registry under test, a real process, and users with unique names for each test."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.programs import Raw, Serve

_count = itertools.count()


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Yield one registry for all tests that do not end it."""
    off = (
        *("requests-per-second=0", "searches-per-minute=0", "new-connections-per-minute=0"),
        *("registrations-per-hour=0", "registrations-per-hour-and-address=0"),
    )
    limits = [word for limit in off for word in ("--limit", limit)]
    serve = Serve(
        tmp_path_factory.mktemp("registry"), "--quiet", "--password-cost", "64:1", *limits
    )
    yield serve
    serve.kill()


@pytest.fixture
def name() -> str:
    """Return an unused name."""
    return f"user{next(_count)}"


@pytest.fixture
def connect(registry: Serve) -> Iterator[Callable[[], Raw]]:
    """Yield a function that dials the registry."""
    opened: list[Raw] = []

    def dial() -> Raw:
        opened.append(Raw(registry.tcp))
        return opened[-1]

    yield dial
    for raw in opened:
        raw.close()


@pytest.fixture
def free_port() -> int:
    """Return a port number that no other test announces."""
    return 20_000 + next(_count)
