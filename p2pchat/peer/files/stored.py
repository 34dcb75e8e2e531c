"""Stores the bytes of an incoming transfer: in one file, or in the files of a folder.

Both are written under a temporary name, and renamed when complete; existing files are never
replaced. Symbolic links are not followed. Blocking; every method may raise OSError, constructors
also PartError.
"""

import errno
import os
import stat
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Final, Protocol

from p2pchat.errors import P2PError
from p2pchat.paths import name_of, shown
from p2pchat.protocol.files.listing import Listed

MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
PLAIN: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})
_SYNCED_ONE_BY_ONE: Final = 16


class PartError(P2PError):
    """Received data cannot be written, read or renamed."""


class Stored(Protocol):
    """The bytes of a transfer, in the target folder.

    `is_new`: whether it was created just now.
    """

    is_new: bool

    def write(self, data: memoryview, at: int) -> None:
        """Write bytes at an offset."""

    def read(self, count: int, at: int) -> bytes:
        """Return at most `count` bytes from an offset; empty at the end."""

    def reserve(self) -> None:
        """Allocate all bytes on the disk, if the file system can."""

    def sync(self) -> None:
        """Flush all written bytes to disk."""

    def complete(self) -> None:
        """Set final lengths and permissions, and create empty files."""

    def identity(self) -> int:
        """Return the inode number, which a rename does not change."""

    def rename_to(self, name: str) -> None:
        """Rename to that name. Raise FileExistsError if the name is taken."""

    def remove(self) -> None:
        """Delete what remains under the temporary name."""

    def close(self) -> None:
        """Close the files."""


