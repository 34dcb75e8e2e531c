"""What /copy means."""

import pytest

from p2pchat.errors import UsageError
from p2pchat.ui.text.copying import to_copy

TEXTS = [  # newest first
    "see (https://example.org/a_b?c=d), or http://other.example.",
    "```python\nprint('x')\n    indented\n```\nand ```\nlast\n```",
    "plain",
]


@pytest.mark.parametrize(
    ("kind", "text"),
    [("line", TEXTS[0]), ("block", "last"), ("link", "http://other.example")],
)
def test_the_last_of_a_kind(kind: str, text: str) -> None:
    """A link without what ends its sentence; a block without its fences."""
    assert to_copy(kind, TEXTS) == text


def test_a_block_keeps_its_spaces() -> None:
    """It is code."""
    assert to_copy("block", ["```\n  a\n\tb\n```"]) == "  a\n\tb"


@pytest.mark.parametrize("kind", ["block", "link", "picture"])
def test_nothing_of_that_kind(kind: str) -> None:
    """Is said so."""
    with pytest.raises(UsageError, match=f"no '?{kind}'? to copy"):
        to_copy(kind, ["plain"])
