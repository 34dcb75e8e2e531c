"""Pieces of a file, their sums, and the root that covers them all. Reads and writes nothing."""

import hashlib
from collections.abc import Iterable
from typing import Final

PIECE_BYTES: Final = 1024 * 1024
"""Of each piece but the last."""

SUM_BYTES: Final = 32
"""Of the SHA-256 of a piece."""


def pieces_of(size: int) -> int:
    """Return how many pieces a file of that size has."""
    return -(-size // PIECE_BYTES)


def piece_size(size: int, piece: int) -> int:
    """Return the bytes of a piece of a file of that size; pieces are counted from 0."""
    return min(PIECE_BYTES, size - piece * PIECE_BYTES)


def root_of(size: int, sums: Iterable[bytes]) -> bytes:
    """Return the SHA-256 over a file's size and the sums of its pieces, in order."""
    root = hashlib.sha256(b"p2pchat file 1\0" + size.to_bytes(8, "big"))
    for one in sums:
        root.update(one)
    return root.digest()
