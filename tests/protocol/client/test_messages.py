"""Messages between a node and its clients survive the codec, and their texts stay out of logs."""

from typing import Any

import pytest

from p2pchat.errors import LinkLost
from p2pchat.protocol.client import orders as o
from p2pchat.protocol.client.events import ChatEnded, Event, TextReceived
from p2pchat.protocol.client.failure import failure_of
from p2pchat.protocol.client.lines import KeptLine, LineState, ScheduledLine
from p2pchat.protocol.client.messages import (
    CONTROL,
    CONTROL_DIALOGUE,
    Alive,
    Answered,
    Bye,
    Happened,
    Hello,
    Ordered,
    Taken,
    Welcome,
)
from p2pchat.protocol.client.node_order import Done, Order
from p2pchat.protocol.client.state import ChatState, NodeState, Security, StateChanged
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.messages import Message, Presence
from p2pchat.protocol.states import Speaker
from tests.protocol.client.test_event_json import EVENTS

LINE = KeptLine(1, "bob", True, 1, "u", 5, "secret words", LineState.QUEUED)
STATE = NodeState(chats={"bob": ChatState(Security.VERIFIED, 3)}, muted=frozenset({"carol"}))
WELCOME = Welcome(2, "0.1", "alice", "p2p://r", True, False, ("bob",), {"bob": 2}, STATE)


def _ends() -> tuple[Connection, Connection]:
    """Return the two ends of a connection, after the greeting."""
    client, node = (Connection(CONTROL_DIALOGUE, CONTROL, speaker) for speaker in Speaker)
    assert list(node.feed(client.send(Hello(follow=True, only="bob")))) == [
        Hello(follow=True, only="bob")
    ]
    assert list(client.feed(node.send(WELCOME))) == [WELCOME]
    return client, node


@pytest.mark.parametrize(
    "order",
    [
        o.Say("bob", "secret words"),
        o.Send("bob", ("secret words",), ("a1",), 5.0, 7),
        o.Schedule("bob", "secret words", 5, 7),
        o.ReadLines("bob", states=(LineState.FAILED,), limit=3),
        o.SetDoNotDisturb(True, 60.0),
        o.GetStatus(),
    ],
)
def test_orders_survive_the_codec_and_hide_their_text(order: Order[Any]) -> None:
    """The node receives each order unchanged; its repr does not contain the text."""
    client, node = _ends()
    ordered = Ordered(1, order)  # type: ignore[arg-type]
    assert list(node.feed(client.send(ordered))) == [ordered]
    assert "secret" not in repr(ordered)


@pytest.mark.parametrize(
    "message",
    [
        Answered(1, Done()),
        Answered(2, o.Lines((LINE,), (ScheduledLine("bob", "u", "secret words", 1, 2),))),
        Answered(3, o.Whereabouts(Presence.ONLINE, "::1", 5)),
        Answered(4, o.ContactList((o.ListedContact("bob", "verified", online=True),))),
        Answered(5, failure=failure_of(LinkLost("x", unsent=3))),
        Answered(6, o.Switch(True), state=StateChanged(dnd=True)),
        StateChanged(calling=None, chats={"bob": None}),
        Happened(1, TextReceived("bob", "secret words", 1, 2, Security.VERIFIED)),
        Happened(2, ChatEnded("bob", None), StateChanged(chats={"bob": None})),
        Alive(),
        Bye(failure_of(LinkLost("x"))),
    ],
)
def test_node_messages_survive_the_codec_and_hide_their_text(message: Message) -> None:
    """The client receives each message unchanged; its repr does not contain the text."""
    client, node = _ends()
    assert list(client.feed(node.send(message))) == [message]
    assert "secret" not in repr(message)


def test_client_acknowledges_events_repeatedly() -> None:
    """A client may send TAKEN any number of times."""
    client, node = _ends()
    data = client.send(Taken(7)) + client.send(Taken(9))
    assert list(node.feed(data)) == [Taken(7), Taken(9)]


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_event_number_is_separate_from_event_fields(event: Event) -> None:
    """The number of an event does not collide with the fields of the event itself."""
    client, node = _ends()
    (heard,) = client.feed(node.send(Happened(7, event)))
    assert isinstance(heard, Happened)
    assert heard.number == 7
    assert type(heard.event) is type(event)


@pytest.mark.parametrize(("texts", "wait"), [((), 1.0), (("x",), -1.0), (("x",), float("nan"))])
def test_malformed_send_order_is_refused(texts: tuple[str, ...], wait: float) -> None:
    """An order without texts or with an invalid wait raises ValueError; it cannot crash
    the node.
    """
    with pytest.raises(ValueError, match=r"no texts|not a valid time"):
        o.Send("bob", texts, tuple(f"a{n}" for n in range(len(texts))), wait, 1)


def test_unknown_event_is_a_protocol_violation() -> None:
    """A client treats an unknown event as a protocol violation."""
    client, node = _ends()
    frame = node.send(Happened(1, ChatEnded("bob", None)))
    with pytest.raises(Exception, match="EVENT"):
        list(client.feed(frame.replace(b"chat_ended", b"chat_endex")))
