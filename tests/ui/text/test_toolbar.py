"""The toolbar fits any width: shortened by importance, never within a word."""

from hypothesis import given
from hypothesis import strategies as st

from p2pchat.ui.text.fragments import Piece
from p2pchat.ui.text.toolbar import fitted

LEFT = (
    Piece("", ("bob (away)", "bob"), 9),
    Piece("", ("encrypted, unverified", "unverified"), 8),
    Piece("", ("2 queued",), 6),
)
RIGHT = (Piece("", ("alice", ""), 3), Piece("", ("connected", ""), 2))


def shown(width: int) -> str:
    return "".join(text for _, text in fitted(LEFT, RIGHT, width))


def test_least_important_parts_are_dropped_first() -> None:
    """Our part is at the right edge while there is room for it."""
    whole = " bob (away), encrypted, unverified, 2 queued"
    assert shown(70) == whole + " " * 9 + "alice, connected "
    assert shown(56) == whole + " " * 6 + "alice "
    assert shown(46) == whole + "  "
    assert shown(40) == " bob (away), unverified, 2 queued       "
    assert shown(30) == " bob, unverified, 2 queued    "


@given(st.integers(1, 100))
def test_toolbar_has_the_width_of_the_terminal(width: int) -> None:
    """The toolbar has the terminal's width and whole words, unless even the shortest forms do not
    fit.
    """
    text = shown(width)
    assert len(text) == max(width, len(" bob, unverified, 2 queued "))
    words = {word for piece in (*LEFT, *RIGHT) for form in piece.forms for word in form.split()}
    assert {word.rstrip(",") for word in text.split()} <= {word.rstrip(",") for word in words}
