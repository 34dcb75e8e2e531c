"""Stored and scheduled lines, as they are described outside the database."""

from enum import StrEnum
from typing import Final, NamedTuple

from p2pchat.protocol.files.offers import Offer


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


LEFT: Final = "left"
"""The state that users see of a waiting line in the contact's mailbox."""

TO_RETRY: Final = (LineState.FAILED, LineState.MISSING)
"""The states of lines that are sent again only on request."""

UNDELIVERED: Final = (LineState.QUEUED, *TO_RETRY)
"""The states of the lines in the outbox."""


class KeptLine(NamedTuple):
    """A stored line; `at` in milliseconds since the epoch; ids increase.

    `until`: when the contact's mailbox drops a waiting line, in seconds since the epoch; 0: the
    line is in no mailbox. `offer`: the offered file, if it was just received or was asked for.
    """

    id: int
    username: str
    outgoing: bool
    seq: int
    uid: str
    at: int
    text: str
    state: LineState
    until: int = 0
    offer: Offer | None = None

    @property
    def shown_state(self) -> str:
        """The state for the user: "left" if it is in the contact's mailbox."""
        return LEFT if self.until and self.state is LineState.QUEUED else self.state.value


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
