"""What a line is: in a conversation, and as it is kept. Knows no link and writes nothing."""

import secrets
import time
from enum import StrEnum
from typing import Any, Final, NamedTuple

from p2pchat.errors import UsageError
from p2pchat.peer.store.models import Line
from p2pchat.protocol.original import MAX_TEXT_BYTES
from p2pchat.protocol.positions import NO_SUM

_UID_BYTES: Final = 12


class LineState(StrEnum):
    """What has become of a line: outgoing ones are queued first, incoming ones unread.

    MISSING: it was delivered, and the contact's disk is an older copy now, which may lack it.
    """

    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"
    MISSING = "missing"
    UNREAD = "unread"
    READ = "read"


TO_RETRY: Final = (LineState.FAILED, LineState.MISSING)
"""The states of lines that are sent again by order only."""


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
    """A line to keep."""

    seq: int
    uid: str
    at: int
    text: str


class Progress(NamedTuple):
    """How far a conversation has come; see models.ConversationState."""

    last_in: int = 0
    in_sum: str = NO_SUM
    last_out: int = 0
    acked: int = 0
    acked_sum: str = NO_SUM


class Volume(NamedTuple):
    """How many lines, and how many bytes of text in them."""

    lines: int = 0
    bytes: int = 0


class Rebased(NamedTuple):
    """What came of a position that is not ours: see Thread.rebase.

    `renumbered` pairs each waiting line's old number with its new one; `missing` counts lines that
    were delivered and that the contact may not have any more.
    """

    progress: Progress
    renumbered: tuple[tuple[int, int], ...]
    missing: int


COLUMNS: Final = [getattr(Line, name) for name in KeptLine._fields]
"""What is read of a line, for `kept`."""


def kept(row: tuple[Any, ...]) -> KeptLine:
    """Return the line of a row."""
    return KeptLine._make((*row[:-1], LineState(row[-1])))


def is_in(state: LineState) -> Any:
    """Return the condition that a line is in that state."""
    return Line.state == state


def check_text(text: str) -> None:
    """Raise UsageError if a text is too long for one message."""
    size = len(text.encode())
    if size > MAX_TEXT_BYTES:
        raise UsageError(
            f"a message of {size} bytes was not sent",
            likely=f"a message has at most {MAX_TEXT_BYTES}",
            advice="send it in parts",
        )


def new_uid() -> str:
    """Return a name that no other line has."""
    return secrets.token_hex(_UID_BYTES)


def now_ms() -> int:
    """Return the wall clock's time as lines carry it."""
    return int(time.time() * 1000)
