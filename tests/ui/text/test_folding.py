"""Long messages are folded, with a note where the rest is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.ui.text.folding import PIPE, SCREEN, Fold, shown_lines


def test_short_text_is_shown_whole() -> None:
    """A short text is shown whole, with tabs expanded."""
    assert shown_lines("hi\nthere", "bob") == ["hi", "there"]
    assert shown_lines("a\tb", "bob") == ["a   b"]
    assert shown_lines("", "bob") == [""]


@pytest.mark.parametrize("letter", ["\n", "\t", "x", "\n\t", "é"])
def test_longest_messages_are_bounded_on_a_screen(letter: str) -> None:
    """64 KiB of any character are cut, and the note has the number of the rest."""
    text = letter * (65536 // len(letter.encode()))
    *lines, note = shown_lines(text, "bob")
    assert len(lines) <= SCREEN.lines
    assert sum(map(len, lines)) <= SCREEN.characters * 4
    assert note == f"({_left(text, lines)} more characters; to see all: p2p history bob)"


def _left(text: str, lines: list[str]) -> int:
    """Return the number of characters of the text after the lines."""
    shown = "\n".join(lines).replace("    ", "\t")
    assert text.startswith(shown)
    return len(text) - len(shown)


def test_pipe_gets_long_lines_whole() -> None:
    """Long lines are written whole to a pipe, since a program reads them."""
    assert shown_lines("x" * 65536, "bob", PIPE) == ["x" * 65536]
    assert len(shown_lines("\n" * 65535, "bob", PIPE)) == PIPE.lines + 1


@given(st.text("a\n\t", max_size=60), st.integers(1, 5), st.integers(1, 20))
def test_fold_limits_lines_and_characters(text: str, lines: int, characters: int) -> None:
    """A text within the limits is shown whole, any other is cut to them."""
    shown = shown_lines(text, "bob", Fold(lines, characters))
    if len(text) <= characters and text.count("\n") < lines:
        assert "\n".join(shown) == "\n".join(t.expandtabs(4) for t in text.split("\n"))
    else:
        assert shown[-1].endswith("to see all: p2p history bob)")
        assert len(shown) <= lines + 1
