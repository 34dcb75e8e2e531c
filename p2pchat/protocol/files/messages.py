"""The messages about offered files, on chat links and on data links.

A data link is a separate link that carries the bytes of one offer. Its first messages are defined
here, its frames in `frames` (PROTOCOL, "Files").
"""

from enum import StrEnum
from typing import Final

from p2pchat.protocol.files.offers import MOST_SIZE
from p2pchat.protocol.files.pieces import SUM_BYTES, pieces_of
from p2pchat.protocol.messages import Message
from p2pchat.protocol.talk import check_line_id

CAN_FILES: Final = "files"
"""The ability to receive files; the messages are sent only to programs that have it."""

TICKET_BYTES: Final = 16

_MOST_PIECES: Final = pieces_of(MOST_SIZE)


class Refusal(StrEnum):
    """Why a file is not sent or not received."""

    DECLINED = "DECLINED"
    """The receiving user declined the offer."""
    CANCELLED = "CANCELLED"
    """Either user cancelled the transfer."""
    GONE = "GONE"
    """The sender has no such offer, or no longer."""
    CHANGED = "CHANGED"
    """The file has changed since it was offered, or cannot be read."""
    NO_SPACE = "NO_SPACE"
    """The receiver's disk is full; it will ask again."""
    TOO_MUCH = "TOO_MUCH"
    """The file is larger than the receiver accepts."""
    BUSY = "BUSY"
    """The sender has no free slot; ask again later."""


FINAL: Final = frozenset(Refusal) - {Refusal.NO_SPACE, Refusal.BUSY}
"""The refusals that end a transfer."""


class _AboutOffer(Message, frozen=True):
    offer: str

    def __post_init__(self) -> None:
        check_line_id(self.offer)


class FileGet(_AboutOffer, frozen=True):
    """Request the file offered in the line with that id.

    `ticket`: must be presented on the data link, and is valid once. `pieces` and `root`: the number
    of pieces that the receiver has, and the root over their sums. `dial`: whether the sender opens
    the data link, to the address of its chat link; otherwise the receiver opens it.
    """

    ticket: bytes = b""
    pieces: int = 0
    root: bytes = b""
    dial: bool = False
    secret = frozenset({"ticket"})

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_ticket(self.ticket)
        if not 0 <= self.pieces <= _MOST_PIECES or len(self.root) != SUM_BYTES:
            raise ValueError("not a valid number of pieces")


class FileNo(_AboutOffer, frozen=True):
    """Refuse to send or receive a file. `heard`: acknowledges the other side's refusal."""

    reason: Refusal = Refusal.DECLINED
    heard: bool = False


class FileDone(_AboutOffer, frozen=True):
    """The receiver has stored and verified the file. `heard`: the sender's acknowledgement."""

    root: bytes = b""
    heard: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.root) != SUM_BYTES:
            raise ValueError("not a valid root")


class DataRequest(_AboutOffer, frozen=True):
    """The first message on a data link: the dialler, the callee and the offer.

    `instead`: the link replaces the relayed one with the same ticket.
    """

    username: str = ""
    to: str = ""
    ticket: bytes = b""
    instead: bool = False
    secret = frozenset({"ticket"})

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_ticket(self.ticket)


class DataGo(Message, frozen=True):
    """The receiver's signal to start sending; only raw frames follow on this link."""


def _check_ticket(ticket: bytes) -> None:
    if len(ticket) != TICKET_BYTES:
        raise ValueError(f"a ticket has {TICKET_BYTES} bytes")
