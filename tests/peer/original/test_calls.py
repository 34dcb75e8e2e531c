"""Calls of the original dialect: one at a time, refused while busy, withdrawn, crossed."""

import pytest

from p2pchat.errors import CallRejected, ContactBusy, UsageError
from p2pchat.protocol.client.events import (
    Called,
    CallFailed,
    Calling,
    CallTurnedAway,
    CallWithdrawn,
    ChatStarted,
)
from p2pchat.protocol.client.state import Security
from tests.world import Person, World

A, B, C = "10.0.0.2", "10.0.0.3", "10.0.0.4"


@pytest.fixture
def three(original_world: World) -> tuple[Person, Person, Person]:
    """Return alice, bob and carol, logged in."""
    world = original_world
    people = world.person("alice", A), world.person("bob", B), world.person("carol", C)
    for person in people:
        person.told()
    return people


def test_rejected_call_ends_for_both(
    original_world: World, three: tuple[Person, Person, Person]
) -> None:
    """After a rejected call both sides may call again."""
    alice, bob, _ = three
    alice.node.call("bob")
    original_world.settle()
    assert alice.told() == [Calling("bob")]
    assert bob.told() == [Called("alice")]
    bob.node.reject()
    original_world.settle()
    (failed,) = alice.told()
    assert isinstance(failed, CallFailed)
    assert isinstance(failed.error, CallRejected)
    bob.node.call("alice")
    original_world.settle()
    assert alice.told() == [Called("bob")]


def test_busy_node_refuses_other_callers(
    original_world: World, three: tuple[Person, Person, Person]
) -> None:
    """A second caller gets BUSY and both users are told; the first call keeps waiting."""
    alice, bob, carol = three
    alice.node.call("bob")
    original_world.settle()
    carol.node.call("bob")
    original_world.settle()
    failed = carol.told()[-1]
    assert isinstance(failed, CallFailed)
    assert isinstance(failed.error, ContactBusy)
    assert bob.told() == [Called("alice"), CallTurnedAway("carol")]
    bob.node.accept("alice")
    original_world.settle()
    assert bob.told() == [ChatStarted("alice", Security.CLEAR)]
    with pytest.raises(UsageError, match="in a chat with alice"):
        bob.node.call("carol")


def test_withdrawn_call_is_reported(
    original_world: World, three: tuple[Person, Person, Person]
) -> None:
    """The callee is told that the call was withdrawn and is free again."""
    alice, bob, carol = three
    alice.node.call("bob")
    original_world.settle()
    with pytest.raises(UsageError, match="you are calling bob already"):
        alice.node.call("carol")
    assert alice.node.leave("bob")
    original_world.settle()
    assert bob.told() == [Called("alice"), CallWithdrawn("alice")]
    with pytest.raises(UsageError, match="there is no call to answer"):
        bob.node.accept()
    carol.node.call("bob")
    original_world.settle()
    assert bob.told() == [Called("carol")]


def test_crossing_calls_become_one_chat(
    original_world: World, three: tuple[Person, Person, Person]
) -> None:
    """Of two crossing calls one gives way, and the users are in a chat."""
    alice, bob, _ = three
    alice.node.call("bob")
    bob.node.call("alice")
    original_world.settle()
    for person, contact in ((alice, "bob"), (bob, "alice")):
        told = person.told()
        assert ChatStarted(contact, Security.CLEAR) in told
        assert not [event for event in told if isinstance(event, CallFailed)]
    alice.say("hello")
    original_world.settle()
    assert [line.text for line in bob.node.history.lines("alice")] == ["hello"]


def test_calling_a_caller_accepts_the_call(
    original_world: World, three: tuple[Person, Person, Person]
) -> None:
    """Calling a user who is calling accepts their call."""
    alice, bob, _ = three
    alice.node.call("bob")
    original_world.settle()
    bob.node.call("alice")
    original_world.settle()
    assert ChatStarted("alice", Security.CLEAR) in bob.told()
