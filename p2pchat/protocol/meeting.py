"""The messages by which two clients meet at the registry, and the heartbeat over TCP.

Only for clients and registries that can `meet` (PROTOCOL, "Meeting"). See `circuit` for the
connections that follow.
"""

from typing import Final

from p2pchat.protocol.messages import Answer, Message, Outcome, Reason, Request, check_port
from p2pchat.protocol.names import check_name

CAN_MEET: Final = "meet"
"""The word by which a client or a registry says that it knows the messages of this module."""

TICKET_BYTES: Final = 16
TICKET_LIFETIME: Final = 20.0
"""Seconds in which both ends must have used their tickets."""

_MAX_LINK: Final = 400
"""Characters; the longest host name and a fingerprint fit."""


class Meet(Request, frozen=True):
    """Ask for a circuit with that user."""

    username: str

    def __post_init__(self) -> None:
        check_name(self.username)


class MeetResult(Answer, frozen=True):
    """OK: dial the registry at `relay` (empty: where we are) and show the ticket there.

    FAIL: OFFLINE, RELAY_OFF or RELAY_FULL.
    """

    outcome: Outcome
    reason: Reason | None = None
    ticket: bytes = b""
    relay: str = ""
    secret = frozenset({"ticket"})

    def __post_init__(self) -> None:
        if self.outcome is Outcome.OK:
            check_ticket(self.ticket)
        _check_relay(self.relay)


class Meeting(Message, frozen=True):
    """A user asks for a circuit with us; sent without a request. Fields as in MeetResult."""

    username: str
    ticket: bytes
    relay: str = ""
    secret = frozenset({"ticket"})

    def __post_init__(self) -> None:
        check_name(self.username)
        check_ticket(self.ticket)
        _check_relay(self.relay)


class Ping(Request, frozen=True):
    """Count as a heartbeat, where no datagram passes."""


class Pong(Answer, frozen=True):
    """The address from which the registry sees this connection come."""

    host: str
    port: int

    def __post_init__(self) -> None:
        check_port(self.port)


def check_ticket(ticket: bytes) -> None:
    """Raise ValueError if a ticket does not have TICKET_BYTES."""
    if len(ticket) != TICKET_BYTES:
        raise ValueError(f"a ticket has {TICKET_BYTES} bytes")


def _check_relay(relay: str) -> None:
    if len(relay) > _MAX_LINK:
        raise ValueError("the relay's link is too long")
