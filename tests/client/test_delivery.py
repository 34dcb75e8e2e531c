"""Deliveries of `p2p send`: delivered, queued or refused, and not lost after a timeout."""

from functools import partial

import pytest

from p2pchat.client.delivery import Delivery
from p2pchat.errors import P2PError, UsageError
from p2pchat.peer.chat.conversation import Conversation
from p2pchat.protocol.client.events import OutboxFailed, TextReceived
from p2pchat.protocol.messages import Message
from tests.peer.chat.test_conversations import A, B, friends
from tests.world import Person, World

QUEUED = "it is queued and will be sent when bob is online"


class Sender:
    """A delivery from alice, and its outcome."""

    def __init__(self, world: World, alice: Person, contact: str, wait: float = 10) -> None:
        self.result: list[P2PError | None] = []
        delivery = Delivery(
            world.loop,
            alice.node,
            contact,
            partial(alice.node.conversations.outbox.queue, contact, ("one", "two")),
            wait,
            lambda error, _: self.result.append(error),
        )
        alice.hear_too(delivery.on_event)
        self.delivery = delivery
        world.settle()

    @property
    def error(self) -> tuple[int, str]:
        """Return the exit code and text of the error."""
        (error,) = self.result
        assert error is not None
        return error.exit_code, error.what


def texts(person: Person) -> list[str]:
    return [e.text for e in person.all_events if isinstance(e, TextReceived)]


def test_delivery_succeeds_when_acknowledged(secure_world: World) -> None:
    """A delivery succeeds when the contact has acknowledged it, over an open chat if
    there is one.
    """
    alice, bob = friends(secure_world)
    for _ in range(2):
        assert Sender(secure_world, alice, "bob").result == [None]
    assert texts(bob) == ["one", "two"] * 2


def test_offline_contact_is_reported_at_once(secure_world: World) -> None:
    """Lines to an offline contact are queued at once and delivered later."""
    alice, bob = friends(secure_world)
    bob.node.stop()
    secure_world.settle()
    assert Sender(secure_world, alice, "bob").error == (6, f"bob is offline; {QUEUED}")
    bob = secure_world.person("bob", B)
    secure_world.settle()
    assert texts(bob) == ["one", "two"]


def test_stranger_who_does_not_answer_in_time(secure_world: World) -> None:
    """After the timeout the lines stay queued and are delivered if the stranger accepts."""
    alice, bob = secure_world.person("alice", A), secure_world.person("bob", B)
    sender = Sender(secure_world, alice, "bob")
    assert sender.result == []
    secure_world.advance(11)
    assert sender.error == (6, f"bob has not acknowledged it yet; {QUEUED}")
    bob.node.accept()
    secure_world.settle()
    assert texts(bob) == ["one", "two"]


def test_refused_delivery_has_its_exit_code(secure_world: World) -> None:
    """An unknown user, a rejection and an invalid name each have their own error."""
    alice, bob = secure_world.person("alice", A), secure_world.person("bob", B)
    assert Sender(secure_world, alice, "nobody").error[0] == 5
    sender = Sender(secure_world, alice, "bob")
    bob.node.reject()
    secure_world.settle()
    assert sender.error[0] == 7
    with pytest.raises(UsageError):
        Sender(secure_world, alice, "al ice")
    assert Sender(secure_world, alice, "alice").result == [None]


def test_line_on_its_way_is_not_reported_as_failed(secure_world: World) -> None:
    """A line that was sent is not failed by a cancellation or a changed key."""
    alice, _ = friends(secure_world)
    alice.node.call("bob")
    secure_world.settle()
    conversation = alice.node.conversations.get("bob")
    assert isinstance(conversation, Conversation)
    assert conversation.link is not None
    hear = conversation.link.on_message
    held: list[Message] = []
    conversation.link.on_message = held.append
    secure_world.lie("bob", b"another key of thirty-two bytes!")
    sender = Sender(secure_world, alice, "bob")
    sender.delivery.on_event(OutboxFailed("bob", P2PError("it was cancelled"), 1))
    secure_world.settle()
    assert sender.result == []
    for message in held:
        hear(message)
    secure_world.settle()
    assert sender.result == [None]
