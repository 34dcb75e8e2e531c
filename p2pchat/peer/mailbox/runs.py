"""The rules of runs: how waiting lines become runs, and what to take of one (PROTOCOL, "Mailbox").

The lines have the numbers that they have on a link, so that both ways together bring each line once
and in order. Reads and writes nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, auto
from typing import Final, NamedTuple

from p2pchat.peer.store.lines import to_send
from p2pchat.protocol.client.lines import KeptLine
from p2pchat.protocol.files.offers import FOR_OLDER, write_offer
from p2pchat.protocol.positions import add_to_sum
from p2pchat.protocol.sealed import MOST_LINES, PADDED, Position
from p2pchat.protocol.talk import ChatText

_MOST_BYTES: Final = PADDED[-1] - 1024
"""Of the lines of a run, so that it fits with all else that it contains."""

_OF_A_LINE: Final = 64
"""Bytes that a line takes beside its text and id, at most."""


class Verdict(Enum):
    """The outcome of taking a run."""

    TAKEN = auto()
    """It had new lines, which are on our disk."""
    KNOWN = auto()
    """It has nothing for us: we have it, or it is of another copy of the sender's disk."""
    GAP = auto()
    """Lines before it are missing: it must wait in the box."""
    NOT_KEPT = auto()
    """Our disk failed: it must wait in the box."""


class Lines(NamedTuple):
    """The lines of a run, and the position before the first one."""

    after: Position
    lines: tuple[ChatText, ...]


def split(acked: Position, waiting: Iterable[KeptLine]) -> Iterator[Lines]:
    """Yield runs of all these waiting lines of ours, which follow the position `acked`."""
    after, some, size = acked, list[ChatText](), 0
    for line in waiting:
        length = len(line.text.encode()) + len(line.uid) + _OF_A_LINE
        if line.offer is not None:
            length += len(write_offer(line.offer)) + len(FOR_OLDER)
        if some and (size + length > _MOST_BYTES or len(some) == MOST_LINES):
            yield Lines(after, tuple(some))
            after, some, size = _behind(after, some), [], 0
        some.append(to_send(line))
        size += length
    if some:
        yield Lines(after, tuple(some))


def judge(
    ours: Position, after: Position, lines: Sequence[ChatText]
) -> tuple[Verdict, list[ChatText]]:
    """Return the decision about a run, and which of its lines to receive.

    `ours` is our position in the sender's lines, `after` the one before the run. Numbers alone are
    not enough: another copy of the sender's disk may have given them to other lines.
    """
    if not lines or lines[-1].seq <= ours.number:
        return Verdict.KNOWN, []
    if after.number > ours.number:
        return Verdict.GAP, []
    had = [line.id for line in lines if line.seq <= ours.number]
    if add_to_sum(after.sum, had) != ours.sum:
        return Verdict.KNOWN, []
    return Verdict.TAKEN, [line for line in lines if line.seq > ours.number]


def _behind(after: Position, lines: Sequence[ChatText]) -> Position:
    return Position(lines[-1].seq, add_to_sum(after.sum, [line.id for line in lines]))
