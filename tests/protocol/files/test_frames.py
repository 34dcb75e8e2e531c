"""The frames of a data connection: what each end may say, and how much."""

import pytest

from p2pchat.errors import RemoteProtocolError
from p2pchat.protocol.files.frames import (
    FRAME_BYTES,
    FROM_RECEIVER,
    FROM_SENDER,
    DataReader,
    Kind,
    count_in,
    frame,
    got,
    piece_header,
)


def test_frames_in_any_slices() -> None:
    """Each comes out once it is complete."""
    data = piece_header(3) + b"abc" + frame(Kind.PIECE_SUM, bytes(32))
    for step in (1, 7, len(data)):
        reader = DataReader(FROM_SENDER)
        found = [
            one for at in range(0, len(data), step) for one in reader.read(data[at : at + step])
        ]
        assert found == [(Kind.PIECE, b"abc"), (Kind.PIECE_SUM, bytes(32))]


def test_count_of_pieces() -> None:
    """In eight bytes."""
    ((kind, payload),) = DataReader(FROM_RECEIVER).read(got(2**33))
    assert (kind, count_in(payload)) == (Kind.FILE_GOT, 2**33)


@pytest.mark.parametrize(
    ("kinds", "data"),
    [
        (FROM_RECEIVER, piece_header(1)),
        (FROM_SENDER, got(1)),
        (FROM_SENDER, piece_header(FRAME_BYTES + 1)),
        (FROM_SENDER, frame(Kind.PIECE_SUM, bytes(31))),
        (FROM_SENDER, frame(Kind.FILE_END, b"")),
        (FROM_RECEIVER, frame(Kind.FILE_GOT, bytes(7))),
        (FROM_RECEIVER, b"4         MSG            abcd"),
    ],
)
def test_what_may_not_be_said(kinds: tuple[Kind, ...], data: bytes) -> None:
    """Ends the connection."""
    with pytest.raises(RemoteProtocolError):
        list(DataReader(kinds).read(data))
