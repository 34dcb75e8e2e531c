"""Pieces, their sizes, and the root over their sums."""

import hashlib

import pytest

from p2pchat.protocol.files.pieces import PIECE_BYTES, piece_size, pieces_of, root_of


@pytest.mark.parametrize(
    ("size", "pieces", "last"),
    [
        (1, 1, 1),
        (PIECE_BYTES, 1, PIECE_BYTES),
        (PIECE_BYTES + 1, 2, 1),
        (2**53, 2**33, PIECE_BYTES),
    ],
)
def test_sizes_of_pieces(size: int, pieces: int, last: int) -> None:
    """All but the last have the same size."""
    assert pieces_of(size) == pieces
    assert piece_size(size, pieces - 1) == last
    assert pieces_of(0) == 0


def test_root_covers_the_size_and_the_order() -> None:
    """So that nothing can be left out, added or swapped."""
    sums = [hashlib.sha256(bytes([n])).digest() for n in range(3)]
    root = root_of(3 * PIECE_BYTES, sums)
    assert len(root) == 32
    others = [
        root_of(3 * PIECE_BYTES - 1, sums),
        root_of(3 * PIECE_BYTES, sums[::-1]),
        root_of(3 * PIECE_BYTES, sums[:2]),
        root_of(3 * PIECE_BYTES, [*sums, sums[0]]),
    ]
    assert root not in others
