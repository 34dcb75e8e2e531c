"""Reads an offered file or folder: which files it contains, and their bytes.

The files of a folder are read as one stream, one after the other. Nothing is copied; a stamp per
file detects changes since the offer. Blocking; does no network I/O.
"""

import errno
import hashlib
import os
import stat
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from p2pchat.callbacks import ignore
from p2pchat.errors import P2PError, UsageError
from p2pchat.paths import name_of, shown, text_of
from p2pchat.protocol.files.frames import FRAME_BYTES
from p2pchat.protocol.files.listing import Listed, digest_of, write_list
from p2pchat.protocol.files.names import MOST_DEPTH, check_paths, safe_name
from p2pchat.protocol.files.offers import MOST_FILES, MOST_INLINE, Offer
from p2pchat.protocol.files.pieces import PIECE_BYTES, piece_size

_LASTING: Final = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.EACCES, errno.EPERM}
)
"""Errors that do not pass by themselves, unlike those of a network disk."""
_EXECUTABLE: Final = stat.S_IXUSR
_ADVICE: Final = "rename it, or pack the folder first"
_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not be waited for


class FileChanged(P2PError):
    """The file has changed since it was offered."""


class Stamp(NamedTuple):
    """Identifies a version of a file, to detect changes."""

    device: int
    inode: int
    size: int
    changed_at: int


class SourceFile(msgspec.Struct, frozen=True, array_like=True):
    """An offered file: its entry in the list, its path below the folder, and its version.

    `path` is empty for a file that is not in a folder.
    """

    listed: Listed
    path: str
    stamp: Stamp


class Scanned(NamedTuple):
    """The result of a scan: the offer, its files, and the number of skipped entries.

    Symbolic links, devices and the like are skipped, and empty folders below it.
    """

    offer: Offer
    files: list[SourceFile]
    skipped: int = 0

    @property
    def renamed(self) -> int:
        """The number of files whose names are changed for other systems."""
        return sum(one.path != one.listed.path for one in self.files if one.path)


def scan(path: Path, name: str = "") -> Scanned:
    """Scan a file or folder to offer, under `name` if given.

    Raise UsageError if it cannot be offered, P2PError if it cannot be read.
    """
    where = text_of(path, _ADVICE)
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            return _scan_folder(path, name)
        if stat.S_ISREG(found.st_mode):
            return _scan_file(path, name)
    except OSError as error:
        what = where if error.filename is None else shown(error.filename)
        raise P2PError(f"{what} cannot be read: {error.strerror}") from error
    raise UsageError(f"{where} is neither a file nor a folder")


def read_files(data: bytes) -> list[SourceFile]:
    """Decode the stored files of an offer."""
    return msgspec.msgpack.decode(data, type=list[SourceFile])


def write_files(files: Sequence[SourceFile]) -> bytes:
    """Encode the files of an offer, to be stored."""
    return msgspec.msgpack.encode(files)


def list_of(files: Sequence[SourceFile]) -> bytes:
    """Return the encoded list of a folder's files."""
    return write_list([one.listed for one in files])


def _scan_file(path: Path, name: str) -> Scanned:
    descriptor = os.open(path, _READ)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        stamp = _stamp(found)
        inline = file.read(MOST_INLINE + 1) if stamp.size <= MOST_INLINE else None
        if inline is not None:  # these bytes are what is offered, also if the file has just changed
            inline = inline[:MOST_INLINE]
            stamp = stamp._replace(size=len(inline))
    is_executable = bool(found.st_mode & _EXECUTABLE)
    offer = Offer(
        safe_name(name or text_of(path.resolve().name)),
        stamp.size,
        executable=is_executable,
        inline=inline,
    )
    listed = Listed(offer.name, stamp.size, is_executable)
    return Scanned(offer, [SourceFile(listed, "", stamp)])


def _scan_folder(path: Path, name: str) -> Scanned:
    files: list[SourceFile] = []
    skipped = 0
    for entry in _entries(path, ""):
        if isinstance(entry, SourceFile):
            files.append(entry)
        else:
            skipped += 1
        if len(files) > MOST_FILES:
            raise UsageError(
                f"{shown(path)} has more than {MOST_FILES:,} files",
                advice="send its folders one by one, or pack it first",
            )
    try:
        check_paths([one.listed.path for one in files])
    except ValueError as error:
        raise UsageError(
            f"{shown(path)} cannot be sent as it is: {error}",
            likely="two names differ only in case, or in characters that not every system has",
            advice="rename one of them, or pack the folder first",
        ) from error
    data = list_of(files)
    size = sum(one.listed.size for one in files)
    offer = Offer(
        safe_name(name or text_of(path.resolve().name)),
        size,
        files=len(files),
        folder=True,
        listing=digest_of(data),
    )
    return Scanned(offer, files, skipped)


