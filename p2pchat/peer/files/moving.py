"""Moves the bytes of a file over a connection of its own: both ends, each blocking in a thread.

The giver reads, hashes and sends; the taker verifies each piece, and says what is safe on its disk.
Which file it is, and who may have it, was settled before.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from p2pchat.errors import P2PError, RemoteProtocolError
from p2pchat.net.bulk import BulkConnection
from p2pchat.peer.files.part import Part
from p2pchat.protocol.files.frames import (
    FRAME_BYTES,
    FROM_GIVER,
    FROM_TAKER,
    DataReader,
    Kind,
    count_in,
    frame,
    got,
    piece_header,
)
from p2pchat.protocol.files.pieces import PIECE_BYTES, piece_size, pieces_of, root_of

_SAFE_EVERY: Final = 64 * 1024 * 1024
"""Bytes after which the taker makes safe what it has; so much may come again after a crash."""

Progress = Callable[[int], None]
"""Called on the thread with the number of pieces that are there."""


class FileChanged(P2PError):
    """The file has changed since it was offered."""


class Stamp(NamedTuple):
    """What identifies a version of a file, so that a change is noticed."""

    device: int
    inode: int
    size: int
    changed_at: int


def stamp_of(descriptor: int) -> Stamp:
    """Return the stamp of an open file."""
    found = os.fstat(descriptor)
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


class Source:
    """A file that we send: open for reading, and compared with its stamp.

    `stamp` is that of the offer; None while the file is being offered. Raise FileChanged if the
    file has another stamp, or cannot be read. It must be closed.
    """

    def __init__(self, path: Path, stamp: Stamp | None = None) -> None:
        self._path = path
        try:
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not be waited for
            self._descriptor = os.open(path, flags)
        except OSError as error:
            raise FileChanged(f"{path} cannot be read: {error.strerror}") from error
        self.stamp = stamp_of(self._descriptor)
        if stamp is not None and self.stamp != stamp:
            self.close()
            raise FileChanged(f"{path} has changed since it was offered")

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self.stamp.size

    def read(self, buffer: memoryview, at: int) -> int:
        """Read bytes at an offset into the buffer; return how many."""
        try:
            return os.preadv(self._descriptor, [buffer], at)
        except OSError as error:
            raise FileChanged(f"{self._path} cannot be read: {error.strerror}") from error

    def check(self) -> None:
        """Raise FileChanged if the file has changed since it was opened."""
        if stamp_of(self._descriptor) != self.stamp:
            raise FileChanged(f"{self._path} has changed while it was sent")

    def sums(self, pieces: int) -> list[bytes]:
        """Return the sums of the first pieces."""
        buffer = memoryview(bytearray(FRAME_BYTES))
        found = []
        for piece in range(pieces):
            total, at = hashlib.sha256(), piece * PIECE_BYTES
            end = at + piece_size(self.size, piece)
            while at < end:
                count = self.read(buffer[: min(FRAME_BYTES, end - at)], at)
                if not count:
                    raise FileChanged(f"{self._path} has become shorter")
                total.update(buffer[:count])
                at += count
            found.append(total.digest())
        return found

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def give(
    connection: BulkConnection, source: Source, sums: list[bytes], progress: Progress
) -> bytes:
    """Send the pieces after those whose sums are given, and return the root that the taker has.

    Raise FileChanged, TimedOut, LinkLost or RemoteProtocolError.
    """
    reader = DataReader(FROM_TAKER)
    buffer = memoryview(bytearray(FRAME_BYTES))
    sums = list(sums)
    for piece in range(len(sums), pieces_of(source.size)):
        sums.append(_give_piece(connection, source, piece, buffer))
        if _heard(connection.receive_now(), reader, progress) is not None:
            raise RemoteProtocolError("the file was called done before its end")
    source.check()
    root = root_of(source.size, sums)
    connection.send(frame(Kind.FILE_END, root))
    while (done := _heard(_received(connection), reader, progress)) is None:
        pass
    if done != root:
        raise RemoteProtocolError("the file that is there is another one")
    return root


def _heard(data: bytes, reader: DataReader, progress: Progress) -> bytes | None:
    """Handle received frames; return the root if the receiver has the whole file."""
    for kind, payload in reader.read(data):
        if kind is Kind.FILE_DONE:
            return payload
        progress(count_in(payload))
    return None


def _give_piece(
    connection: BulkConnection, source: Source, piece: int, buffer: memoryview
) -> bytes:
    """Send a piece and its sum; return the sum."""
    total, at = hashlib.sha256(), piece * PIECE_BYTES
    end = at + piece_size(source.size, piece)
    while at < end:
        part = buffer[: min(FRAME_BYTES, end - at)]
        if source.read(part, at) != len(part):
            raise FileChanged("the file has become shorter while it was sent")
        total.update(part)
        at += len(part)
        connection.send(piece_header(len(part)), part)
    connection.send(frame(Kind.PIECE_SUM, total.digest()))
    return total.digest()


def take(connection: BulkConnection, part: Part, progress: Progress) -> Path:
    """Receive what the part lacks, give the file its name, tell the giver, and return it.

    Raise PartError, TimedOut, LinkLost or RemoteProtocolError; the part goes on later.
    """
    reader = DataReader(FROM_GIVER)
    unsafe = 0
    while True:
        for kind, payload in reader.read(_received(connection)):
            if kind is Kind.PIECE:
                part.write(payload)
                unsafe += len(payload)
            elif kind is Kind.PIECE_SUM:
                part.end_piece(payload)
                progress(part.pieces)
                if unsafe >= _SAFE_EVERY:
                    unsafe = 0
                    part.sync()
                    connection.send(got(part.pieces))
            else:
                path = part.finish(payload)
                with suppress(P2PError):  # the file is there; the giver is told again
                    connection.send(frame(Kind.FILE_DONE, payload))
                return path


def _received(connection: BulkConnection) -> bytes:
    data = connection.receive()
    if not data:
        raise RemoteProtocolError("the other end hung up before the file was whole")
    return data
