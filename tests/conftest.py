"""Fixtures that every floor's tests share."""

from collections.abc import Iterator

import pytest

from p2pchat.net.loop import Loop
from tests.fakes import FakeClock


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop whose clock is moved by hand."""
    loop = Loop(FakeClock())
    yield loop
    loop.close()


@pytest.fixture
def real_loop() -> Iterator[Loop]:
    """A loop on the machine's clock, for real sockets."""
    loop = Loop()
    yield loop
    assert loop.idle, "a descriptor is still watched"
    loop.close()
