"""The messages between peers: one frozen class for each, in both dialects.

The original dialect has a request, a reply and texts. In the secure dialect texts are numbered,
synchronised when a link comes up, and acknowledged (ARCHITECTURE, "Nothing lost").
"""

import ipaddress
import re
from enum import StrEnum
from typing import Final

from p2pchat.protocol.files.offers import Offer
from p2pchat.protocol.messages import Abilities, Message, check_port
from p2pchat.protocol.positions import check_sum

_LATEST: Final = 4_102_444_800_000
"""Milliseconds since the epoch: the year 2100, which every calendar can represent."""

MAX_NUMBER: Final = 2**48
"""The highest number of a line, in both directions; no conversation reaches it."""

MAX_JUMP: Final = 2**32
"""The most numbers that SKIP or SYNC may skip at once; more is implausible."""

_ID: Final = re.compile("[0-9A-Za-z_-]{0,64}")
"""The id that a sender gives to a line; empty only in the original dialect."""


def check_line_id(line_id: str) -> None:
    """Raise ValueError if the text is not a valid id of a line."""
    if not _ID.fullmatch(line_id):
        raise ValueError("not a valid id")


class Reply(StrEnum):
    """The answer of the user who was called."""

    ACCEPT = "ACCEPT"
    REJECT = "REJECT"
    BUSY = "BUSY"


class ChatRequest(Message, frozen=True):
    """Ask the user at this peer server for a chat.

    `port`: of the caller's own peer server, in the dialect where each side opens a connection.
    `invitation`: the secret of the invitation by which the caller has joined. `to`: the callee's
    username; empty in older programs. `instead`: whether this link replaces the relayed one
    between the two. `can`: the abilities of the caller; empty in older programs.
    """

    username: str
    port: int | None = None
    invitation: str = ""
    to: str = ""
    instead: bool = False
    can: Abilities = ()
    secret = frozenset({"invitation"})

    def __post_init__(self) -> None:
        check_line_id(self.invitation)
        if self.port is not None:
            check_port(self.port)

    def names(self, username: str) -> bool:
        """Return whether the request is for that user; older programs do not name the callee.

        A link that replaces another one must name the callee.
        """
        return self.to == username or not (self.to or self.instead)


class ChatReply(Message, frozen=True):
    """The answer to a chat request; `can`: what the callee can do."""

    reply: Reply
    can: Abilities = ()


class ChatText(Message, frozen=True):
    """A line of a chat.

    In the secure dialect it has a number that grows by one, a unique `id`, and the time at which it
    was written, in milliseconds since the epoch. `offer`: the offered file; the text describes it
    for programs that do not support offers.
    """

    text: str
    seq: int = 0
    id: str = ""
    at: int = 0
    offer: Offer | None = None
    secret = frozenset({"text", "offer"})

    def __post_init__(self) -> None:
        check_number(self.seq)
        check_line_id(self.id)
        check_time(self.at)


class Sync(Message, frozen=True):
    """The link is up: the sender's position in the receiver's lines (see `positions`).

    `at`: the time by the sender's clock, in milliseconds since the epoch; 0 in older programs.
    """

    last_in: int
    sum: str
    at: int = 0

    def __post_init__(self) -> None:
        check_number(self.last_in)
        check_sum(self.sum)
        check_time(self.at)


class Here(Message, frozen=True):
    """Whether the sender has this conversation open."""

    here: bool


class Idle(Message, frozen=True):
    """Whether the sender's user is away from the keyboard."""

    idle: bool


MOST_PATHS: Final = 8
_LOWEST_PORT: Final = 1024

Place = tuple[str, int]
"""An IP address and a port."""


class Paths(Message, frozen=True):
    """On a circuit: where the sender might be reached directly.

    `punch`: where the port from which it has dialled the circuit can be; `listens`: where its peer
    server can be.
    """

    punch: tuple[Place, ...] = ()
    listens: tuple[Place, ...] = ()

    def __post_init__(self) -> None:
        for places in (self.punch, self.listens):
            if len(places) > MOST_PATHS:
                raise ValueError(f"at most {MOST_PATHS} addresses can be offered")
            for host, port in places:
                if "%" in host:
                    raise ValueError("a zone means nothing to another machine")
                ipaddress.ip_address(host)
                if not _LOWEST_PORT <= port < 65536:
                    raise ValueError(f"{port} is not a port that may be offered")


class Go(Message, frozen=True):
    """On a circuit: begin to dial what PATHS has offered."""


class Ack(Message, frozen=True):
    """The receiver's lines up to `seq` are on the sender's disk."""

    seq: int

    def __post_init__(self) -> None:
        check_number(self.seq)


class Skip(Message, frozen=True):
    """Do not expect lines up to `to`: they were given up, or acknowledged before.

    `missing`: the greatest number of them that the receiver has acknowledged, but lacks because its
    disk was restored from an older copy.
    """

    to: int
    missing: int = 0

    def __post_init__(self) -> None:
        check_number(self.to)
        check_number(self.missing)


def check_time(at: int) -> None:
    """Raise ValueError if milliseconds since the epoch are out of range."""
    if not 0 <= at <= _LATEST:
        raise ValueError("not a valid time")


def check_number(number: int) -> None:
    """Raise ValueError if `number` is not 0 to MAX_NUMBER."""
    if not 0 <= number <= MAX_NUMBER:
        raise ValueError("not a valid line number")
