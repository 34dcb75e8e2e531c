"""Two people connect although neither can be dialled: the registry joins their connections."""

import pytest

from p2pchat.protocol.client.events import ChatStarted, TextReceived
from p2pchat.protocol.client.state import Security
from tests.world import Person, World

A, B = "10.0.0.2", "10.0.0.3"


@pytest.fixture
def world(secure_world: World) -> World:
    """Return a world of the secure dialect, whose people cannot be dialled."""
    secure_world.internet.walled |= {A, B}
    return secure_world


def _texts(person: Person) -> list[str]:
    return [event.text for event in person.told() if isinstance(event, TextReceived)]


def test_strangers_behind_routers_chat(world: World) -> None:
    """A call between two people who cannot be dialled is asked, accepted and used both ways."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.advance(1)
    assert bob.node.called_by == ["alice"]
    bob.node.accept()
    world.settle()
    assert ChatStarted("bob", Security.UNVERIFIED) in alice.told()
    bob.told()
    alice.node.say("bob", "hello")
    bob.node.say("alice", "hello yourself")
    world.settle()
    assert _texts(bob) == ["hello"]
    assert _texts(alice) == ["hello yourself"]
