"""Framing is exact to the byte, however the bytes are split or joined (PROTOCOL, "Framing")."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.errors import LocalProtocolError, RemoteProtocolError
from p2pchat.protocol.framing import Caps, Frame, FrameReader, FrameWriter, pad

CAPS = Caps({pad("SEARCH"): 100, pad("MSG"): 70_000, pad("A_COMMAND_OF_15"): 5})


def read_all(pieces: list[bytes]) -> list[Frame]:
    reader = FrameReader()
    frames = []
    for piece in pieces:
        reader.push(piece)
        while (frame := reader.pull(CAPS)) is not None:
            frames.append(frame)
    return frames


def test_example_of_the_protocol_document() -> None:
    """A `SEARCH` for `bob` is encoded byte for byte as PROTOCOL prints it."""
    assert FrameWriter(pad("SEARCH")).write(b"bob") == b"3         SEARCH         bob"


def test_size_counts_bytes_not_characters() -> None:
    """The size field counts bytes, not characters."""
    assert FrameWriter(pad("MSG")).write("ü".encode()).startswith(b"2 ")


FRAMES = st.lists(
    st.one_of(
        st.tuples(st.just(pad("SEARCH")), st.binary(max_size=100)),
        st.tuples(st.just(pad("MSG")), st.binary(max_size=300)),
        st.tuples(st.just(pad("A_COMMAND_OF_15")), st.binary(max_size=5)),
    ),
    max_size=8,
)


@given(FRAMES, st.lists(st.integers(min_value=0, max_value=3000), max_size=20))
def test_frames_do_not_depend_on_how_bytes_are_split(
    frames: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    """The same frames are read one byte at a time, all at once, or split anywhere."""
    data = b"".join(FrameWriter(frame[0]).write(frame[1]) for frame in frames)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[a:b] for a, b in pairwise(edges)]
    expected = frames
    assert read_all(pieces) == expected
    assert read_all([data]) == expected
    assert read_all([data[i : i + 1] for i in range(len(data))]) == expected


class Counted(bytes):
    """Bytes whose slices and sums are Counted too; `made` is the length of all of these."""

    made = 0

    def __add__(self, other: Any) -> "Counted":
        return self._count(super().__add__(other))

    def __getitem__(self, index: Any) -> Any:
        return self._count(super().__getitem__(index))

    def _count(self, data: bytes) -> "Counted":
        Counted.made += len(data)
        return Counted(data)


def test_reading_byte_by_byte_takes_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An incomplete frame is not copied for every byte; the buffer only grows."""
    monkeypatch.setattr(Counted, "made", 0)
    reader = FrameReader()
    frame = FrameWriter(pad("MSG")).write(bytes(70_000))
    for i in range(len(frame) - 1):
        reader.push(Counted(frame[i : i + 1]))
        assert reader.pull(CAPS) is None
    assert Counted.made < 1000
    reader.push(Counted(frame[-1:]))
    found = reader.pull(CAPS)
    assert found == (pad("MSG"), bytes(70_000))
    assert [type(part) for part in found] == [Counted] * 2  # no copy was made unseen
    assert Counted.made < 3 * len(frame)


@pytest.mark.parametrize(
    "size",
    [
        b"",
        b"+3",
        b"-3",
        b" 3",
        b"1 2",
        b"1_0",
        b"0x3",
        b"3.0",
        "٣".encode(),
        b"\x003",
        b"3\t",
        b"three",
    ],
)
def test_malformed_size_is_refused(size: bytes) -> None:
    """A size is one to ten ASCII digits followed only by spaces; other forms that int() accepts are
    refused.
    """
    with pytest.raises(RemoteProtocolError, match="size field"):
        read_all([size.ljust(10)[:10] + pad("SEARCH") + b"bob"])


@pytest.mark.parametrize("size", [b"0000000003", b"3         "])
def test_size_of_ten_digits_is_accepted(size: bytes) -> None:
    """A size may use all ten digits, or fewer and be padded with spaces."""
    assert read_all([size + pad("SEARCH") + b"bob"]) == [(pad("SEARCH"), b"bob")]


def test_each_command_has_its_own_size_limit() -> None:
    """A frame above the limit of its command is refused before its payload arrives."""
    assert read_all([b"101       " + pad("MSG")]) == []
    with pytest.raises(RemoteProtocolError, match="101 bytes of payload, where SEARCH has at most"):
        read_all([b"101       " + pad("SEARCH")])
    with pytest.raises(RemoteProtocolError, match="at most"):
        read_all([b"9999999999" + pad("MSG")])


@pytest.mark.parametrize(
    "command",
    [b"search", b" SEARCH", b"SEA RCH", b"", b"S\xc3\x89ARCH", b"SEARCH\x00", b"\x16\x03"],
)
def test_malformed_command_is_refused(command: bytes) -> None:
    """A command consists of upper-case letters, digits and `_`, left-justified."""
    with pytest.raises(RemoteProtocolError, match="malformed"):
        read_all([b"3         " + command.ljust(15) + b"bob"])


def test_unknown_command_is_named_in_the_error() -> None:
    """The error for an unknown command names it."""
    with pytest.raises(RemoteProtocolError, match="LAUNCH has no place here"):
        read_all([b"3         " + pad("LAUNCH") + b"bob"])


def test_frames_before_a_malformed_one_are_delivered() -> None:
    """Valid frames before a violation are delivered."""
    reader = FrameReader()
    reader.push(FrameWriter(pad("SEARCH")).write(b"bob") + b"x" * 25)
    assert reader.pull(CAPS) == (pad("SEARCH"), b"bob")
    with pytest.raises(RemoteProtocolError):
        reader.pull(CAPS)


@pytest.mark.parametrize("name", ["", "A" * 16, "lower", "TWO WORDS", "Ü"])
def test_invalid_command_name_is_a_local_error(name: str) -> None:
    """Padding an invalid command name is a local error; fifteen bytes are allowed."""
    with pytest.raises(LocalProtocolError, match="not a valid command name"):
        pad(name)
    assert pad("A" * 15) == b"A" * 15
