"""Lines as they are sent and stored. Writes nothing."""

import secrets
from typing import Any, Final, NamedTuple

from p2pchat.errors import UsageError
from p2pchat.peer.store.models import Line
from p2pchat.protocol.client.lines import KeptLine, LineState
from p2pchat.protocol.files.offers import FOR_OLDER, Offer
from p2pchat.protocol.original import MAX_TEXT_BYTES
from p2pchat.protocol.positions import NO_SUM
from p2pchat.protocol.talk import ChatText

_UID_BYTES: Final = 12


class NewLine(NamedTuple):
    """A line to store; `offer`: the file that it offers."""

    seq: int
    uid: str
    at: int
    text: str
    offer: Offer | None = None


class Progress(NamedTuple):
    """The progress of a conversation; see models.ConversationState."""

    last_in: int = 0
    in_sum: str = NO_SUM
    last_out: int = 0
    acked: int = 0
    acked_sum: str = NO_SUM
    heard_at: int = 0


class Volume(NamedTuple):
    """A number of lines, and the bytes of text in them."""

    lines: int = 0
    bytes: int = 0


class Rebased(NamedTuple):
    """The result of Thread.rebase.

    `renumbered` pairs each waiting line's old number with its new one; `missing` is the number of
    delivered lines that the contact may have lost.
    """

    progress: Progress
    renumbered: tuple[tuple[int, int], ...]
    missing: int


COLUMN_NAMES: Final = KeptLine._fields[:-2]
"""The columns read of a line, for `kept`; `until` and `offer` are not among them."""

COLUMNS: Final = [getattr(Line, name) for name in COLUMN_NAMES]


def kept(row: tuple[Any, ...]) -> KeptLine:
    """Return the line in a row."""
    *fields, state = row
    return KeptLine._make((*fields, LineState(state), 0, None))


def to_send(line: NewLine | KeptLine) -> ChatText:
    """Return the message that brings a line to the contact."""
    text = line.text if line.offer is None else line.text + FOR_OLDER
    return ChatText(text, line.seq, line.uid, line.at, line.offer)


BY_NUMBER: Final = "line INDEXED BY line_registry_username_key_outgoing_seq"
"""The table of lines, for statements about a range of numbers of one conversation."""

BY_STATE: Final = "line INDEXED BY line_state_registry_username"
"""The table of lines, for statements about those that wait or are unread.

Without the name of an index SQLite may choose another one and scan a whole conversation: it cannot
know that few lines have these states.
"""


def is_in(state: LineState) -> Any:
    """Return the condition that a line is in that state."""
    return Line.state == state


def check_text(text: str) -> None:
    """Raise UsageError if a text is too long for one message."""
    size = len(text.encode())
    if size > MAX_TEXT_BYTES:
        raise UsageError(
            f"a message of {size} bytes was not sent",
            likely=f"a message may have at most {MAX_TEXT_BYTES}",
            advice="send it in parts",
        )


def new_uid() -> str:
    """Return a unique id for a line."""
    return secrets.token_hex(_UID_BYTES)
