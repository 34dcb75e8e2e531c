"""What the person is told of a wish to talk, whatever becomes of links."""

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
    """A wish to talk with bob, and what was told of it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.wish = ChatWish("bob", self.events.append)


def test_somebody_whom_we_know_is_away_once() -> None:
    """However often a call fails; then the chat starts, and goes on over lost links."""
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
def test_a_wish_that_fails(stranger: bool, error: P2PError) -> None:
    """A stranger must be asked first, so nothing can wait for them; and a no is a no."""
    told = Told()
    told.wish.begin(stranger=stranger)
    told.wish.calling()
    told.wish.not_reached(error)
    told.wish.not_reached(error)
    assert told.events == [*([Calling("bob")] if stranger else []), CallFailed("bob", error)]
    assert not told.wish.wished


def test_what_is_written_to_an_address_where_nobody_answers_waits(secure_world: World) -> None:
    """The registry says that bob is online, and his machine has gone: no line is refused."""
    world = secure_world
    alice, bob = friends(world)
    bobs = bob.node.address
    assert bobs is not None
    listener = world.internet.listeners.pop(bobs)
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


def test_a_contact_who_closes_it_and_opens_it_again() -> None:
    """Told once each; a new link begins with an open one, and nothing is told of no chat."""
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


def test_a_wish_that_was_given_up_is_told_nothing() -> None:
    """But that a key has changed is told where lines wait, although nobody wishes to talk."""
    told = Told()
    told.wish.calling()
    told.wish.linked(Security.VERIFIED)
    told.wish.not_reached(GONE)
    told.wish.fail(GONE)
    assert told.events == []
    told.wish.fail(GONE, even_if_unwished=True)
    assert told.events == [CallFailed("bob", GONE)]


@pytest.mark.parametrize("stranger", [False, True])
def test_a_contact_who_goes_offline_while_they_are_called(stranger: bool) -> None:
    """It is told, so that what is written meanwhile waits; the chat starts when they are back."""
    told = Told()
    told.wish.begin(stranger=stranger)
    told.wish.calling()
    told.wish.away()
    told.wish.linked(Security.VERIFIED)
    assert told.events[-2:] == [ContactAway("bob"), ChatStarted("bob", Security.VERIFIED)]
