"""A chat in the original dialect: two links, no goodbye, last words."""

from p2pchat.peer.original.chat import LAST_WORDS_TIMEOUT
from p2pchat.protocol.client.events import ChatEnded, TextReceived
from tests.world import World

A, B = "10.0.0.2", "10.0.0.3"


def test_a_contact_who_hangs_up_on_our_link_has_still_a_moment_to_speak(
    original_world: World,
) -> None:
    """Their own link may bring more; then it is over."""
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
