"""Verification of callers: how many, how fast, and what happens if the registry does not answer."""

import pytest

from p2pchat.errors import NotTrusted, StorageError
from p2pchat.peer.calls.caller_verification import INTRODUCTION_TIMEOUT, PATIENCE
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.protocol.client.events import Called, CallerRefused, CallFailed, CallTurnedAway
from p2pchat.protocol.talk import ChatRequest
from tests.fakes import MemoryTransport
from tests.peer.calls.test_peer_server import Stranger
from tests.world import World

A, B = "10.0.0.2", "10.0.0.3"


def session_of(world: World, host: str) -> MemoryTransport:
    """Return the registry's end of a machine's session."""
    (session,) = [
        right
        for left, right in world.internet.wires
        if left.local.host == host and right.local.host == world.url.host
    ]
    return session


def hang_registry_of(world: World, host: str) -> None:
    """Drop everything that this machine asks the registry from now on."""
    session_of(world, host).on_data = lambda _: None


class HeldQuestions:
    """Holds back what a machine sends to the registry from now on, until `release`."""

    def __init__(self, world: World, host: str) -> None:
        self._session = session_of(world, host)
        self._hear = self._session.on_data
        self._held: list[bytes] = []
        self._session.on_data = self._held.append

    def release(self) -> None:
        """Deliver all of it to the registry, and what is sent later at once."""
        self._session.on_data = self._hear
        self._hear(b"".join(self._held))


def test_unverifiable_caller_is_refused_in_time(secure_world: World) -> None:
    """If the registry hangs, the caller is refused after a timeout and the user is told."""
    world = secure_world
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.told()
    hang_registry_of(world, A)
    bob.node.call("alice")
    world.settle()
    assert alice.told() == []
    world.advance(INTRODUCTION_TIMEOUT + 1)
    refused = [event for event in alice.told() if isinstance(event, CallerRefused)]
    assert [type(event.error) for event in refused] == [NotTrusted]
    assert "does not answer" in refused[0].error.what
    assert isinstance(bob.told()[-1], CallFailed)


def test_stopping_does_not_wait_for_verification(secure_world: World) -> None:
    """Stopping the node hangs up at once on callers that are being verified."""
    world = secure_world
    alice, bob = world.person("alice", A), world.person("bob", B)
    hang_registry_of(world, A)
    bob.node.call("alice")
    world.settle()
    alice.told()
    alice.node.stop()
    world.settle()
    assert alice.told() == []
    assert isinstance(bob.told()[-1], CallFailed)
    assert not [a for a in world.internet.listeners if a.host == A]


def test_pending_verifications_are_limited(secure_world: World) -> None:
    """Only a limited number of callers is verified at once; further callers get BUSY."""
    world = secure_world
    alice = world.person("alice", A, limits=PeerLimits(pending_calls=2))
    questions = HeldQuestions(world, A)
    callers = [world.person(f"c{i}", f"10.1.0.{i + 1}") for i in range(4)]
    for caller in callers:
        caller.told()
        caller.node.call("alice")
        world.settle()
    busy = [c.name for c in callers if any(isinstance(e, CallFailed) for e in c.told())]
    assert busy == ["c2", "c3"]
    alice.told()
    questions.release()
    world.settle()
    assert [e.contact for e in alice.told() if isinstance(e, Called)] == ["c0", "c1"]


def test_frequent_calls_from_one_address_are_not_reported(original_world: World) -> None:
    """Calls above the rate limit of an address produce no events."""
    world = original_world
    alice = world.person("alice", A, limits=PeerLimits(calls_per_minute=3))
    alice.told()
    for i in range(10):
        stranger = Stranger(world, alice, "10.6.6.6")
        assert stranger.say(ChatRequest(f"x{i}", 5)) or i == 0
    told = alice.told()
    assert told == [Called("x0"), CallTurnedAway("x1"), CallTurnedAway("x2")]
    world.advance(20)
    Stranger(world, alice, "10.6.6.6").say(ChatRequest("again", 5))
    assert alice.told() == [CallTurnedAway("again")]


def test_unreadable_profile_refuses_the_caller(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the profile cannot be read, the caller is refused and told; the node goes on."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.told()

    def broken(*_: object) -> None:
        raise StorageError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr(alice.home.profile, "contact", broken)
        bob.node.call("alice")
        world.settle()
    refused = [e for e in alice.told() if isinstance(e, CallerRefused)]
    assert [e.contact for e in refused] == ["bob"]
    assert isinstance(refused[0].error, StorageError)
    bob.told()
    bob.node.call("alice")
    world.settle()
    assert alice.told() == [Called("bob")]


def test_unanswered_call_ends_after_a_timeout(original_world: World) -> None:
    """A call that the user does not answer ends, so an unattended node does not stay busy."""
    world = original_world
    alice = world.person("alice", A)
    holding = Stranger(world, alice, "10.6.6.6")
    holding.say(ChatRequest("x", 5))
    world.advance(PATIENCE + 1)
    assert holding.closed
    assert alice.node.called_by == []
