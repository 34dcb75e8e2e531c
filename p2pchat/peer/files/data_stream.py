"""Moves the bytes of a transfer over a data link: both ends, each blocking in a thread.

The sender reads, hashes and sends; the receiver verifies each piece, and reports how many it has.
Authorization is done elsewhere, before the data link is opened.
"""

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from p2pchat.errors import P2PError, RemoteProtocolError, TimedOut
from p2pchat.net.bulk import BulkConnection
from p2pchat.peer.files.part import SYNC_EVERY, Part
from p2pchat.peer.files.source import FileChanged, Source
from p2pchat.protocol.files.frames import (
    FRAME_BYTES,
    FROM_RECEIVER,
    FROM_SENDER,
    DataReader,
    Kind,
    count_in,
    frame,
    got,
    piece_header,
    start_from,
    start_in,
)
from p2pchat.protocol.files.listing import MOST_LIST_BYTES
from p2pchat.protocol.files.pieces import PIECE_BYTES, pieces_of, root_of

_KEEP_ALIVE_S: Final = 5.0
_GOT_EVERY_S: Final = 0.5
_MOST_KEEP_ALIVES: Final = 720
"""Keep-alive frames: enough for an hour, in which any sender has read what we have."""

_FRAME_PATIENCE: Final = 60.0
_DONE_PATIENCE: Final = 120.0
"""Seconds for the receiver to write its last bytes, and to confirm the file."""

Progress = Callable[[int], None]
"""Called on the thread with the number of pieces that have arrived."""


class Received(NamedTuple):
    """What the receiver has: the number of pieces, and the root over their sums."""

    pieces: int
    root: bytes


class Pace:
    """Slows sending down to `rate` bytes a second; 0: no limit."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._due = time.monotonic()

    def pause_after(self, size: int) -> float:
        """Return how many seconds to pause after so many bytes."""
        if not self._rate:
            return 0.0
        now = time.monotonic()
        self._due = max(self._due, now - 1.0) + size / self._rate
        return max(0.0, self._due - now)


class Outgoing(NamedTuple):
    """A file or folder to send, and how.

    `sums`: the known sums of the first pieces; further ones are appended. `listing`: the list of a
    folder's files.
    """

    source: Source
    sums: list[bytes]
    progress: Progress
    listing: bytes = b""
    pace: Pace | None = None


def send_file(connection: BulkConnection, outgoing: Outgoing, received: Received) -> bytes:
    """Send what the receiver lacks, and return the root of the whole file.

    Raise FileChanged, TimedOut, LinkLost or RemoteProtocolError.
    """
    reader = DataReader(FROM_RECEIVER)
    begin = _pieces_to_skip(connection, outgoing.source, received, outgoing.sums)
    connection.send(start_from(begin, len(outgoing.listing)))
    for start in range(0, len(outgoing.listing), FRAME_BYTES):
        connection.send(frame(Kind.FILE_LIST, outgoing.listing[start : start + FRAME_BYTES]))
    outgoing.progress(begin)
    _send_pieces(connection, outgoing, begin, reader)
    root = root_of(outgoing.source.size, outgoing.sums)
    connection.send(frame(Kind.FILE_END, root))
    deadline = time.monotonic() + _DONE_PATIENCE
    while (done := _heard(_received(connection), reader, outgoing.progress)) is None:
        if time.monotonic() > deadline:
            raise TimedOut("the receiver does not say that it has the file")
    if done != root:
        raise RemoteProtocolError("the file that is there is another one")
    return root


def _send_pieces(
    connection: BulkConnection, outgoing: Outgoing, begin: int, reader: DataReader
) -> None:
    """Send the pieces, starting with `begin`."""
    buffer = memoryview(bytearray(FRAME_BYTES))
    size, sums = outgoing.source.size, outgoing.sums
    for piece in range(begin, pieces_of(size)):
        total = _send_piece(connection, outgoing, piece, buffer)
        if piece == len(sums):
            sums.append(total)
        elif sums[piece] != total:
            raise FileChanged("the file was read differently the second time")
        if _heard(connection.receive_now(), reader, outgoing.progress) is not None:
            raise RemoteProtocolError("the file was called done before its end")


def _pieces_to_skip(
    connection: BulkConnection, source: Source, received: Received, sums: list[bytes]
) -> int:
    """Return the number of pieces to skip; 0 if the receiver's pieces differ from ours."""
    if received.pieces > pieces_of(source.size):
        return 0
    if len(sums) < received.pieces:
        last = time.monotonic()

        def each() -> None:
            nonlocal last
            connection.check()
            if time.monotonic() - last > _KEEP_ALIVE_S:
                last = time.monotonic()
                connection.send(frame(Kind.FILE_WAIT, b""))

        source.add_sums(sums, received.pieces, each)
    return received.pieces if root_of(source.size, sums[: received.pieces]) == received.root else 0


def _heard(data: bytes, reader: DataReader, progress: Progress) -> bytes | None:
    """Handle received frames; return the root if the receiver has the whole file."""
    for kind, payload in reader.read(data):
        if kind is Kind.FILE_DONE:
            return payload
        progress(count_in(payload))
    return None


