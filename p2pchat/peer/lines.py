"""What a line is: in a conversation, and as it is kept. Knows no link and writes nothing."""

import secrets
import time
from enum import StrEnum
from typing import Any, Final, NamedTuple

from p2pchat.peer.models import Line

_UID_BYTES: Final = 12


class LineState(StrEnum):
    """What has become of a line: outgoing ones are queued first, incoming ones unread."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNREAD = "unread"
    READ = "read"


class KeptLine(NamedTuple):
    """A line as it is kept; `at` in milliseconds since the epoch, `id` grows with each."""

    id: int
    username: str
    outgoing: bool
    seq: int
    uid: str
    at: int
    text: str
    state: LineState


class NewLine(NamedTuple):
    """A line to be kept."""

    seq: int
    uid: str
    at: int
    text: str


class Progress(NamedTuple):
    """How far a conversation has come; see models.Conversation."""

    last_in: int = 0
    last_out: int = 0
    acked: int = 0


COLUMNS: Final = [getattr(Line, name) for name in KeptLine._fields]
"""What is read of a line, for `kept`."""


def kept(row: tuple[Any, ...]) -> KeptLine:
    """Give the line of a row."""
    return KeptLine._make((*row[:-1], LineState(row[-1])))


def is_in(state: LineState) -> Any:
    """Give the condition that a line is in that state."""
    return Line.state == state


def new_uid() -> str:
    """Give a name that no other line has."""
    return secrets.token_hex(_UID_BYTES)


def now_ms() -> int:
    """Give the wall clock's time as lines carry it."""
    return int(time.time() * 1000)