def _entries(folder: Path, below: str) -> Iterator[SourceFile | None]:
    """Yield the files in a folder, sorted by name; None for each skipped entry."""
    if below.count("/") > MOST_DEPTH:
        raise UsageError(f"{shown(folder)}/{below} is too deep", advice="pack the folder first")
    with os.scandir(folder / name_of(below)) as found:
        entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
    for entry in entries:
        path = below + text_of(entry.path, _ADVICE).rpartition("/")[2]
        if entry.is_symlink():
            yield None
        elif entry.is_dir(follow_symlinks=False):
            is_empty = True
            for inner in _entries(folder, f"{path}/"):
                is_empty = False
                yield inner
            if is_empty:
                yield None
        elif entry.is_file(follow_symlinks=False):
            yield _file_of(entry, path)
        else:
            yield None


def _file_of(entry: os.DirEntry[str], path: str) -> SourceFile:
    """Return the file of an entry, which has that path below the offered folder."""
    if not os.access(entry.path, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), entry.path)
    about = entry.stat(follow_symlinks=False)
    safe = "/".join(safe_name(part) for part in path.split("/"))
    listed = Listed(safe, about.st_size, bool(about.st_mode & _EXECUTABLE))
    return SourceFile(listed, path, _stamp(about))


class Source:
    """The bytes of the file or folder at `path`, with these files. Close it after use.

    Methods raise FileChanged if a file has changed since the offer or is gone, and P2PError if it
    cannot be read.
    """

    def __init__(self, path: Path, files: Sequence[SourceFile]) -> None:
        self._path = path
        self._files = files
        self._starts = list(accumulate((one.listed.size for one in files), initial=0))
        self.size = self._starts[-1]
        """The number of all bytes."""
        self._current = -1  # the index of the open file
        self._file = -1
        self._folder = -1  # the open folder of the current file
        self._folder_path: str | None = None

    def read(self, buffer: memoryview, at: int) -> None:
        """Fill the buffer with bytes, starting at that offset."""
        while buffer:
            index = bisect_right(self._starts, at, hi=len(self._files)) - 1
            if index != self._current:
                self._open(index)
            inside = at - self._starts[index]
            part = buffer[: self._starts[index + 1] - at]
            try:
                count = os.preadv(self._file, [part], inside)
            except OSError as error:
                raise self._unread(index, error) from error
            if not count:
                raise self._changed(index, "has become shorter")
            at += count
            buffer = buffer[count:]
            if at == self._starts[index + 1]:
                self._check()

    def frames(self, piece: int, buffer: memoryview) -> Iterator[memoryview]:
        """Yield the bytes of a piece frame by frame, each in the buffer of FRAME_BYTES."""
        at = piece * PIECE_BYTES
        end = at + piece_size(self.size, piece)
        while at < end:
            part = buffer[: min(FRAME_BYTES, end - at)]
            self.read(part, at)
            yield part
            at += len(part)

    def add_sums(self, sums: list[bytes], pieces: int, each: Callable[[], None] = ignore) -> None:
        """Append the missing sums of the first `pieces` pieces; call `each()` after each."""
        buffer = memoryview(bytearray(FRAME_BYTES))
        for piece in range(len(sums), pieces):
            total = hashlib.sha256()
            for part in self.frames(piece, buffer):
                total.update(part)
            sums.append(total.digest())
            each()

    def close(self) -> None:
        """Close the files."""
        for descriptor in (self._file, self._folder):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._folder = self._current = -1
        self._folder_path = None

    def _open(self, index: int) -> None:
        one = self._files[index]
        try:
            descriptor = self._descriptor(one.path)
        except OSError as error:
            raise self._unread(index, error) from error
        if self._file >= 0:
            os.close(self._file)
        self._file, self._current = descriptor, index
        self._check()

    def _descriptor(self, path: str) -> int:
        """Open a file; below the offered folder, symbolic links are not followed."""
        if not path:
            return os.open(self._path, _READ)
        above, _, name = name_of(path).rpartition("/")
        if above != self._folder_path:
            self._enter(above)
        return os.open(name, _READ | os.O_NOFOLLOW, dir_fd=self._folder)

    def _enter(self, above: str) -> None:
        folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in above.split("/") if above else ():
            inner = folder
            try:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                folder = os.open(part, flags, dir_fd=inner)
            finally:
                os.close(inner)
        if self._folder >= 0:
            os.close(self._folder)
        self._folder, self._folder_path = folder, above

    def _check(self) -> None:
        """Raise FileChanged unless the open file has its stamp."""
        if _stamp(os.fstat(self._file)) != self._files[self._current].stamp:
            raise self._changed(self._current, "has changed since it was offered")

    def _unread(self, index: int, error: OSError) -> P2PError:
        """Return the error for a file that is gone or closed to us, or cannot be read now."""
        how = f"cannot be read: {error.strerror}"
        if error.errno in _LASTING:
            return self._changed(index, how)
        return P2PError(f"{self._shown(index)} {how}")

    def _changed(self, index: int, how: str) -> FileChanged:
        return FileChanged(f"{self._shown(index)} {how}")

    def _shown(self, index: int) -> str:
        below = self._files[index].path
        return f"{shown(self._path)}/{below}" if below else shown(self._path)


def _stamp(found: os.stat_result) -> Stamp:
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
