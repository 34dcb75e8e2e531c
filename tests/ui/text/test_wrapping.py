"""Long lines are wrapped with a hanging indent, and no character is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth

from p2pchat.ui.text import wrapping
from p2pchat.ui.text.wrapping import hanging, wrapped


def shown(text: str, width: int, who: str = "bob") -> list[str]:
    line = [("class:contact", who), ("", f": {text}")]
    return ["".join(t for _, t in piece) for piece in wrapped(line, width, hanging(line))]


def test_words_are_wrapped_below_words() -> None:
    """Further lines are indented behind the name."""
    assert shown("one two three four", 15) == ["bob: one two", "     three four"]
    assert shown("short", 15) == ["bob: short"]
    assert shown("", 15) == ["bob: "]
    assert shown("abcdefghijklmnopqrst", 15) == ["bob: abcdefghij", "     klmnopqrst"]
    assert shown("你好你好你好", 11) == ["bob: 你好你", "     好你好"]
    assert shown("one two", 8) == ["bob: one", "two"]


def test_notice_hangs_behind_its_mark() -> None:
    """The indent is the width of the mark, or of the time and the name."""
    notice = [("class:notice", "* one two three")]
    assert hanging(notice) == 2
    assert hanging([("class:time", "12:00 "), ("class:contact", "bob"), ("", ": x")]) == 11
    assert hanging([]) == 0


@pytest.mark.parametrize("letter", ["x", " ", "\t", "x ", "你"])
def test_wrapping_takes_linear_time(letter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of width lookups grows linearly, since a remote decides the length."""
    looks = 0

    def count(character: str) -> int:
        nonlocal looks
        looks += 1
        return get_cwidth(character)

    monkeypatch.setattr(wrapping, "get_cwidth", count)
    counts = []
    for size in (2_000, 8_000):
        looks = 0
        shown(letter * size, 80)
        counts.append(looks)
    assert counts[1] < counts[0] * 4.5


@given(st.text(alphabet=st.sampled_from("ab 你e\u0301 "), max_size=60), st.integers(4, 40))
def test_every_piece_fits_and_only_spaces_are_lost(text: str, width: int) -> None:
    """Each piece fits whatever the width of its characters."""
    pieces = shown(text, width)
    assert all(sum(map(get_cwidth, piece)) <= width for piece in pieces)
    assert "".join(pieces).replace(" ", "") == f"bob: {text}".replace(" ", "")
