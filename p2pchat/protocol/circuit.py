"""The dialogue at the beginning of a circuit: a connection that a registry joins to another one.

After JOINED, the bytes of each end are passed to the other as they are (PROTOCOL, "Circuit").
"""

import ipaddress
from typing import Final

from p2pchat.protocol.dialects import Dialect
from p2pchat.protocol.meeting import check_ticket
from p2pchat.protocol.messages import Message, Reason, check_port
from p2pchat.protocol.secure import json_codec
from p2pchat.protocol.states import Dialogue, Speaker, State

CIRCUIT_ALPN: Final = "p2pchat-circuit/1"

MOST_EARLY: Final = 4096
"""Bytes that an end may send after JOIN before it is joined."""

_LIMIT: Final = 256


class Join(Message, frozen=True):
    """The ticket of one end."""

    ticket: bytes
    secret = frozenset({"ticket"})

    def __post_init__(self) -> None:
        check_ticket(self.ticket)


class Joined(Message, frozen=True):
    """The other end has come. `host` and `port`: where this connection comes from.

    `bytes` and `seconds`: what the circuit may carry and last; 0: there is no limit.
    """

    host: str
    port: int
    bytes: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.bytes < 0 or not self.seconds >= 0:
            raise ValueError("a circuit cannot carry or last less than nothing")
        ipaddress.ip_address(self.host)
        check_port(self.port)


class NoCircuit(Message, frozen=True):
    """There will be no circuit: BAD_TICKET, RELAY_FULL, or SILENT if the other end did not come."""

    reason: Reason


CIRCUIT: Final = Dialect(
    "circuit",
    (
        json_codec(Join, "JOIN", _LIMIT),
        json_codec(Joined, "JOINED", _LIMIT),
        json_codec(NoCircuit, "NO_CIRCUIT", _LIMIT),
    ),
)

CIRCUIT_DIALOGUE: Final = Dialogue(
    State.TICKET_DUE,
    {
        (State.TICKET_DUE, Speaker.DIALLER): {Join: State.WAITING},
        (State.WAITING, Speaker.LISTENER): {Joined: State.JOINED, NoCircuit: State.OVER},
    },
)
"""The dialogue of an end (dialler) and the registry (listener), until the ends are joined."""
