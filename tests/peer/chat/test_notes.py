"""Notes to oneself are stored once, delivered at once, and reported to programs as messages."""

import pytest

from p2pchat.callbacks import ignore
from p2pchat.errors import UsageError
from p2pchat.protocol.client.events import ChatEnded, ChatStarted, Delivered, Said, TextReceived
from p2pchat.protocol.client.state import Security
from p2pchat.protocol.names import is_plain_username
from tests.world import World

A = "10.0.0.2"


def test_note_is_said_delivered_and_received(secure_world: World) -> None:
    """A note is stored once, and line numbers continue after a restart."""
    world = secure_world
    alice = world.person("alice", A)
    alice.told()
    for number, text in enumerate(("first", "second"), start=1):
        alice.node.conversations.say("alice", text)
        world.settle()
        assert alice.told() == [
            Said("alice", text, number),
            Delivered("alice", 0, number),
            TextReceived("alice", text, security=Security.VERIFIED),
        ]
    assert [(line.text, line.state.value) for line in alice.node.history.lines("alice")] == [
        ("first", "delivered"),
        ("second", "delivered"),
    ]
    assert alice.node.history.unread() == alice.node.history.waiting() == {}
    alice.node.stop()
    world.settle()
    again = world.person("alice", A)
    again.node.conversations.say("alice", "third")
    world.settle()
    assert Said("alice", "third", 3) in again.told()


def test_chat_with_oneself_needs_no_contact(secure_world: World) -> None:
    """The user can chat with their own name or `me`, without a request and without a contact."""
    world = secure_world
    alice = world.person("alice", A)
    alice.told()
    assert alice.client().named("me") == "alice"
    alice.node.call("alice")
    world.settle()
    assert alice.told() == [ChatStarted("alice", Security.VERIFIED)]
    chat = alice.node.chat("alice")
    assert chat is not None
    assert (chat.waiting, chat.away) == (0, False)
    assert alice.node.leave("alice")
    assert not alice.node.leave("alice")
    world.settle()
    assert alice.told() == [ChatEnded("alice", None)]
    assert alice.node.contacts.all() == []


def test_note_cannot_be_too_long_cancelled_or_retried(secure_world: World) -> None:
    """A note above the limit is refused; nothing is queued, so nothing can be cancelled."""
    alice = secure_world.person("alice", A)
    with pytest.raises(UsageError, match="was not sent"):
        alice.node.conversations.say("alice", "x" * 65_537)
    counts: list[tuple[int, int]] = []
    alice.node.conversations.outbox.cancel("alice", lambda *count: counts.append(count), ignore)
    assert counts == [(0, 0)]
    with pytest.raises(UsageError, match="nothing for alice has failed"):
        alice.node.conversations.outbox.put("alice", None, ())


def test_me_is_reserved_in_any_case(secure_world: World) -> None:
    """`me` names the user in any case and cannot be registered."""
    alice = secure_world.person("alice", A)
    assert alice.client().named("ME") == "alice"
    assert not is_plain_username("me")


def test_notes_are_refused_in_clear(original_world: World) -> None:
    """The original dialect has no chat with oneself."""
    alice = original_world.person("alice", A)
    with pytest.raises(UsageError, match="yourself in clear"):
        alice.node.call("alice")
