"""Any two homes connect, and talk by the best path that their routers allow."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchat.net.loop import Loop
from p2pchat.protocol.client.events import Delivered, TextReceived
from p2pchat.protocol.client.state import LinkPath
from tests.fakes import FakeClock
from tests.nats import KINDS, Filter, Kind, Mapping, NatInternet
from tests.world import Person, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    loop = Loop(FakeClock(), strict=True)
    made = World(loop, tmp_path, secure=True, internet=NatInternet(loop))
    yield made
    made.close()
    loop.close()


def due_path(caller: Kind, callee: Kind) -> LinkPath:
    """Return the best path between two homes."""
    if callee.is_open:
        return LinkPath.DIRECT
    if Filter.ANYBODY in {caller.filter, callee.filter}:
        return LinkPath.PUNCHED  # one dials where the other's circuit came from
    if Mapping.EACH in {caller.mapping, callee.mapping}:
        return LinkPath.RELAYED
    return LinkPath.PUNCHED


def _settle(world: World, name: str, kind: Kind, number: int) -> Person:
    """Bring a person online, in a home of that kind."""
    assert isinstance(world.internet, NatInternet)
    is_public = kind.mapping is Mapping.NONE
    host = f"5.5.{number}.2" if is_public else f"192.168.{number}.2"
    world.internet.settle(host, kind)
    return world.person(name, host)


def _talk(world: World, caller: Person, callee: Person) -> None:
    """Let the two begin a chat, and say lines while their link may move."""
    caller.node.call(callee.name)
    for _ in range(100):
        world.advance(0.05)
        if callee.node.called_by:
            break
    callee.node.accept()
    for n in range(30):
        caller.node.say(callee.name, f"line {n}")
        if n:
            callee.node.say(caller.name, f"line {n}")
        world.advance(0.3)


@pytest.mark.parametrize("caller", KINDS)
def test_any_two_homes_connect(world: World, caller: str) -> None:
    """Each caller with each callee: every line once and in order, by the path that is due."""
    numbers = itertools.count(1)
    for callee in KINDS:
        names = f"a{next(numbers)}", f"b{next(numbers)}"
        alice = _settle(world, names[0], KINDS[caller], next(numbers))
        bob = _settle(world, names[1], KINDS[callee], next(numbers))
        _talk(world, alice, bob)
        for person, other, first in ((bob, alice, 0), (alice, bob, 1)):
            texts = [e.text for e in person.all_events if isinstance(e, TextReceived)]
            assert texts == [f"line {n}" for n in range(first, 30)], (caller, callee)
            waiting = [e.waiting for e in other.all_events if isinstance(e, Delivered)]
            assert waiting[-1] == 0
            state = person.node.chat(other.name)
            assert state is not None
            assert state.path is due_path(KINDS[caller], KINDS[callee]), (caller, callee)
        for person in (alice, bob):
            person.node.stop()
        world.settle()
