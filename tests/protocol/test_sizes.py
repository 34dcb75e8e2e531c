"""Sizes in words, and words as sizes."""

import pytest

from p2pchat.errors import UsageError
from p2pchat.protocol.sizes import size_of, size_words


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("2000", 2000),
        ("500MB", 500_000_000),
        ("1 GiB", 2**30),
        ("1.5k", 1500),
        ("2T", 2 * 10**12),
    ],
)
def test_typed_sizes(text: str, size: int) -> None:
    """With and without units, of both kinds."""
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "1e9", "1.2345MB", "100 mega", "nan", "9" * 16])
def test_no_sizes(text: str) -> None:
    """The error says what a size looks like."""
    with pytest.raises(UsageError, match="not a valid size"):
        size_of(text)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (2_400_000, "2.4 MB"),
        (999_960, "1.0 MB"),
        (3e12, "3.0 TB"),
    ],
)
def test_words(size: float, words: str) -> None:
    """Never four digits before the point."""
    assert size_words(size) == words
