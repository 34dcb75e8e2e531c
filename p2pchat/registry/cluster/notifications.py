"""Notifications between the nodes of one registry through their database, as bytes and back.

A hint and not the truth: the receiver looks at the table where it matters.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from p2pchat.protocol.messages import SearchResult

CHANNEL: Final = "p2pchat"
_MOST_BYTES: Final = 7_900
"""What PostgreSQL takes in one notification is a little more."""


class Moved(msgspec.Struct, frozen=True, tag="moved"):
    """A user of that node has come, moved or gone; what is found now at a secure listener."""

    username: str
    node: int
    found: SearchResult


class LoggedOut(msgspec.Struct, frozen=True, tag="logged out"):
    """Every login of the user ends, at all nodes but that one."""

    username: str
    node: int


Notification = Moved | LoggedOut

_decoder: Final = msgspec.json.Decoder(list[Notification])


def encode(news: Iterable[Notification]) -> Iterator[str]:
    """Yield the news as texts that are short enough for one notification each."""
    batch: list[bytes] = []
    size = 0
    for piece in map(msgspec.json.encode, news):
        if batch and size + len(piece) > _MOST_BYTES:
            yield _joined(batch)
            batch, size = [], 0
        batch.append(piece)
        size += len(piece) + 1
    if batch:
        yield _joined(batch)


def decode(text: bytes) -> list[Notification]:
    """Return the news of a text; none where a program that is not ours wrote it."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return []


def _joined(batch: list[bytes]) -> str:
    return f"[{b','.join(batch).decode()}]"
