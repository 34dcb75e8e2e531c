"""What the user is told of a chat that was asked for, whatever happens to its links."""

import pytest

from p2pchat.errors import CallRejected, P2PError, Unreachable
from p2pchat.peer.chat.chat_wish import ChatWish, WishState
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import (
    CallFailed,
    Calling,
    ChatEnded,
    ChatStarted,
    ContactAway,
    ContactBack,
    ContactLeft,
    ContactLost,
    Event,
)
from p2pchat.protocol.client.state import Security
from tests.peer.chat.test_conversations import friends, texts
from tests.world import World

GONE = Unreachable("cannot reach 10.0.0.3:4000: connection refused")


class Told:
    """A wish to chat with bob, and the events that it reported."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.wish = ChatWish("bob", self.events.append)


def test_known_contact_is_reported_away_once() -> None:
    """Repeated failed calls report the contact away once; the chat survives lost links."""
    told = Told()
    told.wish.begin(stranger=False)
    for _ in range(3):
        told.wish.calling()
        told.wish.not_reached(GONE)
    assert told.events == [ContactAway("bob", GONE)]
    assert told.wish.state is WishState.UNREACHABLE
    told.wish.linked(Security.VERIFIED)
    told.wish.lost(None)
    told.wish.not_reached(GONE)
    told.wish.linked(Security.VERIFIED)
    assert told.events[1:] == [
        ChatStarted("bob", Security.VERIFIED),
        ContactLost("bob", None),
        ContactBack("bob"),
    ]
    assert told.wish.started


@pytest.mark.parametrize(
    ("stranger", "error"), [(True, GONE), (False, CallRejected("no")), (True, CallRejected("no"))]
)
def test_failed_call_ends_the_wish(stranger: bool, error: P2PError) -> None:
    """A call to a stranger that fails, or one that is rejected, ends the wish."""
    told = Told()
    told.wish.begin(stranger=stranger)
    told.wish.calling()
    told.wish.not_reached(error)
    told.wish.not_reached(error)
    assert told.events == [*([Calling("bob")] if stranger else []), CallFailed("bob", error)]
    assert not told.wish.wished


def test_lines_to_an_unreachable_address_wait(secure_world: World) -> None:
    """If an online contact's machine does not answer, lines wait and are delivered later."""
    world = secure_world
    alice, bob = friends(world)
    bobs = bob.node.address
    assert bobs is not None
    listener = world.internet.listeners.pop(bobs)
    world.cannot_meet("bob")
    for left, _ in world.internet.wires:
        if {left.local.host, left.remote.host} == {alice.host, bob.host}:
            left.cut()
    world.settle()
    alice.told()
    alice.node.call("bob")
    world.settle()
    (away,) = [e for e in alice.told() if isinstance(e, ContactAway)]
    assert away.error is not None
    assert str(Address(bob.host, bobs.port)) in away.error.what
    alice.node.say("bob", "later")
    state = alice.node.chat("bob")
    assert state is not None
    assert state.away
    world.internet.listeners[bobs] = listener
    bob.told()
    world.advance(5)
    assert texts(bob.told()) == ["later"]
    assert [e for e in alice.told() if isinstance(e, ChatStarted)]


def test_contact_closing_and_reopening_the_chat_is_reported_once() -> None:
    """Closing and reopening are each reported once, and only during a chat."""
    told = Told()
    told.wish.here(here=False)
    told.wish.begin(stranger=False)
    told.wish.here(here=False)
    assert told.events == []
    told.wish.linked(Security.VERIFIED)
    for here in (True, False, False, True, True):
        told.wish.here(here=here)
    assert told.events[1:] == [ContactLeft("bob"), ContactBack("bob")]
    told.wish.here(here=False)
    told.wish.lost(None)
    told.wish.away()
    told.wish.linked(Security.VERIFIED)
    assert told.events[-3:] == [ContactLost("bob", None), ContactAway("bob"), ContactBack("bob")]
    told.wish.end()
    told.wish.lost(None)
    assert told.events[-1] == ChatEnded("bob", None)
    assert told.wish.state is WishState.NONE


def test_abandoned_wish_reports_nothing() -> None:
    """An abandoned wish reports nothing but a changed key, which matters to queued lines."""
    told = Told()
    told.wish.calling()
    told.wish.linked(Security.VERIFIED)
    told.wish.not_reached(GONE)
    told.wish.fail(GONE)
    assert told.events == []
    told.wish.fail(GONE, even_if_unwished=True)
    assert told.events == [CallFailed("bob", GONE)]


@pytest.mark.parametrize("stranger", [False, True])
def test_contact_going_offline_during_a_call_is_reported(stranger: bool) -> None:
    """The contact is reported away, so lines wait; the chat starts when they are back."""
    told = Told()
    told.wish.begin(stranger=stranger)
    told.wish.calling()
    told.wish.away()
    told.wish.linked(Security.VERIFIED)
    assert told.events[-2:] == [ContactAway("bob"), ChatStarted("bob", Security.VERIFIED)]
