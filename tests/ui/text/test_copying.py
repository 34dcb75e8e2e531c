"""The meaning of /copy."""

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
def test_last_of_a_kind_is_copied(kind: str, text: str) -> None:
    """The last line, block or link is copied, without fences or trailing punctuation."""
    assert to_copy(kind, TEXTS) == text


def test_block_keeps_its_spaces() -> None:
    """A block keeps its indentation."""
    assert to_copy("block", ["```\n  a\n\tb\n```"]) == "  a\n\tb"


@pytest.mark.parametrize("kind", ["block", "link", "picture"])
def test_missing_kind_is_an_error(kind: str) -> None:
    """An unknown kind, or one that does not occur, is an error."""
    with pytest.raises(UsageError, match=f"no '?{kind}'? to copy"):
        to_copy(kind, ["plain"])
