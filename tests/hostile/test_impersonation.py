"""A user who claims to be a contact, in clear or with another key, is refused without side effects.

A whole registry and whole nodes run in one process on a fake clock.
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
    """Return a world of the secure dialect with an original listener as well."""
    return secure_world


def call_in_clear(world: World, callee: Person, name: str) -> list[bytes]:
    """Call in clear under this name, and return the answers."""
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


def test_name_with_a_pinned_key_is_refused_in_clear(world: World) -> None:
    """The user is told why, and no chat is shown."""
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


def test_call_in_clear_is_marked_as_unauthenticated(world: World) -> None:
    """The request and every message say that anyone can claim the name."""
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


def test_encrypted_messages_are_marked_too(world: World) -> None:
    """An encrypted message is marked as unverified or verified."""
    alice, bob = friends(world)
    bob.node.call("alice")
    world.settle()
    bob.say("hi")
    world.settle()
    (text,) = [e for e in alice.told() if isinstance(e, TextReceived)]
    assert event_object(text, 0)["security"] == "unverified"


def impersonate(world: World, callee: Person, name: str, *, vouched: bool = False) -> Person:
    """Let a user with a key and an account of their own call under this name.

    If `vouched`, the registry publishes that key for the name.
    """
    mallory = world.person("mallory", C, claims=name)
    if vouched:
        world.lie(name, mallory.home.identity.public)
    callee.told()
    mallory.node.call(callee.name)
    world.settle()
    return mallory


def test_impostor_cannot_plant_a_key(world: World) -> None:
    """A caller with another key is an impostor; it is not offered as the contact's new key."""
    alice, bob = friends(world)
    before = alice.node.contacts.get("bob")
    impersonate(world, alice, "bob")
    (refused,) = [e for e in alice.told() if isinstance(e, CallerRefused)]
    assert isinstance(refused.error, NotTrusted)
    assert "a different key from the one we know" not in refused.error.what
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


def test_new_key_published_by_the_registry_is_offered(world: World) -> None:
    """A contact's new machine raises a warning and offers the number of the new key."""
    alice, bob = friends(world)
    bob.node.stop()
    world.advance(3)
    new_bob = world.person("bob", B, home=world.home("bob's new machine"))
    alice.told()
    new_bob.node.call("alice")
    world.settle()
    (refused,) = [e for e in alice.told() if isinstance(e, CallerRefused)]
    assert "the registry says that bob has a different key" in refused.error.what
    assert alice.node.contacts.other_number("bob")


def _impostor(world: World) -> tuple[Person, Person, Person]:
    """Return alice, bob, whom she knows, and mallory, who answers at his address."""
    alice, bob = friends(world)
    mallory = world.person("mallory", C)
    bobs, mallorys = bob.node.address, mallory.node.address
    assert bobs is not None
    assert mallorys is not None
    world.internet.listeners[bobs] = world.internet.listeners[mallorys]
    for left, _ in world.internet.wires:
        if {left.local.host, left.remote.host} == {A, B}:
            left.cut()
    return alice, bob, mallory


def test_impostor_at_a_contacts_address_is_refused(world: World) -> None:
    """If another node answers at the contact's address, the call fails and no key is planted."""
    alice, _, _ = _impostor(world)
    world.cannot_meet("bob")
    alice.told()
    alice.node.call("bob")
    world.advance(1)
    failures = [e for e in alice.told() if isinstance(e, CallFailed)]
    assert "it is not bob" in failures[0].error.what
    with pytest.raises(UsageError):
        alice.node.contacts.other_number("bob")


def test_impostor_at_a_contacts_address_does_not_keep_us_from_the_contact(world: World) -> None:
    """The contact is met at the registry, and the impostor gets no call."""
    alice, bob, mallory = _impostor(world)
    alice.node.call("bob")
    world.advance(1)
    bob.told()
    alice.node.say("bob", "hello")
    world.settle()
    assert [e.text for e in bob.told() if isinstance(e, TextReceived)] == ["hello"]
    assert not [e for e in mallory.all_events if isinstance(e, Called)]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "localhost", "printer.local", "0.0.0.0", "::"]
)
def test_remote_registry_cannot_name_local_addresses(world: World, host: str) -> None:
    """A remote registry cannot make a node dial its own machine or look up a name."""
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
def test_key_pinned_during_a_call_is_enforced(world: World, when: str) -> None:
    """A caller with another key is refused even if the contact's key was pinned only during the
    call, and even if the registry vouches for the caller.
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


def test_do_not_disturb_refuses_calls_in_clear(world: World) -> None:
    """A caller in clear counts as a stranger."""
    alice = world.person("alice", A, allow_original=True)
    alice.node.do_not_disturb.turn(on=True)
    alice.told()
    (answer,) = call_in_clear(world, alice, "olga")
    assert answer.endswith(b"BUSY")
    assert alice.told() == []
