"""Callers on their way in: too many, too fast, or while nobody can say who they are."""

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
    """Return the registry's end of the machine's session."""
    (session,) = [
        right
        for left, right in world.internet.wires
        if left.local.host == host and right.local.host == world.url.host
    ]
    return session


def hang_registry_of(world: World, host: str) -> None:
    """Let what the machine asks the registry be lost from now on."""
    session_of(world, host).on_data = lambda _: None


class HeldQuestions:
    """What a machine asks the registry from now on, which hears it only at `release`."""

    def __init__(self, world: World, host: str) -> None:
        self._session = session_of(world, host)
        self._hear = self._session.on_data
        self._held: list[bytes] = []
        self._session.on_data = self._held.append

    def release(self) -> None:
        """Let the registry hear all of it, and what comes after it."""
        self._session.on_data = self._hear
        self._hear(b"".join(self._held))


def test_who_cannot_be_introduced_is_refused_in_time(secure_world: World) -> None:
    """A registry that hangs keeps nobody waiting for ever, and the person is told."""
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


def test_quitting_does_not_wait_for_introductions(secure_world: World) -> None:
    """Whoever was on the way in is rejected at once."""
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


def test_only_so_many_are_introduced_at_once(secure_world: World) -> None:
    """Their questions would wait in front of our own; the rest hear that we are busy."""
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


def test_whoever_calls_too_often_is_not_told_of(original_world: World) -> None:
    """One address cannot fill the screen with its calls."""
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


def test_a_profile_that_cannot_be_read_refuses_the_caller(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says so; the node goes on."""
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


def test_whoever_waits_for_ever_is_hung_up_on(original_world: World) -> None:
    """An unattended node is not busy for good."""
    world = original_world
    alice = world.person("alice", A)
    holding = Stranger(world, alice, "10.6.6.6")
    holding.say(ChatRequest("x", 5))
    world.advance(PATIENCE + 1)
    assert holding.closed
    assert alice.node.called_by == []
