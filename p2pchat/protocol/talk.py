"""What peers say to each other: one frozen class for each message, whatever dialect carries it.

The original dialect has a request, a reply and texts; in the secure one texts are numbered,
synchronised when a link comes up, and acknowledged (DESIGN, "Nothing lost").
"""

from enum import StrEnum
from typing import Final

from p2pchat.protocol.messages import Message, check_port

_LATEST: Final = 4_102_444_800_000
"""Milliseconds since the epoch: the year 2100, which every calendar can show."""

_MOST_LINES: Final = 2**48
"""Nobody has said more; what comes after it must still be a number of a database."""


class Reply(StrEnum):
    """What the person who was called answers."""

    ACCEPT = "ACCEPT"
    REJECT = "REJECT"
    BUSY = "BUSY"


class ChatRequest(Message, frozen=True):
    """Ask the person who listens here for a chat.

    `port`: the caller's own peer server's, where each side talks on a connection of its own.
    """

    username: str
    port: int | None = None

    def __post_init__(self) -> None:
        if self.port is not None:
            check_port(self.port)


class ChatReply(Message, frozen=True):
    """The answer to a chat request."""

    reply: Reply


class ChatText(Message, frozen=True):
    """What a person says to the other.

    In the secure dialect with a number that grows by one, an `id` of its own, and when it was
    written, in milliseconds since the epoch.
    """

    text: str
    seq: int = 0
    id: str = ""
    at: int = 0
    hidden = frozenset({"text"})

    def __post_init__(self) -> None:
        check_count(self.seq // 2)  # after a SYNC that is as high as can be there is still room
        if len(self.id) > 64 or not 0 <= self.at <= _LATEST:
            raise ValueError("no id, or no time")


class Sync(Message, frozen=True):
    """The link is up: of what you said, everything up to `last_in` is on my disk."""

    last_in: int

    def __post_init__(self) -> None:
        check_count(self.last_in)


class Here(Message, frozen=True):
    """Whether my person has this conversation open."""

    here: bool


class Idle(Message, frozen=True):
    """Whether my person is away from the keyboard."""

    idle: bool


class Ack(Message, frozen=True):
    """Everything that you said up to `seq` is on my disk."""

    seq: int

    def __post_init__(self) -> None:
        check_count(self.seq // 2)


class Skip(Message, frozen=True):
    """Do not wait for what I said up to `to` and you do not have: I do not have it any more."""

    to: int

    def __post_init__(self) -> None:
        check_count(self.to)


def check_count(count: int) -> None:
    """Raise ValueError where `count` is not 0 or more, or more than anybody has said."""
    if not 0 <= count <= _MOST_LINES:
        raise ValueError(f"{count} is no number of a message")
