"""The unfinished file of a transfer on our disk, until it is whole and gets its name.

The bytes are in `.NAME.UID.p2ppart` in the folder where the file will be, and the sums of its
verified pieces beside it, in `.NAME.UID.p2psums`. Nothing is ever overwritten: a taken name gets a
number. Blocks, and knows no link; every method may raise PartError.
"""

import errno
import hashlib
import itertools
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from p2pchat.errors import P2PError
from p2pchat.protocol.files.names import numbered
from p2pchat.protocol.files.pieces import (
    PIECE_BYTES,
    SUM_BYTES,
    piece_size,
    pieces_of,
    root_of,
)

PART_SUFFIX: Final = ".p2ppart"
_SUMS_SUFFIX: Final = ".p2psums"
_READ_BYTES: Final = 128 * 1024
_MODE: Final = 0o600
_MOST_TRIES: Final = 1000
"""Names that are tried for one file."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})


class PartError(P2PError):
    """The unfinished file cannot be written, read or named."""


class DiskFull(PartError):
    """The disk is full; the transfer can continue once there is room."""


class WrongSum(PartError):
    """A piece or the whole file differs from the sender's; it must be sent again."""


class Part:
    """The part of a file `name` of `size` bytes, which is created if it does not exist.

    `name` must be safe; `uid` is that of the offer. If it exists, it goes on after its last piece
    that is whole: `pieces`. Use it in one thread at a time, and close it.
    """

    def __init__(self, folder: Path, name: str, uid: str, size: int) -> None:
        self._folder = folder
        self._name = name
        self._size = size
        stem = f".{name}.{uid}"
        self._part_name = f"{stem}{PART_SUFFIX}"
        self._sums_name = f"{stem}{_SUMS_SUFFIX}"
        self._hash = hashlib.sha256()
        self._filled = 0  # bytes of the piece that is coming
        self.pieces = 0
        """How many pieces are here and verified."""
        with _errors(folder / name):
            self._dir = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._data = self._sums = -1
            try:
                self._data = self._open(self._part_name)
                self._sums = self._open(self._sums_name)
                self._go_on()
            except BaseException:
                self.close()
                raise

    @property
    def is_whole(self) -> bool:
        """Whether all pieces have been received."""
        return self.pieces == pieces_of(self._size)

    @property
    def missing(self) -> int:
        """The number of bytes that have not been received yet."""
        return max(0, self._size - self.pieces * PIECE_BYTES)

    def reserve(self) -> None:
        """Allocate the missing bytes on the disk, if the file system can. Raise DiskFull."""
        if self._size and hasattr(os, "posix_fallocate"):
            with _errors(self._folder / self._name), _ignored(errno.EOPNOTSUPP, errno.EINVAL):
                os.posix_fallocate(self._data, 0, self._size)

    def root(self) -> bytes:
        """Return the root over the received pieces, to be compared with the sender's."""
        return root_of(self._size, self._read_sums())

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes to the current piece, which must not exceed its size."""
        if self._filled + len(data) > piece_size(self._size, self.pieces):
            raise WrongSum("more bytes came than were offered")
        at = self.pieces * PIECE_BYTES + self._filled
        with _errors(self._folder / self._name):
            rest = memoryview(data)
            while rest:
                written = os.pwrite(self._data, rest, at)
                at, rest = at + written, rest[written:]
        self._hash.update(data)
        self._filled += len(data)

    def end_piece(self, expected: bytes) -> None:
        """Note that a piece is complete; raise WrongSum if it does not have that sum."""
        is_complete = self._filled == piece_size(self._size, self.pieces)
        if not is_complete or self._hash.digest() != expected:
            self._begin_piece()
            raise WrongSum("a piece was damaged on its way")
        with _errors(self._folder / self._name):
            os.pwrite(self._sums, expected, self.pieces * SUM_BYTES)
        self.pieces += 1
        self._begin_piece()

    def sync(self) -> None:
        """Return once all pieces survive a power failure; the bytes before their sums."""
        with _errors(self._folder / self._name):
            os.fdatasync(self._data)
            os.fdatasync(self._sums)

    def finish(self, root: bytes) -> Path:
        """Give the whole file its name, and return it; raise WrongSum if the root differs.

        If the name is taken, it gets a number. A crash leaves it either unnamed or named.
        """
        if not self.is_whole or self.root() != root:
            raise WrongSum("the file is not what was offered")
        with _errors(self._folder / self._name):
            os.ftruncate(self._data, self._size)
            os.fsync(self._data)
            name = self._named_before() or self._give_name()
            os.fsync(self._dir)
            self._remove()
        return self._folder / name

    def discard(self) -> None:
        """Delete the part."""
        with _errors(self._folder / self._name):
            self._remove()

    def close(self) -> None:
        """Close the files."""
        for descriptor in (self._data, self._sums, self._dir):
            if descriptor >= 0:
                os.close(descriptor)
        self._data = self._sums = self._dir = -1

    def _open(self, name: str) -> int:
        """Open a file of ours. Raise PartError if another thing has its name."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(name, flags, _MODE, dir_fd=self._dir)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise PartError(f"{self._folder / name} is in the way")
        return descriptor

    def _go_on(self) -> None:
        """Count the pieces that are here; the last is read again, as a crash may have torn it."""
        have = os.fstat(self._data).st_size
        listed = os.fstat(self._sums).st_size // SUM_BYTES
        self.pieces = min(listed, pieces_of(self._size))
        while self.pieces and have < self._end_of(self.pieces - 1):
            self.pieces -= 1
        while self.pieces and not self._is_right(self.pieces - 1):
            self.pieces -= 1
        os.ftruncate(self._sums, self.pieces * SUM_BYTES)

    def _end_of(self, piece: int) -> int:
        return piece * PIECE_BYTES + piece_size(self._size, piece)

    def _is_right(self, piece: int) -> bool:
        """Return whether a piece on the disk has its sum."""
        total, at, end = hashlib.sha256(), piece * PIECE_BYTES, self._end_of(piece)
        while at < end:
            data = os.pread(self._data, min(_READ_BYTES, end - at), at)
            if not data:
                break
            total.update(data)
            at += len(data)
        return total.digest() == self._listed_sum(piece)

    def _listed_sum(self, piece: int) -> bytes:
        return os.pread(self._sums, SUM_BYTES, piece * SUM_BYTES)

    def _read_sums(self) -> Iterator[bytes]:
        with _errors(self._folder / self._name):
            for piece in range(self.pieces):
                yield self._listed_sum(piece)

    def _begin_piece(self) -> None:
        self._hash = hashlib.sha256()
        self._filled = 0

    def _give_name(self) -> str:
        """Give the file the first free name, and return that."""
        for number in range(1, _MOST_TRIES):
            name = self._name if number == 1 else numbered(self._name, number)
            with suppress(FileExistsError):
                self._link(name)
                return name
        raise PartError(f"too many files are named like {self._folder / self._name}")

    def _link(self, name: str) -> None:
        """Link the part to that name. Raise FileExistsError if the name is taken."""
        where = {"src_dir_fd": self._dir, "dst_dir_fd": self._dir}
        try:
            os.link(self._part_name, name, **where, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # No hard links here: take the name with an empty file of ours, and replace that.
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
            os.close(os.open(name, flags, _MODE, dir_fd=self._dir))
            try:
                os.rename(self._part_name, name, **where)
            except OSError:
                os.unlink(name, dir_fd=self._dir)  # a next attempt must not find the name taken
                raise

    def _named_before(self) -> str | None:
        """Return the name that the file has already, if we died after giving it."""
        ours = os.fstat(self._data)
        if ours.st_nlink < len((self._part_name, self._name)):
            return None
        for number in itertools.islice(itertools.count(1), _MOST_TRIES):
            name = self._name if number == 1 else numbered(self._name, number)
            try:
                other = os.stat(name, dir_fd=self._dir, follow_symlinks=False)
            except FileNotFoundError:
                return None
            if (other.st_dev, other.st_ino) == (ours.st_dev, ours.st_ino):
                return name
        return None

    def _remove(self) -> None:
        for name in (self._sums_name, self._part_name):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._dir)


@contextmanager
def _errors(file: Path) -> Iterator[None]:
    """Raise PartError for an error of the system."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(
                f"there is no room for {file}", advice="make some, and it goes on"
            ) from error
        raise PartError(f"{file} cannot be written: {error.strerror}") from error


@contextmanager
def _ignored(*numbers: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in numbers:
            raise