class StoredFile:
    """A single file; `executable`: whether to set its executable bits."""

    def __init__(self, folder: int, name: str, size: int, *, executable: bool) -> None:
        self._folder = folder
        self._name = name
        self._size = size
        self._executable = executable
        self.is_new = not _exists(folder, name)
        self._file = open_plain(folder, name)

    def write(self, data: memoryview, at: int) -> None:
        """Write bytes at an offset."""
        _write_all(self._file, data, at)

    def read(self, count: int, at: int) -> bytes:
        """Return at most `count` bytes from an offset; empty at the end."""
        return os.pread(self._file, count, at)

    def reserve(self) -> None:
        """Allocate all bytes on the disk, if the file system can."""
        if not self._size or not hasattr(os, "posix_fallocate"):
            return
        try:
            os.posix_fallocate(self._file, 0, self._size)
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:
                raise

    def sync(self) -> None:
        """Flush all written bytes to disk."""
        os.fdatasync(self._file)

    def complete(self) -> None:
        """Set the final length and permissions."""
        os.ftruncate(self._file, self._size)
        if self._executable:
            os.fchmod(self._file, FOLDER_MODE)
        os.fsync(self._file)

    def identity(self) -> int:
        """Return the inode number."""
        return os.fstat(self._file).st_ino

    def rename_to(self, name: str) -> None:
        """Link to that name. Raise FileExistsError if the name is taken."""
        where = {"src_dir_fd": self._folder, "dst_dir_fd": self._folder}
        try:
            os.link(self._name, name, **where, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # No hard links here: take the name with an empty file of ours, and replace that.
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
            os.close(os.open(name, flags, MODE, dir_fd=self._folder))
            try:
                os.rename(self._name, name, **where)
            except OSError:
                os.unlink(name, dir_fd=self._folder)  # a next attempt must not find the name taken
                raise

    def remove(self) -> None:
        """Delete the temporary name."""
        remove(self._folder, self._name)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


class StoredFolder:
    """The files of a folder, in the order of their verified list."""

    def __init__(self, folder: int, name: str, files: Sequence[Listed]) -> None:
        self._outside = folder
        self._name = name
        self._files = files
        self._starts = list(accumulate((one.size for one in files), initial=0))
        self.is_new = not _exists(folder, name)
        if self.is_new:
            os.mkdir(name, FOLDER_MODE, dir_fd=folder)
        self._root = os.open(name, FOLDER, dir_fd=folder)
        self._file = self._inner = self._current = -1
        self._inner_path: str | None = None
        self._unsynced: set[int] = set()

    def write(self, data: memoryview, at: int) -> None:
        """Write bytes at an offset, which may span several files."""
        while data:
            index = self._go_to(at)
            part = data[: self._starts[index + 1] - at]
            _write_all(self._file, part, at - self._starts[index])
            self._unsynced.add(index)
            at += len(part)
            data = data[len(part) :]

    def read(self, count: int, at: int) -> bytes:
        """Return bytes of one file from an offset; empty at the end."""
        if at >= self._starts[-1]:
            return b""
        index = self._go_to(at)
        return os.pread(
            self._file, min(count, self._starts[index + 1] - at), at - self._starts[index]
        )

    def reserve(self) -> None:
        """Do nothing: free space was checked, and the files do not exist yet."""

    def sync(self) -> None:
        """Flush all written bytes to disk."""
        if len(self._unsynced) > _SYNCED_ONE_BY_ONE:
            os.sync()  # for many small files much faster than one call for each
        else:
            for index in self._unsynced:
                os.fdatasync(self._open(index))
        self._unsynced.clear()

    def complete(self) -> None:
        """Create the empty files, and set permissions."""
        for index, one in enumerate(self._files):
            if one.executable or not one.size:
                os.fchmod(self._open(index), FOLDER_MODE if one.executable else MODE)
        self._unsynced.update(range(min(len(self._files), _SYNCED_ONE_BY_ONE + 1)))
        self.sync()
        os.fsync(self._root)

    def identity(self) -> int:
        """Return the inode number."""
        return os.fstat(self._root).st_ino

    def rename_to(self, name: str) -> None:
        """Rename to that name. Raise FileExistsError if the name is taken.

        An empty folder reserves the name first, as a rename replaces only empty folders.
        """
        os.mkdir(name, FOLDER_MODE, dir_fd=self._outside)
        try:
            os.rename(self._name, name, src_dir_fd=self._outside, dst_dir_fd=self._outside)
        except OSError as error:
            with suppress(OSError):
                os.rmdir(name, dir_fd=self._outside)
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                raise FileExistsError(error.errno, "the name was taken") from error
            raise

    def remove(self) -> None:
        """Delete the folder under its temporary name, if any."""
        remove(self._outside, self._name)

    def close(self) -> None:
        """Close the files."""
        for descriptor in (self._file, self._inner, self._root):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._inner = self._root = self._current = -1
        self._inner_path = None

    def _go_to(self, at: int) -> int:
        """Open the file that contains that offset; return its index."""
        index = bisect_right(self._starts, at, hi=len(self._files)) - 1
        self._open(index)
        return index

    def _open(self, index: int) -> int:
        if index == self._current:
            return self._file
        above, _, name = name_of(self._files[index].path).rpartition("/")
        if above != self._inner_path:
            self._enter(above)
        file = open_plain(self._inner, name)
        if os.fstat(file).st_size > self._files[index].size:  # left by a crash, or the user
            os.ftruncate(file, self._files[index].size)
        if self._file >= 0:
            os.close(self._file)
        self._file, self._current = file, index
        return file

    def _enter(self, above: str) -> None:
        """Open the subfolder with that path, created if needed."""
        inner = os.dup(self._root)
        for part in above.split("/") if above else ():
            outer = inner
            try:
                with suppress(FileExistsError):
                    os.mkdir(part, FOLDER_MODE, dir_fd=outer)
                inner = os.open(part, FOLDER, dir_fd=outer)
            finally:
                os.close(outer)
        if self._inner >= 0:
            os.close(self._inner)
        self._inner, self._inner_path = inner, above


def open_plain(folder: int, name: str) -> int:
    """Open or create a file in the folder. Raise PartError if the name is not a regular file."""
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | PLAIN, MODE, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PartError(f"{shown(name)} is in the way")
    return descriptor


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _write_all(file: int, data: memoryview, at: int) -> None:
    while data:
        count = os.pwrite(file, data, at)
        at, data = at + count, data[count:]


def remove(folder: int, name: str) -> None:
    """Delete a file or folder, if it exists; symbolic links are not followed."""
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in {errno.EISDIR, errno.EPERM}:
            raise
        _remove_tree(folder, name)


def _remove_tree(folder: int, name: str) -> None:
    """Delete a folder and its contents; symbolic links are deleted, not followed."""
    inner = os.open(name, FOLDER, dir_fd=folder)
    try:
        with os.scandir(inner) as found:
            entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
        for entry, is_folder in entries:
            if is_folder:
                _remove_tree(inner, entry)
            else:
                os.unlink(entry, dir_fd=inner)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=folder)
