"""What is offered of a disk, and whether it is still that."""

import errno
import os
from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.errors import P2PError, UsageError
from p2pchat.peer.files.source import FileChanged, Source, read_files, scan, write_files
from p2pchat.protocol.files.offers import MOST_INLINE


def test_small_file_comes_with_its_offer(tmp_path: Path) -> None:
    """A larger one does not."""
    path = tmp_path / "a"
    path.write_bytes(bytes(MOST_INLINE))
    assert scan(path).offer.inline == bytes(MOST_INLINE)
    path.write_bytes(bytes(MOST_INLINE + 1))
    assert scan(path).offer.inline is None


def test_another_name(tmp_path: Path) -> None:
    """The given one, made safe; a link is offered as what it leads to."""
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "a.txt")
    assert scan(tmp_path / "a.txt", "../b").offer.name == "_._b"
    assert scan(tmp_path / "link").offer.name == "a.txt"


def test_links_in_a_folder_are_left_out(tmp_path: Path) -> None:
    """Also those to folders, pipes, and folders without a file."""
    (tmp_path / "f" / "g").mkdir(parents=True)
    (tmp_path / "f" / "g" / "a").write_text("x")
    (tmp_path / "f" / "link").symlink_to("/etc")
    (tmp_path / "f" / "file").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "f" / "pipe")
    (tmp_path / "f" / "h" / "empty").mkdir(parents=True)
    found = scan(tmp_path / "f")
    assert [one.path for one in found.files] == ["g/a"]
    assert found.skipped == 4
    assert read_files(write_files(found.files)) == found.files


def test_names_that_cannot_be_beside_each_other(tmp_path: Path) -> None:
    """On a system where case does not count, one would overwrite the other."""
    (tmp_path / "a").write_text("x")
    (tmp_path / "A").write_text("y")
    with pytest.raises(UsageError, match="cannot be sent as it is"):
        scan(tmp_path)


def test_folder_that_became_a_link(tmp_path: Path) -> None:
    """It is not followed, wherever it leads."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a").write_text("x")
    folder = tmp_path / "f"
    (folder / "g").mkdir(parents=True)
    (folder / "g" / "a").write_text("x")
    files = scan(folder).files
    (folder / "g" / "a").unlink()
    (folder / "g").rmdir()
    (folder / "g").symlink_to(secret)
    with closing(Source(folder, files)) as source, pytest.raises(FileChanged):
        source.read(memoryview(bytearray(1)), 0)


def test_name_that_is_not_utf_8(tmp_path: Path) -> None:
    """No other system could show it, so it is refused in words; alone or in a folder."""
    path = Path(os.fsdecode(os.fsencode(tmp_path / "f") + b"/bad\xff"))
    path.parent.mkdir()
    path.write_text("x")
    for offered in (path, path.parent):
        with pytest.raises(UsageError, match=r"/f/bad\\xff is not UTF-8"):
            scan(offered)


def test_bytes_across_files(tmp_path: Path) -> None:
    """The files of a folder are one run of bytes, empty ones included."""
    for name, text in (("a", "one"), ("b", ""), ("c", "two"), ("d", "")):
        (tmp_path / name).write_text(text)
    buffer = bytearray(4)
    with closing(Source(tmp_path, scan(tmp_path).files)) as source:
        source.read(memoryview(buffer), 1)
        assert (bytes(buffer), source.size) == (b"netw", 6)


def test_file_that_is_written_while_it_is_read(tmp_path: Path) -> None:
    """Its stamp is compared once its last byte was read."""
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100)
    with closing(Source(path, scan(path).files)) as source:
        source.read(memoryview(bytearray(50)), 0)
        with path.open("r+b") as file:
            file.write(b"y")
        os.utime(path, ns=(1, 1))
        with pytest.raises(FileChanged, match="has changed"):
            source.read(memoryview(bytearray(50)), 50)


def test_unreadable_file_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named before anything is offered, or, if it becomes so later, ends the transfer."""
    (tmp_path / "d").mkdir()
    path = tmp_path / "d" / "b"
    path.write_text("secret")
    files = scan(tmp_path).files
    real_access, real_open = os.access, os.open

    def access(at: str, mode: int) -> bool:
        return not at.endswith("/b") and real_access(at, mode)

    def deny(at: str, flags: int, **how: int) -> int:
        if at == "b":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real_open(at, flags, **how)

    monkeypatch.setattr(os, "access", access)  # root may read anything
    with pytest.raises(P2PError, match="/d/b cannot be read: Permission denied"):
        scan(tmp_path)
    monkeypatch.setattr(os, "open", deny)
    with (
        closing(Source(tmp_path, files)) as source,
        pytest.raises(FileChanged, match="/d/b cannot be read: Permission denied"),
    ):
        source.read(memoryview(bytearray(6)), 0)
