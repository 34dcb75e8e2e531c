"""Who pretends to be a contact, in clear or with a key of their own, is refused: no more than that.

A whole registry and whole nodes in one process, by a hand-moved clock.
"""

import pytest

from p2pchat.errors import NotTrusted, UsageError
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.event_json import event_object
from p2pchat.protocol.client.events import (
    Called,
    CallerRefused,
    CallFailed,
    ChatStarted,
    TextReceived,
)
from p2pchat.protocol.client.state import Security
from p2pchat.protocol.messages import Presence, SearchResult
from p2pchat.ui.text.render import plain_lines
from tests.fakes import MemoryTransport
from tests.peer.calls.test_caller_verification import HeldQuestions
from tests.peer.chat.test_conversations import A, B, friends, texts
from tests.world import ORIGINAL_URL, Person, World

C = "10.0.0.4"


@pytest.fixture
def world(secure_world: World) -> World:
    """The secure dialect, and an original listener for those who are talked to in clear."""
    return secure_world


def call_in_clear(world: World, callee: Person, name: str) -> list[bytes]:
    """Call at the listener for the original dialect as that name; return what is answered."""
    (address,) = [
        a for a in world.internet.listeners if a.host == callee.host and a != callee.node.address
    ]
    answers: list[bytes] = []

    def connected(wire: MemoryTransport) -> None:
        wire.on_data = answers.append
        payload = f"{name} 4000".encode()
        wire.write(str(len(payload)).encode().ljust(10) + b"CHAT_REQ       " + payload)

    network = world.internet.machine(C)
    network.dial(Address(callee.host, address.port), 5, connected, lambda e: pytest.fail(e.what))
    world.settle()
    return answers


def test_a_name_with_a_pinned_key_is_not_accepted_in_clear(world: World) -> None:
    """Whoever calls by that name; the person is told why, and nothing is shown of a chat."""
    alice = world.person("alice", A, allow_original=True)
    bob = world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    bob.node.accept()
    world.settle()
    alice.told()
    (answer,) = call_in_clear(world, alice, "bob")
    assert answer.endswith(b"REJECT")
    (refused,) = alice.told()
    assert isinstance(refused, CallerRefused)
    assert "in clear" in refused.error.what
    assert alice.node.called_by == []


def test_a_call_in_clear_says_that_anyone_can_claim_the_name(world: World) -> None:
    """In the request itself, wherever it is shown, and with every message."""
    alice = world.person("alice", A, allow_original=True)
    olga = world.person("olga", B, url=ORIGINAL_URL)
    alice.told()
    olga.node.call("alice")
    world.settle()
    (called,) = alice.told()
    assert called == Called("olga")
    assert isinstance(called, Called)
    assert called.security is Security.CLEAR
    assert "in clear, where anyone can claim this name" in plain_lines(called)[0]
    assert event_object(called, 0)["security"] == "clear"
    alice.node.accept()
    world.settle()
    olga.say("hi")
    world.settle()
    events = alice.told()
    assert ChatStarted("olga", Security.CLEAR) in events
    assert any("anyone can claim" in line for e in events for line in plain_lines(e))
    (text,) = [e for e in events if isinstance(e, TextReceived)]
    assert event_object(text, 0)["security"] == "clear"


def test_encrypted_messages_say_so_too(world: World) -> None:
    """Unverified, until the numbers were compared."""
    alice, bob = friends(world)
    bob.node.call("alice")
    world.settle()
    bob.say("hi")
    world.settle()
    (text,) = [e for e in alice.told() if isinstance(e, TextReceived)]
    assert event_object(text, 0)["security"] == "unverified"


def impersonate(world: World, callee: Person, name: str, *, vouched: bool = False) -> Person:
    """Let somebody with a key and an account of their own call as that name.

    `vouched`: the registry says that it is theirs.
    """
    mallory = world.person("mallory", C, claims=name)
    if vouched:
        world.lie(name, mallory.home.identity.public)
    callee.told()
    mallory.node.call(callee.name)
    world.settle()
    return mallory


