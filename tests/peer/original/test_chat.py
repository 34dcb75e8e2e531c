"""A chat in the original dialect: two links, and no message that ends it."""

from p2pchat.peer.original.chat import LAST_WORDS_TIMEOUT
from p2pchat.protocol.client.events import ChatEnded, TextReceived
from tests.world import World

A, B = "10.0.0.2", "10.0.0.3"


def test_chat_ends_a_moment_after_the_contact_hangs_up(
    original_world: World,
) -> None:
    """After our link is closed, the contact's own link may still bring texts for a moment."""
    world = original_world
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    bob.node.accept()
    world.settle()
    bob.say("first")
    world.settle()
    alice.told()
    ends = [left for left, _ in world.internet.wires if left.local.host == A]
    ours = next(end for end in ends if end.remote.host == B)
    ours.other.end(None)
    world.settle()
    assert TextReceived("bob", "first") in alice.all_events
    world.advance(LAST_WORDS_TIMEOUT + 1)
    assert isinstance(alice.events[-1], ChatEnded)
