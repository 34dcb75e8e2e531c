"""The messages about offered files: on the link of a conversation, and on a data link.

A data link is a link of its own, which carries the bytes of one offer. Its first messages are here;
its frames are in `frames` (PROTOCOL, "Files").
"""

from enum import StrEnum
from typing import Final

from p2pchat.protocol.files.offers import MOST_SIZE
from p2pchat.protocol.files.pieces import SUM_BYTES, pieces_of
from p2pchat.protocol.messages import Message
from p2pchat.protocol.talk import check_line_id

CAN_FILES: Final = "files"
"""The ability to receive files; these messages are sent to nobody else."""

TICKET_BYTES: Final = 16

_MOST_PIECES: Final = pieces_of(MOST_SIZE)


class Refusal(StrEnum):
    """Why bytes are not given or not taken."""

    DECLINED = "DECLINED"
    """The receiver does not want it."""
    CANCELLED = "CANCELLED"
    """Either user has ended the transfer."""
    GONE = "GONE"
    """The sender has no such offer (any more)."""
    CHANGED = "CHANGED"
    """The file has changed since it was offered, or cannot be read."""
    NO_SPACE = "NO_SPACE"
    """There is no room at the receiver yet; it will ask again."""
    TOO_MUCH = "TOO_MUCH"
    """It is more than the receiver accepts."""
    BUSY = "BUSY"
    """The sender has no free connection; ask again later."""


FINAL: Final = frozenset(Refusal) - {Refusal.NO_SPACE, Refusal.BUSY}
"""The refusals after which nothing follows."""


class _AboutOffer(Message, frozen=True):
    offer: str

    def __post_init__(self) -> None:
        check_line_id(self.offer)


class FileGet(_AboutOffer, frozen=True):
    """Give what was offered in the line with that id.

    `ticket`: what the data link must begin with; it is valid once. `pieces` and `root`: how many
    pieces the receiver has, and the root over their sums. `dial`: the sender is to open the data
    link, to the address at which it has reached the receiver; otherwise the receiver opens it.
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
    """Nothing is transferred; see Refusal. `heard`: repeats a refusal of the other side."""

    reason: Refusal = Refusal.DECLINED
    heard: bool = False


class FileDone(_AboutOffer, frozen=True):
    """The receiver has it, verified, under its name. `heard`: the sender knows."""

    root: bytes = b""
    heard: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.root) != SUM_BYTES:
            raise ValueError("not a valid root")


class DataRequest(_AboutOffer, frozen=True):
    """The first message on a data link: who opens it, to whom, and for which offer.

    `instead`: the link takes the place of the relayed one with the same ticket.
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
    """The sender may begin on this link; from here on there are only frames with raw bytes."""


def _check_ticket(ticket: bytes) -> None:
    if len(ticket) != TICKET_BYTES:
        raise ValueError(f"a ticket has {TICKET_BYTES} bytes")
