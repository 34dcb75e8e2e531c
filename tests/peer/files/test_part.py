"""A part becomes the sender's file, whole, under a name that was free; or it goes on later."""

import errno
import hashlib
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from p2pchat.peer.files.part import DiskFull, Part, WrongSum, delete_part
from p2pchat.peer.files.stored import PartError
from p2pchat.protocol.files.listing import Listed
from p2pchat.protocol.files.pieces import PIECE_BYTES, pieces_of, root_of

UID = "0123abcd"


def content(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def pieces(data: bytes) -> list[bytes]:
    return [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]


def sums(data: bytes) -> list[bytes]:
    return [hashlib.sha256(piece).digest() for piece in pieces(data)]


def root(data: bytes) -> bytes:
    return root_of(len(data), sums(data))


def fill(part: Part, data: bytes, most: int = 1000) -> None:
    """Write what is missing, at most so many pieces, in frames."""
    for piece in pieces(data)[part.pieces :][:most]:
        for at in range(0, len(piece), 65536):
            part.write(piece[at : at + 65536])
        part.end_piece(hashlib.sha256(piece).digest())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "downloads"
    made.mkdir()
    return made


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3_500_000])
def test_whole_file_gets_its_name(folder: Path, size: int) -> None:
    """Every size, the empty file too; nothing else stays."""
    data = content(size)
    with closing(Part(folder, "report.pdf", UID, size)) as part:
        part.reserve()
        fill(part, data)
        assert part.is_whole
        part.sync()
        assert part.finish(root(data)) == folder / "report.pdf"
    assert (folder / "report.pdf").read_bytes() == data
    delete_part(folder, "report.pdf", UID)
    assert names(folder) == ["report.pdf"]
    assert (folder / "report.pdf").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("links", [True, False])
