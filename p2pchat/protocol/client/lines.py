"""Lines as they are kept, or wait for their time: what is said of them outside of the database."""

from enum import StrEnum
from typing import Final, NamedTuple


class LineState(StrEnum):
    """The state of a line: outgoing ones are queued first, incoming ones unread.

    MISSING: it was delivered, and the contact's disk is an older copy now, which may lack it. SENT
    and HEARD: it went in clear, where nothing is acknowledged.
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
"""The states of lines that are sent again by order only."""

UNDELIVERED: Final = (LineState.QUEUED, *TO_RETRY)
"""The states of the lines in the outbox."""


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


class ScheduledLine(NamedTuple):
    """A line for a contact, `not_before` a time; `expires_at` 0: it never does.

    Times in milliseconds since the epoch, by our clock.
    """

    username: str
    uid: str
    text: str
    written_at: int
    not_before: int
    expires_at: int = 0
