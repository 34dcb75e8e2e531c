"""Files that are private from their creation on."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchat.errors import StorageError
from p2pchat.private_files import (
    is_locked,
    lock_private,
    make_private,
    open_private,
    refuse_if_others_can_read,
    replace_private,
)


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Set umask 0, so that no mode is right by accident."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_new_files_are_private(tmp_path: Path) -> None:
    """Each function that creates a file creates it with mode 0600."""
    make_private(tmp_path / "made")
    replace_private(tmp_path / "replaced", b"data")
    lock = lock_private(tmp_path / "lock")
    assert lock is not None
    lock.close()
    with open_private(tmp_path / "opened", os.O_WRONLY | os.O_CREAT | os.O_APPEND) as out:
        out.write(b"data")
    assert [mode(file) for file in sorted(tmp_path.iterdir())] == [0o600] * 4


def test_file_is_replaced_completely_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk leaves the old file in place, and no part of the new one."""
    file = tmp_path / "file"
    replace_private(file, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        replace_private(file, b"new")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_replacement_of_an_open_file_is_private(tmp_path: Path) -> None:
    """Replacing a file that others can read makes it private."""
    file = tmp_path / "file"
    file.write_bytes(b"old")
    file.chmod(0o644)
    replace_private(file, b"new")
    assert (mode(file), file.read_bytes()) == (0o600, b"new")


def test_lock_is_exclusive(tmp_path: Path) -> None:
    """One process has the lock until it closes the file."""
    file = tmp_path / "lock"
    assert not is_locked(file)
    assert not file.exists()
    lock = lock_private(file)
    assert lock is not None
    assert lock_private(file) is None
    assert is_locked(file)
    lock.close()
    assert not is_locked(file)


@pytest.mark.parametrize("bits", [0o040, 0o004, 0o020, 0o002, 0o010, 0o001])
def test_any_right_of_others_is_refused(tmp_path: Path, bits: int) -> None:
    """A file or folder that others can use is refused, with advice."""
    file, folder = tmp_path / "file", tmp_path / "folder"
    make_private(file)
    folder.mkdir(mode=0o700)
    for path, word, right in ((file, "read", 0o600), (folder, "enter", 0o700)):
        refuse_if_others_can_read(path)
        path.chmod(right | bits)
        with pytest.raises(StorageError) as refused:
            refuse_if_others_can_read(path)
        assert refused.value.what == f"others can {word} {path}"
        assert refused.value.advice == f"chmod {right:o} {path}"
