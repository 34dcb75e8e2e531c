"""Two people connect although neither can be dialled: the registry joins their connections."""

import pytest

from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import ChatStarted, PathChanged, TextReceived
from p2pchat.protocol.client.state import LinkPath, Security
from tests.peer.chat.test_conversations import friends
from tests.world import Person, World

A, B = "10.0.0.2", "10.0.0.3"


@pytest.fixture
def world(secure_world: World) -> World:
    """Return a world of the secure dialect, whose people cannot be dialled."""
    secure_world.internet.walled = {A, B}
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
    for person, contact in ((alice, "bob"), (bob, "alice")):
        told = person.told()
        assert ChatStarted(contact, Security.UNVERIFIED) in told
        assert PathChanged(contact, LinkPath.RELAYED) in told
        state = person.node.chat(contact)
        assert state is not None
        assert state.path is LinkPath.RELAYED
        assert person.node.conversations.links == {contact: "relayed, encrypted, unverified"}
    alice.node.say("bob", "hello")
    bob.node.say("alice", "hello yourself")
    world.settle()
    assert _texts(bob) == ["hello"]
    assert _texts(alice) == ["hello yourself"]


def test_direct_link_is_used_where_there_is_one(secure_world: World) -> None:
    """Whoever can be dialled is dialled: nothing is asked of the registry, nothing reported."""
    world = secure_world
    alice, bob = friends(world)
    alice.node.call("bob")
    world.settle()
    state = alice.node.chat("bob")
    assert state is not None
    assert state.path is LinkPath.LAN
    assert len(world.server.relay) == 0
    assert not [event for event in alice.all_events if isinstance(event, PathChanged)]
    assert bob.node.conversations.links["alice"].startswith(f"direct lan at {A}:")


def test_reachable_person_does_not_turn_away_the_other(secure_world: World) -> None:
    """Alice has a line for bob, who cannot be dialled; his call is not turned away for hers."""
    world = secure_world
    alice, bob = friends(world)
    world.internet.walled = {B}
    world.cannot_meet("bob")
    for left, _ in world.internet.wires:
        if {left.local.host, left.remote.host} == {A, B}:
            left.cut()
    world.settle()
    alice.told()
    conversation = alice.node.conversations.get("bob")
    assert conversation is not None
    conversation.say("are you there?")
    world.advance(1)  # she dials, in vain
    bob.told()
    bob.node.call("alice")
    world.advance(0.5)
    assert _texts(bob) == ["are you there?"]


def test_line_is_delivered_after_the_registry_has_restarted(world: World) -> None:
    """A circuit ends with its registry; the link comes back with it, and no line is lost."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.advance(1)
    bob.node.accept()
    world.settle()
    bob.told()
    world.kill_registry()
    alice.node.say("bob", "one")
    world.advance(30)
    world.start_registry()
    world.advance(120)
    alice.node.say("bob", "two")
    world.settle()
    assert _texts(bob) == ["one", "two"]


def test_user_without_udp_stays_online(secure_world: World) -> None:
    """PING over TCP counts as a heartbeat where no datagram passes."""
    world = secure_world
    world.person("alice", A)
    del world.internet.sockets[Address("10.0.0.1", world.url.udp_port)]
    session = world.presence.find("alice")
    world.advance(2000)
    assert world.presence.find("alice") is session
