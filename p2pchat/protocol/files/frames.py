"""The frames of a data link, which carry the bytes of a file.

Payloads are raw bytes. All frames of a piece but its last have FRAME_BYTES, so that a sender cannot
fake progress with single bytes; the piece's sum follows. Does no I/O.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Final

from p2pchat.errors import RemoteProtocolError
from p2pchat.protocol.files.pieces import SUM_BYTES
from p2pchat.protocol.framing import Caps, FrameReader, FrameWriter, pad

FRAME_BYTES: Final = 64 * 1024
"""Of each frame of a piece but its last: larger ones cost more, as they are copied more often."""

_COUNT_BYTES: Final = 8


class Kind(Enum):
    """The kind of a frame."""

    FILE_WAIT = "FILE_WAIT"
    """Keep-alive: the sender still reads the pieces that the receiver has."""
    FILE_FROM = "FILE_FROM"
    """The number of skipped pieces, and the length of the list that follows, in bytes."""
    FILE_LIST = "FILE_LIST"
    """A chunk of a folder's list."""
    PIECE = "PIECE"
    """Bytes of the piece that is coming."""
    PIECE_SUM = "PIECE_SUM"
    """The piece is complete; this is its SHA-256."""
    FILE_END = "FILE_END"
    """That was all; this is the root."""
    FILE_GOT = "FILE_GOT"
    """From the receiver: the number of verified pieces."""
    FILE_DONE = "FILE_DONE"
    """From the receiver: the file is complete, verified and renamed; this is its root."""


_WRITERS: Final = {kind: FrameWriter(pad(kind.value)) for kind in Kind}
_KINDS: Final = {pad(kind.value): kind for kind in Kind}

FROM_SENDER: Final = (
    Kind.FILE_WAIT,
    Kind.FILE_FROM,
    Kind.FILE_LIST,
    Kind.PIECE,
    Kind.PIECE_SUM,
    Kind.FILE_END,
)
FROM_RECEIVER: Final = (Kind.FILE_GOT, Kind.FILE_DONE)

_LIMITS: Final = {
    Kind.FILE_WAIT: 0,
    Kind.FILE_FROM: 2 * _COUNT_BYTES,
    Kind.FILE_LIST: FRAME_BYTES,
    Kind.PIECE: FRAME_BYTES,
    Kind.PIECE_SUM: SUM_BYTES,
    Kind.FILE_END: SUM_BYTES,
    Kind.FILE_GOT: _COUNT_BYTES,
    Kind.FILE_DONE: SUM_BYTES,
}


_ANY_LENGTH: Final = frozenset({Kind.PIECE, Kind.FILE_LIST})


def frame(kind: Kind, payload: bytes) -> bytes:
    """Return the bytes of a frame."""
    return _WRITERS[kind].write(payload)


def piece_header(size: int) -> bytes:
    """Return the header of a PIECE frame; the caller sends the `size` bytes of its payload."""
    return _WRITERS[Kind.PIECE].header(size)


def got(pieces: int) -> bytes:
    """Return a FILE_GOT frame with the number of verified pieces."""
    return frame(Kind.FILE_GOT, pieces.to_bytes(_COUNT_BYTES, "big"))


def count_in(payload: bytes) -> int:
    """Return the number of pieces in a FILE_GOT frame."""
    return int.from_bytes(payload, "big")


def start_from(pieces: int, list_bytes: int) -> bytes:
    """Return a FILE_FROM frame: the first piece to be sent, and the length of the list."""
    payload = pieces.to_bytes(_COUNT_BYTES, "big") + list_bytes.to_bytes(_COUNT_BYTES, "big")
    return frame(Kind.FILE_FROM, payload)


def start_in(payload: bytes) -> tuple[int, int]:
    """Return the first piece and the length of the list in a FILE_FROM frame."""
    return count_in(payload[:_COUNT_BYTES]), count_in(payload[_COUNT_BYTES:])


class DataReader:
    """Splits received bytes into frames of these kinds. Raise RemoteProtocolError for others."""

    def __init__(self, kinds: tuple[Kind, ...]) -> None:
        self._reader = FrameReader()
        self._caps = Caps({pad(kind.value): _LIMITS[kind] for kind in kinds})

    def read(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """Yield the frames that are complete with these bytes."""
        self._reader.push(data)
        while (found := self._reader.pull(self._caps)) is not None:
            kind, payload = _KINDS[found[0]], found[1]
            if kind not in _ANY_LENGTH and len(payload) != _LIMITS[kind]:
                raise RemoteProtocolError(f"a frame {kind.value} has a wrong length")
            yield kind, payload
