"""When and how patiently a conversation looks for a link."""

import itertools
from typing import Any

import pytest

from p2pchat.protocol.address import Address
from tests.fakes import MemoryNetwork
from tests.peer.chat.test_conversations import friends
from tests.world import World, unread_at

A, B = "10.0.0.2", "10.0.0.3"


def test_unreachable_contact_is_dialled_with_growing_pauses(
    secure_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unreachable contact is dialled with growing pauses while the registry says ONLINE."""
    world = secure_world
    alice, bob = friends(world)
    listener = next(a for a in world.internet.listeners if a.host == B)
    accept = world.internet.listeners.pop(listener)
    world.cannot_meet("bob")
    alice.node.call("bob")
    world.settle()
    alice.node.call("bob")
    world.settle()
    alice.node.conversations.get("bob").say("hello")  # type: ignore[union-attr]
    tries: list[float] = []
    dial = MemoryNetwork.dial

    def counted(network: MemoryNetwork, address: Address, *more: Any) -> Any:
        if (network.host, address.host) == (A, B):
            tries.append(world.loop.now())
        return dial(network, address, *more)

    monkeypatch.setattr(MemoryNetwork, "dial", counted)
    world.advance(200)
    pauses = [b - a for a, b in itertools.pairwise(tries)]
    assert len(pauses) >= 4
    assert max(pauses) <= 60
    assert pauses[-1] > pauses[0]
    world.internet.listeners[listener] = accept
    world.advance(61)
    assert [line.text for line in unread_at(bob.node, "alice")] == ["hello"]
    tries.clear()
    world.advance(1000)
    assert tries == []
