"""The messages and the dialogue on a node's control socket (ARCHITECTURE, "Clients of a node").

It connects processes of one user on one machine. Frames and rules are those of all dialogues.
"""

from typing import Any, Final

import msgspec

from p2pchat.protocol.client.event_json import event_object, read_event
from p2pchat.protocol.client.failure import Failure
from p2pchat.protocol.client.orders import AnyOrder, AnyResult
from p2pchat.protocol.client.state import NodeState, StateChanged
from p2pchat.protocol.dialects import Codec, Dialect
from p2pchat.protocol.messages import Message
from p2pchat.protocol.secure import json_codec
from p2pchat.protocol.states import Dialogue, Speaker, State

VERSION: Final = 2
"""The version of this protocol. Both processes use one installation, except during an upgrade."""

_LARGE: Final = 8 * 1024 * 1024


class Hello(Message, frozen=True):
    """The client's first message: what it is, and what it wants to receive.

    `follow`: events and changes of state. `only`: no events about other users. `attended`: a user
    reads them. `seen`: what was processed becomes read, and unread lines come first. `waits`:
    contacts are not read while the client is behind.
    """

    protocol: int = VERSION
    follow: bool = False
    only: str = ""
    attended: bool = False
    seen: bool = False
    waits: bool = False


class Welcome(Message, frozen=True):
    """The node's answer: its account and its state.

    `transient`: a command that is online only briefly. `names`: users met or looked up.
    """

    protocol: int
    version: str
    username: str
    registry: str
    secure: bool
    transient: bool
    names: tuple[str, ...]
    unread: dict[str, int]
    state: NodeState


class Ordered(Message, frozen=True):
    """An order; its answer has the same `number`."""

    number: int
    order: AnyOrder


class Answered(Message, frozen=True):
    """The result or failure of an order, with the change of state before it."""

    number: int
    result: AnyResult | None = None
    failure: Failure | None = None
    state: StateChanged | None = None


class Happened(Message, frozen=True):
    """An event, as its object of EVENTS.md, with the change of state before it.

    `number` grows by one.
    """

    number: int
    event: Any
    state: StateChanged | None = None
    secret = frozenset({"event"})


class Taken(Message, frozen=True):
    """The client has processed events up to that number."""

    number: int


class Alive(Message, frozen=True):
    """A sign of life, which the node sends every few seconds."""


class Bye(Message, frozen=True):
    """The node ends; `failure` is the reason, unless it was intended."""

    failure: Failure | None = None


def _write_event(happened: Message) -> bytes:
    assert isinstance(happened, Happened)
    fields = {"number": happened.number, "event": event_object(happened.event, 0)}
    if happened.state is not None:
        fields["state"] = happened.state
    return msgspec.json.encode(fields)


def _read_event(payload: bytes) -> Happened:
    try:
        fields = msgspec.json.decode(payload, type=dict[str, Any])
        state = msgspec.convert(fields.get("state"), StateChanged | None)
        return Happened(int(fields["number"]), read_event(fields["event"]), state)
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None


CONTROL: Final = Dialect(
    "control",
    (
        json_codec(Hello, "HELLO"),
        json_codec(Welcome, "WELCOME", _LARGE),
        json_codec(Ordered, "ORDER", _LARGE),
        json_codec(Answered, "ANSWER", _LARGE),
        json_codec(StateChanged, "STATE", _LARGE),
        Codec(Happened, "EVENT", _LARGE, _write_event, _read_event),
        json_codec(Taken, "TAKEN"),
        json_codec(Alive, "ALIVE"),
        json_codec(Bye, "BYE", _LARGE),
    ),
)

CONTROL_DIALOGUE: Final = Dialogue(
    State.GREETING,
    {
        (State.GREETING, Speaker.DIALLER): {Hello: State.GREETED},
        (State.GREETED, Speaker.LISTENER): {Welcome: State.READY, Bye: State.OVER},
        (State.READY, Speaker.DIALLER): dict.fromkeys((Ordered, Taken), State.READY),
        (State.READY, Speaker.LISTENER): {
            **dict.fromkeys((Answered, StateChanged, Happened, Alive), State.READY),
            Bye: State.OVER,
        },
    },
)
"""The dialogue of a client (dialler) and the node (listener)."""
