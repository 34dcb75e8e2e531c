"""The toolbar fits, whatever the width: shortened by importance, never in mid-word."""

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


def test_what_matters_least_goes_first() -> None:
    """Our side is at the right edge while there is room for it."""
    whole = " bob (away), encrypted, unverified, 2 queued"
    assert shown(70) == whole + " " * 9 + "alice, connected "
    assert shown(56) == whole + " " * 6 + "alice "
    assert shown(46) == whole + "  "
    assert shown(40) == " bob (away), unverified, 2 queued       "
    assert shown(30) == " bob, unverified, 2 queued    "


@given(st.integers(1, 100))
def test_it_is_as_wide_as_the_terminal_and_holds_whole_words(width: int) -> None:
    """Unless not even the shortest forms fit."""
    text = shown(width)
    assert len(text) == max(width, len(" bob, unverified, 2 queued "))
    words = {word for piece in (*LEFT, *RIGHT) for form in piece.forms for word in form.split()}
    assert {word.rstrip(",") for word in text.split()} <= {word.rstrip(",") for word in words}
