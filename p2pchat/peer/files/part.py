"""The partial file or folder of an incoming transfer, until it is complete and renamed.

The bytes are in `.NAME.UID.p2ppart` in the target folder, and the sums of the verified pieces in
`.NAME.UID.p2psums` beside it. The sums stay until `delete_part`, so that a process that died after
the rename is noticed. Existing files are never overwritten: a number is added to the name instead.
Blocking; does no network I/O. Every method may raise PartError.
"""

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from p2pchat.paths import shown
from p2pchat.peer.files.stored import (
    PartError,
    Stored,
    StoredFile,
    StoredFolder,
    open_plain,
    remove,
)
from p2pchat.protocol.files.listing import Listed
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
_IDENTITY_BYTES: Final = 8
"""Follows the last sum: the inode number of the file that is about to be renamed."""

_MOST_TRIES: Final = 10_000
_READ_BYTES: Final = 128 * 1024
SYNC_EVERY: Final = 64 * PIECE_BYTES
"""Bytes between two syncs to disk; a power failure may lose as many."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DiskFull(PartError):
    """The disk is full; the transfer can continue once there is room."""


class WrongSum(PartError):
    """A piece or the whole file differs from the sender's; it must be sent again."""


class Part:
    """The partial file or folder `name` of `size` bytes; it is created if it does not exist.

    `name` must be safe; `uid` identifies the transfer. `files`: the verified list of a folder. An
    existing part resumes after its last intact piece, see `pieces`. The first `trusted` pieces are
    not verified again, as this process wrote them. Use a part in one thread at a time; close it.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        uid: str,
        size: int,
        *,
        files: Sequence[Listed] | None = None,
        executable: bool = False,
        trusted: int = 0,
    ) -> None:
        self.folder = folder
        """The target folder."""
        self._name = name
        self._path = folder / name
        self._size = size
        stem = f".{name}.{uid}"
        part_name = f"{stem}{PART_SUFFIX}"
        self._sums_name = f"{stem}{_SUMS_SUFFIX}"
        self._hash = hashlib.sha256()
        self._filled = 0  # bytes of the piece that is coming
        self.pieces = 0
        """The number of verified pieces."""
        with _errors(self._path):
            self._dir = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._sums = -1
            self._data: Stored | None = None
            try:
                self._sums = open_plain(self._dir, self._sums_name)
                self._named = self._find_renamed()
                if self._named:
                    self.pieces = pieces_of(size)
                    return
                if files is None:
                    self._data = StoredFile(self._dir, part_name, size, executable=executable)
                else:
                    self._data = StoredFolder(self._dir, part_name, files)
                self._go_on(0 if self._data.is_new else trusted)
            except BaseException:
                self.close()
                raise

    @property
    def named(self) -> Path | None:
        """The final path, if the file was already renamed, as by a process that died then."""
        return self.folder / self._named if self._named else None

    @property
    def room_in_piece(self) -> int:
        """The number of bytes missing from the current piece."""
        return 0 if self.is_whole else piece_size(self._size, self.pieces) - self._filled

    @property
    def is_whole(self) -> bool:
        """Whether all pieces have been received."""
        return self.pieces == pieces_of(self._size)

    @property
    def missing(self) -> int:
        """The number of bytes that have not been received yet."""
        return max(0, self._size - self.pieces * PIECE_BYTES)

    def reserve(self, keep_free: int = 0) -> None:
        """Allocate the missing bytes on the disk, if the file system can.

        Raise DiskFull if fewer than `keep_free` bytes would remain.
        """
        self.check_room(keep_free)
        with _errors(self._path):
            self._stored.reserve()

    def check_room(self, keep_free: int) -> None:
        """Raise DiskFull unless there is room for the missing bytes and `keep_free` more."""
        with _errors(self._path):
            found = os.fstatvfs(self._dir)
        if found.f_bavail * found.f_frsize < self.missing + keep_free:
            raise _no_room(self._path)

    def root(self) -> bytes:
        """Return the root over the received pieces, to be compared with the sender's."""
        return root_of(self._size, self._read_sums())

    def go_back(self, pieces: int) -> None:
        """Resume after so many pieces, and drop any further ones."""
        if pieces > self.pieces:
            raise WrongSum("the sender wants to leave out pieces that are not here")
        self.pieces = pieces
        self._begin_piece()
        with _errors(self._path):
            os.ftruncate(self._sums, pieces * SUM_BYTES)

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes to the current piece, which must not exceed its size."""
        if self.is_whole or self._filled + len(data) > piece_size(self._size, self.pieces):
            raise WrongSum("more bytes came than were offered")
        at = self.pieces * PIECE_BYTES + self._filled
        try:
            self._stored.write(memoryview(data), at)
        except OSError as error:
            raise _failed(self._path, error) from error
        self._hash.update(data)
        self._filled += len(data)

    def end_piece(self, expected: bytes) -> None:
        """End the current piece. Raise WrongSum if it is incomplete or has another sum."""
        is_complete = not self.is_whole and self._filled == piece_size(self._size, self.pieces)
        if not is_complete or self._hash.digest() != expected:
            self._begin_piece()
            raise WrongSum("a piece was damaged on its way")
        with _errors(self._path):
            os.pwrite(self._sums, expected, self.pieces * SUM_BYTES)
        self.pieces += 1
        self._begin_piece()

    def sync(self) -> None:
        """Flush all pieces to disk: first the bytes, then their sums."""
        with _errors(self._path):
            self._stored.sync()
            os.fdatasync(self._sums)

    def finish(self, root: bytes) -> Path:
        """Rename the complete file or folder; return its path. Raise WrongSum if the root differs.

        If the name is taken, a number is added. After a crash, the rename has happened or not.
        """
        if not self.is_whole or self.root() != root:
            raise WrongSum("what came is not what was offered")
        with _errors(self._path):
            self._stored.complete()
            identity = self._stored.identity().to_bytes(_IDENTITY_BYTES, "big")
            os.pwrite(self._sums, identity, self.pieces * SUM_BYTES)
            os.fdatasync(self._sums)
            self._named = self._rename()
            os.fsync(self._dir)
            self._stored.remove()
        return self.folder / self._named

    def close(self) -> None:
        """Close the files."""
        if self._data is not None:
            self._data.close()
            self._data = None
        for descriptor in (self._sums, self._dir):
            if descriptor >= 0:
                os.close(descriptor)
        self._sums = self._dir = -1

    @property
    def _stored(self) -> Stored:
        assert self._data is not None, "the part is closed"
        return self._data

    def _go_on(self, trusted: int) -> None:
        """Count the intact pieces; a crash or the user may have damaged any of them."""
        listed = min(os.fstat(self._sums).st_size // SUM_BYTES, pieces_of(self._size))
        self.pieces = min(trusted, listed)
        while self.pieces < listed and self._is_right(self.pieces):
            self.pieces += 1
        os.ftruncate(self._sums, self.pieces * SUM_BYTES)

    def _is_right(self, piece: int) -> bool:
        """Return whether a piece on disk matches its sum."""
        total, at = hashlib.sha256(), piece * PIECE_BYTES
        end = at + piece_size(self._size, piece)
        while at < end:
            data = self._stored.read(min(_READ_BYTES, end - at), at)
            if not data:
                return False
            total.update(data)
            at += len(data)
        return total.digest() == self._listed_sum(piece)

    def _listed_sum(self, piece: int) -> bytes:
        return os.pread(self._sums, SUM_BYTES, piece * SUM_BYTES)

    def _read_sums(self) -> Iterator[bytes]:
        with _errors(self._path):
            for piece in range(self.pieces):
                yield self._listed_sum(piece)

    def _begin_piece(self) -> None:
        self._hash = hashlib.sha256()
        self._filled = 0

    def _rename(self) -> str:
        """Rename the part to the first free name; return the name."""
        for name in self._names():
            with suppress(FileExistsError):
                self._stored.rename_to(name)
                return name
        raise PartError(f"too many files are named like {shown(self._path)}")

    def _names(self) -> Iterator[str]:
        yield self._name
        for number in range(2, _MOST_TRIES):
            yield numbered(self._name, number)

    def _find_renamed(self) -> str:
        """Return the final name if an earlier process renamed the part, otherwise ""."""
        size, pieces = os.fstat(self._sums).st_size, pieces_of(self._size)
        if size < pieces * SUM_BYTES + _IDENTITY_BYTES:
            return ""
        identity = os.pread(self._sums, _IDENTITY_BYTES, pieces * SUM_BYTES)
        for name in self._names():
            try:
                found = os.stat(name, dir_fd=self._dir, follow_symlinks=False)
            except FileNotFoundError:
                return ""
            if found.st_ino == int.from_bytes(identity, "big"):
                return name
        return ""


def delete_part(folder: Path, name: str, uid: str) -> None:
    """Delete the files of a part, if any. The renamed file is never deleted."""
    stem = f".{name}.{uid}"
    with _errors(folder / name), suppress(FileNotFoundError):
        outside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            remove(outside, f"{stem}{PART_SUFFIX}")
            with suppress(FileNotFoundError):
                os.unlink(f"{stem}{_SUMS_SUFFIX}", dir_fd=outside)
        finally:
            os.close(outside)


@contextmanager
def _errors(file: Path) -> Iterator[None]:
    """Raise PartError instead of OSError."""
    try:
        yield
    except OSError as error:
        raise _failed(file, error) from error


def _failed(file: Path, error: OSError) -> PartError:
    if error.errno in _FULL:
        return _no_room(file)
    return PartError(f"{shown(file)} cannot be written: {error.strerror}")


def _no_room(file: Path) -> DiskFull:
    return DiskFull(
        f"there is no room for {shown(file)}", advice="free some space; the transfer then continues"
    )