def test_nothing_is_overwritten(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    """A taken name gets a number, also where there are no hard links."""
    if not links:

        def no_links(*_: Any, **__: Any) -> None:
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(os, "link", no_links)
    (folder / "a.txt").write_text("mine")
    (folder / "a (2).txt").symlink_to("/nowhere")
    for number in (3, 4):
        data = content(10, number)
        with closing(Part(folder, "a.txt", f"{UID}{number}", 10)) as part:
            fill(part, data)
            assert part.finish(root(data)).name == f"a ({number}).txt"
        assert (folder / f"a ({number}).txt").read_bytes() == data
    assert (folder / "a.txt").read_text() == "mine"


def test_name_stays_free_if_it_cannot_be_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are no hard links and renaming fails once, no empty file is left behind."""

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "not now")

    data = content(10)
    monkeypatch.setattr(os, "link", fail)
    with closing(Part(folder, "a", UID, 10)) as part:
        fill(part, data)
        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", fail)
            with pytest.raises(PartError):
                part.finish(root(data))
        assert "a" not in names(folder)
        assert part.finish(root(data)) == folder / "a"
    assert (folder / "a").read_bytes() == data


def test_goes_on_after_the_last_whole_piece(folder: Path) -> None:
    """With the root over what is here, by which the sender sees that it is the same file."""
    data = content(5 * PIECE_BYTES + 7)
    with closing(Part(folder, "a", UID, len(data))) as part:
        fill(part, data, most=3)
        part.write(b"the beginning of a piece")
    with closing(Part(folder, "a", UID, len(data))) as part:
        assert part.pieces == 3
        assert part.missing == 2 * PIECE_BYTES + 7
        assert part.root() == root_of(len(data), sums(data)[:3])
        fill(part, data)
        part.finish(root(data))
    assert (folder / "a").read_bytes() == data


@pytest.mark.parametrize("n", range(30))
def test_crash_at_any_moment(folder: Path, n: int) -> None:
    """What was not synced may be missing, torn or zero: the file is the sender's nevertheless."""
    rng = random.Random(n)
    print("seed", n)
    data = content(4 * PIECE_BYTES + rng.randrange(PIECE_BYTES), n)
    synced = 0
    for _ in range(20):
        with closing(Part(folder, "a", UID, len(data))) as part:
            assert part.pieces >= synced
            fill(part, data, most=rng.randrange(3))
            if rng.random() < 0.5:
                part.sync()
                synced = part.pieces
            if not part.is_whole:
                part.write(data[part.pieces * PIECE_BYTES :][: rng.randrange(1, 500)])
            elif rng.random() < 0.5:
                part.finish(root(data))
                break
        damage(folder, rng, synced)
    else:
        with closing(Part(folder, "a", UID, len(data))) as part:
            fill(part, data)
            part.finish(root(data))
    assert (folder / "a").read_bytes() == data
    delete_part(folder, "a", UID)
    assert names(folder) == ["a"]


def damage(folder: Path, rng: random.Random, synced: int) -> None:
    """Lose or tear what was written after the last sync."""
    part, listed = folder / f".a.{UID}.p2ppart", folder / f".a.{UID}.p2psums"
    size = part.stat().st_size
    safe = synced * PIECE_BYTES
    match rng.randrange(4):
        case 0 if size > safe:
            os.truncate(part, rng.randrange(safe, size))
        case 1 if listed.stat().st_size > synced * 32:
            os.truncate(listed, rng.randrange(synced * 32, listed.stat().st_size))
        case 2 if size > safe and listed.stat().st_size // 32 > synced:
            last = rng.randrange(synced, listed.stat().st_size // 32) * PIECE_BYTES
            with part.open("r+b") as file:
                file.seek(last)
                file.write(bytes(100))
        case _:
            pass


@pytest.mark.parametrize("executable", [True, False])
def test_bytes_behind_a_file_are_cut(folder: Path, *, executable: bool) -> None:
    """Bytes that a crash or a user has left behind a file's end do not get into the result."""
    sizes = {"a": 0, "b": PIECE_BYTES // 2, "c": PIECE_BYTES, "d": 7}
    data = content(sum(sizes.values()))
    files = [Listed(name, size, executable) for name, size in sizes.items()]
    with closing(Part(folder, "photos", UID, len(data), files=files)) as part:
        fill(part, data, 1)
    [hidden] = folder.glob("*.p2ppart")
    for name in ("a", "b", "c", "d"):
        with (hidden / name).open("ab") as file:
            file.write(bytes(2 * PIECE_BYTES))
    with closing(Part(folder, "photos", UID, len(data), files=files)) as part:
        assert part.pieces == 1
        fill(part, data)
        part.finish(root(data))
    whole = b"".join((folder / "photos" / name).read_bytes() for name in sizes)
    assert whole == data


def test_death_after_the_name_was_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next start finds it by its inode, and gives no second name."""
    data = content(100)
    (folder / "a").write_text("mine")
    with closing(Part(folder, "a", UID, 100)) as part:
        fill(part, data)
        with monkeypatch.context() as patch:

            def dies(*_: Any, **__: Any) -> None:
                raise OSError(errno.EIO, "power failure")

            patch.setattr(os, "unlink", dies)
            with pytest.raises(PartError):
                part.finish(root(data))
    assert "a (2)" in names(folder)
    with closing(Part(folder, "a", UID, 100)) as part:
        assert part.named == folder / "a (2)"
        assert part.root() == root(data)
    delete_part(folder, "a", UID)
    assert names(folder) == ["a", "a (2)"]


def test_damaged_piece_comes_again(folder: Path) -> None:
    """It is not counted, and the file goes on with it."""
    data = content(2 * PIECE_BYTES)
    with closing(Part(folder, "a", UID, len(data))) as part:
        fill(part, data, most=1)
        part.write(b"x" * PIECE_BYTES)
        with pytest.raises(WrongSum, match="damaged"):
            part.end_piece(sums(data)[1])
        assert part.pieces == 1
        fill(part, data)
        part.finish(root(data))
    assert (folder / "a").read_bytes() == data


def test_wrong_root_gives_no_name(folder: Path) -> None:
    """All sums may be right, and it is another file all the same."""
    data = content(100)
    with closing(Part(folder, "a", UID, 100)) as part:
        with pytest.raises(WrongSum):
            part.finish(root(data))
        fill(part, data)
        with pytest.raises(WrongSum, match="offered"):
            part.finish(root(content(100, 2)))
        assert "a" not in names(folder)
    delete_part(folder, "a", UID)
    delete_part(folder, "a", UID)
    assert names(folder) == []


def test_more_than_was_offered_is_refused(folder: Path) -> None:
    """A sender cannot fill the disk."""
    with closing(Part(folder, "a", UID, 10)) as part:
        with pytest.raises(WrongSum, match="more"):
            part.write(b"x" * 11)
        fill(part, content(10))
        with pytest.raises(WrongSum, match="more"):
            part.write(b"x")
        assert (folder / f".a.{UID}.p2ppart").stat().st_size == 10


@pytest.mark.parametrize("call", ["pwrite", "fdatasync", "fsync", "posix_fallocate"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_disk_that_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """It is said as what it is; with room, or a mended disk, the same part goes on."""
    data = content(PIECE_BYTES + 5)

    def fails(*_: Any) -> int:
        raise OSError(number, os.strerror(number))

    def work(part: Part) -> None:
        part.reserve()
        fill(part, data)
        part.sync()
        part.finish(root(data))

    kind = DiskFull if number == errno.ENOSPC else PartError
    with closing(Part(folder, "a", UID, len(data))) as part, monkeypatch.context() as patch:
        patch.setattr(os, call, fails)
        with pytest.raises(kind):
            work(part)
    with closing(Part(folder, "a", UID, len(data))) as part:
        work(part)
    assert (folder / "a").read_bytes() == data


@pytest.mark.parametrize("what", ["link", "fifo", "folder"])
def test_something_else_under_the_parts_name(folder: Path, tmp_path: Path, what: str) -> None:
    """Nothing is followed, written to or waited for."""
    name, other = folder / f".a.{UID}.p2ppart", tmp_path / "other"
    other.write_text("not mine")
    match what:
        case "link":
            name.symlink_to(other)
        case "fifo":
            os.mkfifo(name)
        case _:
            name.mkdir()
    with pytest.raises(PartError):
        Part(folder, "a", UID, 10)
    assert other.read_text() == "not mine"


def test_folder_that_is_gone(folder: Path) -> None:
    """A clear error."""
    shutil.rmtree(folder)
    with pytest.raises(PartError, match="cannot be written"):
        Part(folder, "a", UID, 10)


@pytest.fixture
def few_descriptors() -> Iterator[int]:
    before = len(os.listdir("/proc/self/fd"))
    yield before
    assert len(os.listdir("/proc/self/fd")) == before


def test_descriptors_are_closed(folder: Path, few_descriptors: int) -> None:
    """Also if opening fails half way."""
    (folder / f".a.{UID}.p2psums").mkdir()
    with pytest.raises(PartError):
        Part(folder, "a", UID, 10)
    assert few_descriptors
    assert pieces_of(10) == 1
