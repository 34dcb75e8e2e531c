"""Foreign text: what may be a name, and what is left of a text that wants to harm."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.protocol.names import is_username
from p2pchat.protocol.text import MAX_EXCERPT, excerpt, json_line, one_line, printable


@pytest.mark.parametrize("name", ["alice", "a", "Bob_99", "o'neil", "Ünal", "李雷", "x" * 64])
def test_names_of_any_script_are_names(name: str) -> None:
    """The original dialect's accounts keep any name without spaces and controls."""
    assert is_username(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "a\tb",
        "a\u00a0b",
        "a\x1bb",
        "a\x9bb",
        "a\u200bb",
        "a\u202eb",
        "\u0301a",
        "x" * 65,
        "ü" * 33,
        "a\ud800b",
        "a\nb",
        "\u3164",
        "a\u2800",
        "a\u115f",
        "a\u034fb",
        "\u1780\u17b4",
        "a\uffa0",
        "a\ufe0f",
        "a\U000e0100",
    ],
)
def test_names_that_hide_or_disguise_are_none(name: str) -> None:
    """No space, control, zero-width, bidi or overlong name."""
    assert not is_username(name)


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "\x9b31m", "\x1b]52;c;aGk=\x07", "a\u202eb", "a\u200bb", "\x00", "\u2028"]
)
def test_no_instruction_to_a_terminal_survives(text: str) -> None:
    """ESC, C1, OSC 52, bidi and zero-width characters are replaced, the rest stays."""
    shown = printable(text)
    assert not set(shown) & {"\x1b", "\x9b", "\x07", "\u202e", "\u200b", "\x00", "\u2028"}
    assert "\N{REPLACEMENT CHARACTER}" in shown


def test_line_feeds_and_tabs_stay() -> None:
    """Where a text is shown it is decided what they mean; a name or a reason has none."""
    assert printable("a\r\nb\n\tc") == "a\nb\n\tc"
    assert one_line("a\nb\tc") == "a\N{REPLACEMENT CHARACTER}b c"


def test_an_excerpt_is_short_and_on_one_line() -> None:
    """However long a remote's text is, and whatever is in it."""
    assert excerpt("a\x1b[2J") == "a\N{REPLACEMENT CHARACTER}[2J"
    assert excerpt("x" * 10_000) == "x" * MAX_EXCERPT + "..."


@given(st.text())
def test_json_holds_nothing_that_a_terminal_obeys_and_means_the_same(text: str) -> None:
    """C1 controls, bidi, separators: as escapes."""
    line = json_line({"text": text})
    assert json.loads(line) == {"text": text}
    for c in line:
        assert unicodedata.category(c) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.category(c) != "Cf" or c in "\u200c\u200d"


def test_a_hundred_combining_marks_become_a_few() -> None:
    """A tower of marks must not paint over the lines above."""
    assert printable("a" + "\u0301" * 100) == "a" + "\u0301" * 4


@given(st.text())
def test_ordinary_text_is_left_alone_and_all_else_is_harmless(text: str) -> None:
    """Whatever comes, no control is shown but these two; see also test_invisible."""
    shown = printable(text)
    assert all(
        c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs", "Zl", "Zp"} for c in shown
    )
    assert printable(shown) == shown


@pytest.mark.parametrize(
    "name",
    ["p\u0430ypal", "\u0391lice", "a" + "\u0301" * 5, "\u0301a", "Αλice", "bоb"],  # noqa: RUF001
)
def test_names_that_look_like_others_are_none(name: str) -> None:
    """Letters of two scripts that look alike, and heaps of marks."""
    assert not is_username(name)


@pytest.mark.parametrize(
    "name", ["алиса", "Ελένη", "José", "日本たろう", "नमस्ते", "bob-2", "O\u0308zil"]
)
def test_names_of_one_script_are_names(name: str) -> None:
    """Any one, in the original dialect."""
    assert is_username(name)