def test_a_forged_alarm_plants_no_key(world: World) -> None:
    """Somebody else calls as bob: it is an impostor, not a new key of bob's."""
    alice, bob = friends(world)
    before = alice.node.contacts.get("bob")
    impersonate(world, alice, "bob")
    (refused,) = [e for e in alice.told() if isinstance(e, CallerRefused)]
    assert isinstance(refused.error, NotTrusted)
    assert "another key than the one we know" not in refused.error.what
    assert "it is not bob" in refused.error.what
    assert "trust" not in refused.error.advice
    assert alice.node.contacts.get("bob") == before
    with pytest.raises(UsageError):
        alice.node.contacts.other_number("bob")
    alice.node.call("bob")
    world.settle()
    bob.told()
    alice.say("still you")
    world.settle()
    assert texts(bob.told()) == ["still you"]


def test_a_key_that_the_registry_publishes_too_is_offered(world: World) -> None:
    """Bob has a new machine: that is worth an alarm, and a number."""
    alice, bob = friends(world)
    bob.node.stop()
    world.advance(3)
    new_bob = world.person("bob", B, home=world.home("bob's new machine"))
    alice.told()
    new_bob.node.call("alice")
    world.settle()
    (refused,) = [e for e in alice.told() if isinstance(e, CallerRefused)]
    assert "the registry says that bob has another key" in refused.error.what
    assert alice.node.contacts.other_number("bob")


def test_who_answers_at_a_contacts_address_is_an_impostor(world: World) -> None:
    """The registry's word for where bob is, and the pinned key for who: nothing is planted."""
    alice, bob = friends(world)
    mallory = world.person("mallory", C)
    bobs, mallorys = bob.node.address, mallory.node.address
    assert bobs is not None
    assert mallorys is not None
    world.internet.listeners[bobs] = world.internet.listeners[mallorys]
    for left, _ in world.internet.wires:
        if {left.local.host, left.remote.host} == {A, B}:
            left.cut()
    alice.told()
    alice.node.call("bob")
    world.advance(1)
    failures = [e for e in alice.told() if isinstance(e, CallFailed)]
    assert "it is not bob" in failures[0].error.what
    with pytest.raises(UsageError):
        alice.node.contacts.other_number("bob")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "localhost", "printer.local", "0.0.0.0", "::"]
)
def test_a_registry_elsewhere_sends_nobody_to_their_own_machine(world: World, host: str) -> None:
    """Nor to a name, which would be looked up: whatever listens there would be called."""
    alice = world.person("alice", A)
    session = alice.node.registry
    dialled: list[Address] = []
    session.search = (  # type: ignore[method-assign]
        lambda _, then, __: then(SearchResult(Presence.ONLINE, host, 4000, b"k" * 32))  # type: ignore[assignment]
    )
    world.internet.listeners[Address(host, 4000)] = lambda wire: dialled.append(wire.remote)
    alice.told()
    alice.node.call("bob")
    world.advance(5)
    assert dialled == []
    assert [e for e in alice.told() if isinstance(e, CallFailed)]


@pytest.mark.parametrize("when", ["while it asks", "while it waits"])
def test_a_key_that_is_pinned_while_a_stranger_calls_counts(world: World, when: str) -> None:
    """Whoever calls as bob with another key is not taken, though nobody knew bob's when it began.

    Not even where the registry vouches for them.
    """
    alice, bob = world.person("alice", A), world.person("bob", B)
    true_key = bob.home.identity.public
    if when == "while it asks":
        questions = HeldQuestions(world, A)
        mallory = impersonate(world, alice, "bob", vouched=True)
        assert alice.node.called_by == []
        alice.node.contacts.accept("bob", true_key)
        questions.release()
    else:
        mallory = impersonate(world, alice, "bob", vouched=True)
        assert alice.node.called_by == ["bob"]
        alice.node.contacts.accept("bob", true_key)
        alice.node.accept("bob")
    world.settle()
    told = alice.told()
    assert [type(e.error) for e in told if isinstance(e, CallerRefused)] == [NotTrusted]
    assert not [e for e in told if isinstance(e, ChatStarted)]
    assert alice.node.contacts.get("bob").key == true_key
    assert alice.node.called_by == []
    assert [e for e in mallory.told() if isinstance(e, CallFailed)]


def test_who_is_not_to_be_disturbed_is_not_called_in_clear(world: World) -> None:
    """Nobody can say who such a caller is, so they are strangers."""
    alice = world.person("alice", A, allow_original=True)
    alice.node.do_not_disturb.turn(on=True)
    alice.told()
    (answer,) = call_in_clear(world, alice, "olga")
    assert answer.endswith(b"BUSY")
    assert alice.told() == []
