"""Notes to oneself: kept once, delivered at once, and told to programs as messages."""

import pytest

from p2pchat.errors import UsageError
from p2pchat.protocol.client.events import ChatEnded, ChatStarted, Delivered, Said, TextReceived
from p2pchat.protocol.client.state import Security
from p2pchat.protocol.names import is_plain_username
from tests.world import World

A = "10.0.0.2"


def test_a_note_is_said_delivered_and_told(secure_world: World) -> None:
    """And is in the history once; numbers go on in the next run."""
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


def test_the_chat_with_oneself_is_a_chat(secure_world: World) -> None:
    """By our name or as "me"; nobody is asked, and we are no contact of ours."""
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


def test_what_is_too_long_is_refused_and_nothing_else_can_be_done(secure_world: World) -> None:
    """Nothing waits, so nothing can be cancelled or said again."""
    alice = secure_world.person("alice", A)
    with pytest.raises(UsageError, match="was not sent"):
        alice.node.conversations.say("alice", "x" * 65_537)
    assert alice.node.conversations.outbox.cancel("alice") == 0
    with pytest.raises(UsageError, match="nothing for alice has failed"):
        alice.node.conversations.outbox.put("alice", None, ())


def test_nobody_else_is_called_me(secure_world: World) -> None:
    """The name is reserved, in whatever case it is typed."""
    alice = secure_world.person("alice", A)
    assert alice.client().named("ME") == "alice"
    assert not is_plain_username("me")


def test_in_clear_nobody_talks_to_themselves(original_world: World) -> None:
    """There a chat needs two programs."""
    alice = original_world.person("alice", A)
    with pytest.raises(UsageError, match="yourself in clear"):
        alice.node.call("alice")
