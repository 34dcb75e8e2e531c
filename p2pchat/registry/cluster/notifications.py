"""Notifications that the nodes of one registry exchange through their database: encode and decode.

A notification is only a hint: where it matters, the receiver reads the table.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from p2pchat.protocol.meeting import Meeting
from p2pchat.protocol.messages import SearchResult

CHANNEL: Final = "p2pchat"
_MOST_BYTES: Final = 7_900
"""Slightly less than PostgreSQL's limit for one notification."""


class Moved(msgspec.Struct, frozen=True, tag="moved"):
    """A user of `node` went online, moved or went offline.

    `found` is the new search result at a secure listener.
    """

    username: str
    node: int
    found: SearchResult


class LoggedOut(msgspec.Struct, frozen=True, tag="logged out"):
    """All logins of the user end, at every node except `node`."""

    username: str
    node: int


class Met(msgspec.Struct, frozen=True, tag="met"):
    """A user of `node` asks for a circuit to `username`, who is online at another node.

    `meeting`: the fields of the message to that user.
    """

    username: str
    node: int
    meeting: Meeting


class BoxFilled(msgspec.Struct, frozen=True, tag="box filled"):
    """Runs were left at `node` in the box of that key of a user, where now so many wait."""

    username: str
    node: int
    key: bytes
    waiting: int


Notification = Moved | LoggedOut | Met | BoxFilled

_decoder: Final = msgspec.json.Decoder(list[Notification])


def encode(news: Iterable[Notification]) -> Iterator[str]:
    """Yield the notifications as texts, each within PostgreSQL's limit."""
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
    """Return the notifications in a text; none if another program wrote it."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return []


def _joined(batch: list[bytes]) -> str:
    return f"[{b','.join(batch).decode()}]"
