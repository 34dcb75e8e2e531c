"""Archives that p2pchat did not write are refused and nothing is extracted."""

import io
import tarfile
from pathlib import Path

import pytest

from p2pchat.archive import read_archive
from p2pchat.errors import StorageError

NAMES = ["data", "key"]


def archive(folder: Path, *members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> Path:
    file = folder / "a.tar"
    with tarfile.open(file, "w") as opened:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size, member.type, member.mode = len(content), kind, 0o777
            member.linkname = "/etc/passwd"
            opened.addfile(member, io.BytesIO(content))
    return file


def test_archive_is_extracted(tmp_path: Path) -> None:
    """Extracted files are private, whatever mode the archive specifies."""
    (tmp_path / "to").mkdir()
    read_archive(archive(tmp_path, ("data", b"1"), ("key", b"2")), NAMES, tmp_path / "to")
    assert [(tmp_path / "to" / name).read_bytes() for name in NAMES] == [b"1", b"2"]
    assert (tmp_path / "to" / "key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "members",
    [
        [],
        [("data", b"1")],
        [("data", b"1"), ("key", b"2"), ("more", b"3")],
        [("data", b"1"), ("../key", b"2")],
        [("data", b"1"), ("/key", b"2")],
        [("data", b"1"), ("key", b"2"), ("key", b"3")],
        [("data", b"1"), *((f"{n}", b"") for n in range(1000))],
    ],
)
def test_wrong_names_are_refused(tmp_path: Path, members: list[tuple[str, bytes]]) -> None:
    """Missing, additional, repeated or path-like names are refused."""
    (tmp_path / "to").mkdir()
    with pytest.raises(StorageError, match="not a backup"):
        read_archive(archive(tmp_path, *members), NAMES, tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE]
)
def test_special_members_are_refused(tmp_path: Path, kind: bytes) -> None:
    """Links, folders and pipes are refused; a link could point anywhere."""
    (tmp_path / "to").mkdir()
    file = archive(tmp_path, ("data", b""), ("key", b""), kind=kind)
    with pytest.raises(StorageError, match="not a backup"):
        read_archive(file, NAMES, tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


def test_sparse_file_is_refused(tmp_path: Path) -> None:
    """A sparse file is refused, since a few bytes could become terabytes."""
    (tmp_path / "to").mkdir()
    file = tmp_path / "a.tar"
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as opened:
        for name in NAMES:
            member = tarfile.TarInfo(name)
            member.pax_headers = {"GNU.sparse.size": str(2**42), "GNU.sparse.map": f"{2**42},0"}
            opened.addfile(member)
    with pytest.raises(StorageError, match="data is not an ordinary file"):
        read_archive(file, NAMES, tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"not a tar", b"\0" * 10_000])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    """Files that are not archives, and truncated archives, are reported as such."""
    file = tmp_path / "b.tar"
    file.write_bytes(content or archive(tmp_path, ("data", b"1" * 9999)).read_bytes()[:3000])
    with pytest.raises(StorageError, match="not a backup"):
        read_archive(file, NAMES, tmp_path)