def _send_piece(
    connection: BulkConnection, outgoing: Outgoing, piece: int, buffer: memoryview
) -> bytes:
    """Send a piece and its sum; return the sum."""
    total = hashlib.sha256()
    for part in outgoing.source.frames(piece, buffer):
        total.update(part)
        connection.send(piece_header(len(part)), part)
        if outgoing.pace is not None:
            connection.pause(outgoing.pace.pause_after(len(part)))
    connection.send(frame(Kind.PIECE_SUM, total.digest()))
    return total.digest()


class Receiver:
    """Receives one transfer; `open_part(listing)` is called once the sender has begun.

    `listing`: the bytes of a folder's list, empty for a file. `keep_free`: bytes that must remain
    on the disk. Raise TimedOut if no frame of 64 KiB is complete after `patience` seconds.
    """

    def __init__(
        self,
        open_part: Callable[[bytes], Part],
        *,
        keep_free: int,
        progress: Progress,
        patience: float = _FRAME_PATIENCE,
    ) -> None:
        self._patience = patience
        self._last_frame = time.monotonic()
        self._keep_alives = 0
        self._told_at = 0.0  # at once after the first piece
        self._open_part = open_part
        self._keep_free = keep_free
        self._progress = progress
        self._part: Part | None = None
        self._begin = -1
        self._list = bytearray()
        self._list_bytes = 0
        self._unsafe = 0

    def receive(self, connection: BulkConnection) -> tuple[Path, bytes]:
        """Receive the missing pieces, and rename the file; return its path and root.

        The sender then waits for `confirm`. Raise PartError, TimedOut, LinkLost or
        RemoteProtocolError; the part can be resumed.
        """
        reader = DataReader(FROM_SENDER)
        while True:
            if time.monotonic() - self._last_frame > self._patience:
                raise TimedOut("the sender is too slow")
            for kind, payload in reader.read(_received(connection)):
                self._last_frame = time.monotonic()
                if kind is Kind.PIECE:
                    if len(payload) != min(FRAME_BYTES, self._begun.room_in_piece):
                        raise RemoteProtocolError("a frame of a piece has a wrong length")
                    self._begun.write(payload)
                elif kind is Kind.PIECE_SUM:
                    self._begun.end_piece(payload)
                    self._end_piece(connection)
                elif kind is Kind.FILE_END:
                    return self._begun.finish(payload), payload
                else:
                    self._begin_with(kind, payload)

    @property
    def _begun(self) -> Part:
        """The open part. Raise RemoteProtocolError if the sender has not sent FILE_FROM."""
        if self._part is None:
            raise RemoteProtocolError("a piece came before its number")
        return self._part

    def _begin_with(self, kind: Kind, payload: bytes) -> None:
        """Handle the frames that precede the first piece."""
        if kind is Kind.FILE_WAIT and self._begin < 0 and self._keep_alives < _MOST_KEEP_ALIVES:
            self._keep_alives += 1
            return
        expected = Kind.FILE_FROM if self._begin < 0 else Kind.FILE_LIST
        if kind is not expected or self._part is not None:
            raise RemoteProtocolError(f"{kind.value} came at a wrong time")
        if kind is Kind.FILE_FROM:
            self._begin, self._list_bytes = start_in(payload)
            if self._list_bytes > MOST_LIST_BYTES:
                raise RemoteProtocolError("the list of files is too long")
        else:
            if len(payload) != min(FRAME_BYTES, self._list_bytes - len(self._list)):
                raise RemoteProtocolError("a frame of the list has a wrong length")
            self._list += payload
        if len(self._list) == self._list_bytes:
            self._part = self._open_part(bytes(self._list))
            self._list.clear()
            self._part.go_back(self._begin)
            self._progress(self._begin)

    def _end_piece(self, connection: BulkConnection) -> None:
        part = self._begun
        self._progress(part.pieces)
        self._unsafe += PIECE_BYTES
        if self._unsafe >= SYNC_EVERY:
            self._unsafe = 0
            part.sync()
            part.check_room(self._keep_free)
        if self._last_frame - self._told_at >= _GOT_EVERY_S:
            self._told_at = self._last_frame
            connection.send(got(part.pieces))


def confirm(connection: BulkConnection, root: bytes) -> None:
    """Confirm the file to the sender, and close; if that fails, the chat link confirms it."""
    with suppress(P2PError):
        connection.send(frame(Kind.FILE_DONE, root))
    connection.close()


def store_inline(part: Part, data: bytes) -> tuple[Path, bytes]:
    """Store a file that came with its offer; return its path and root."""
    if part.named is not None:
        return part.named, part.root()
    part.go_back(0)
    sums = []
    if data:
        part.write(data)
        sums.append(hashlib.sha256(data).digest())
        part.end_piece(sums[0])
    root = root_of(len(data), sums)
    return part.finish(root), root


def empty_root(size: int) -> bytes:
    """Return the root of a transfer without any piece."""
    return root_of(size, ())


def _received(connection: BulkConnection) -> bytes:
    data = connection.receive()
    if not data:
        raise RemoteProtocolError("the other end hung up before the file was whole")
    return data
