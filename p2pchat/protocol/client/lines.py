"""Stored and scheduled lines, as they are described outside the database."""

from enum import StrEnum
from typing import Final, NamedTuple


class LineState(StrEnum):
    """The state of a line: outgoing lines begin as QUEUED, incoming ones as UNREAD.

    MISSING: delivered, but the contact's disk was restored from an older copy, which may lack it.
    SENT and HEARD: in clear, where nothing is acknowledged.
    """

    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"
    MISSING = "missing"
    UNREAD = "unread"
    READ = "read"
    SENT = "sent"
    HEARD = "heard"


TO_RETRY: Final = (LineState.FAILED, LineState.MISSING)
"""The states of lines that are sent again only on request."""

UNDELIVERED: Final = (LineState.QUEUED, *TO_RETRY)
"""The states of the lines in the outbox."""


class KeptLine(NamedTuple):
    """A stored line; `at` in milliseconds since the epoch; ids increase."""

    id: int
    username: str
    outgoing: bool
    seq: int
    uid: str
    at: int
    text: str
    state: LineState


class ScheduledLine(NamedTuple):
    """A line to be sent not before `not_before`; it expires at `expires_at` (0: never).

    Times are in milliseconds since the epoch, by our clock.
    """

    username: str
    uid: str
    text: str
    written_at: int
    not_before: int
    expires_at: int = 0
