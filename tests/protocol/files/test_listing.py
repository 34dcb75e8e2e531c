"""The list of a folder's files: the one that was offered, or none."""

import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.errors import RemoteProtocolError
from p2pchat.protocol.files.listing import Listed, digest_of, read_list, write_list
from p2pchat.protocol.files.offers import Offer

FILES = [Listed("a", 1), Listed("b/c", 2, True), Listed("b/d", 0)]


def offered(data: bytes, size: int = 3, files: int = 3) -> Offer:
    return Offer("f", size, files=files, folder=True, listing=digest_of(data))


def test_there_and_back() -> None:
    """The files in their order."""
    data = write_list(FILES)
    assert read_list(data, offered(data)) == FILES
    assert read_list(b"", offered(b"", 0, 0)) == []


@pytest.mark.parametrize(
    "lines",
    [
        b'{"path":"../a","size":3}',
        b'{"path":"/etc/passwd","size":3}',
        b'{"path":"a/../../b","size":3}',
        b'{"path":"a//b","size":3}',
        b'{"path":"","size":3}',
        b'{"path":"a\\u0000b","size":3}',
        b'{"path":".ssh/authorized_keys","size":3}',
        b'{"path":"con.txt","size":3}',
        b'{"path":"a\\\\b","size":3}',
        b'{"path":"a\\u202eb","size":3}',
        b'{"path":"a","size":-1}\n{"path":"b","size":4}',
        b'{"path":"a","size":1}\n{"path":"A","size":2}',
        b'{"path":"a","size":1}\n{"path":"a/b","size":2}',
        b'{"path":"' + b"a/" * 33 + b'a","size":3}',
        b'{"path":"a"}',
        b'["a", 3]',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_hostile_lists(lines: bytes) -> None:
    """Each is refused as a whole."""
    count = lines.count(b"\n") + 1
    with pytest.raises(RemoteProtocolError):
        read_list(lines, offered(lines, 3, count))


def test_another_list_than_was_offered() -> None:
    """Other bytes, other sizes, another number of files."""
    data = write_list(FILES)
    with pytest.raises(RemoteProtocolError, match="not the one"):
        read_list(data + b"\n", offered(data))
    with pytest.raises(RemoteProtocolError, match="other files"):
        read_list(data, offered(data, size=4))
    with pytest.raises(RemoteProtocolError, match="other files"):
        read_list(data, offered(data, files=2))


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    """Nothing but its own error is raised."""
    with suppress(RemoteProtocolError):
        read_list(data, offered(data))


def test_too_many_files() -> None:
    """The limit is said before anything is offered."""
    rng = random.Random(1)
    with pytest.raises(ValueError, match="100,000"):
        write_list([Listed(f"{n}", rng.randrange(9)) for n in range(100_001)])
