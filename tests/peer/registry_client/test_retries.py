"""Retry pauses that grow, are spread randomly, and can be cut short."""

import random

import pytest

from p2pchat.net.loop import Loop
from p2pchat.peer.registry_client.retries import Retries
from tests.fakes import advance, settle


@pytest.fixture
def tries() -> list[float]:
    return []


def test_pauses_double_up_to_the_maximum(loop: Loop) -> None:
    """Each pause is in the upper half of its length, so that clients do not return together."""
    retries = Retries(loop, random.Random(1), first=1.0, longest=8.0)
    for longest in (1, 2, 4, 8, 8, 8):
        assert longest / 2 <= retries.later(lambda: None) <= longest
    retries.reset()
    assert retries.later(lambda: None) <= 1.0
    assert retries.later(lambda: None, instead=30.0) == 30.0
    assert retries.later(lambda: None, more=100.0) > 100.0


def test_only_the_last_retry_is_due(loop: Loop, tries: list[float]) -> None:
    """A newer retry replaces the older one, and stop() cancels it."""
    retries = Retries(loop, random.Random(1), first=1.0, longest=8.0)
    retries.later(lambda: tries.append(1))
    retries.later(lambda: tries.append(2))
    assert retries.due_at is not None
    advance(loop, 10)
    assert tries == [2]
    assert not retries.waiting
    assert retries.due_at is None
    retries.later(lambda: tries.append(3))
    retries.stop()
    advance(loop, 100)
    assert tries == [2]


def test_hurry_runs_a_pending_retry_at_once(loop: Loop, tries: list[float]) -> None:
    """hurry() runs a pending retry at once and only once, and nothing if none is pending."""
    retries = Retries(loop, random.Random(1), first=60.0, longest=60.0)
    retries.hurry()
    retries.later(lambda: tries.append(1))
    retries.hurry()
    settle(loop)
    assert tries == [1]
    advance(loop, 100)
    assert tries == [1]
