"""Untrusted text: which names are valid, and how text is made safe to display."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.protocol.names import is_username
from p2pchat.protocol.text import MAX_EXCERPT, excerpt, json_line, one_line, printable


@pytest.mark.parametrize("name", ["alice", "a", "Bob_99", "o'neil", "Ünal", "李雷", "x" * 64])
def test_names_of_any_script_are_valid(name: str) -> None:
    """A name without spaces and control characters is valid in any script."""
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
def test_hiding_or_disguised_names_are_refused(name: str) -> None:
    """Names with spaces, control, zero-width or bidi characters and overlong names are refused."""
    assert not is_username(name)


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "\x9b31m", "\x1b]52;c;aGk=\x07", "a\u202eb", "a\u200bb", "\x00", "\u2028"]
)
def test_terminal_control_sequences_are_replaced(text: str) -> None:
    """ESC, C1, OSC 52, bidi and zero-width characters are replaced; the rest is kept."""
    shown = printable(text)
    assert not set(shown) & {"\x1b", "\x9b", "\x07", "\u202e", "\u200b", "\x00", "\u2028"}
    assert "\N{REPLACEMENT CHARACTER}" in shown


def test_line_feeds_and_tabs_are_kept_in_texts_only() -> None:
    """Texts keep line feeds and tabs; one-line strings such as names and reasons do not."""
    assert printable("a\r\nb\n\tc") == "a\nb\n\tc"
    assert one_line("a\nb\tc") == "a\N{REPLACEMENT CHARACTER}b c"


def test_excerpt_is_short_and_on_one_line() -> None:
    """An excerpt of a remote's text is short, on one line and free of control characters."""
    assert excerpt("a\x1b[2J") == "a\N{REPLACEMENT CHARACTER}[2J"
    assert excerpt("x" * 10_000) == "x" * MAX_EXCERPT + "..."


@given(st.text())
def test_json_escapes_terminal_controls_without_changing_the_value(text: str) -> None:
    """C1 controls, bidi characters and separators are escaped; the parsed value is unchanged."""
    line = json_line({"text": text})
    assert json.loads(line) == {"text": text}
    for c in line:
        assert unicodedata.category(c) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.category(c) != "Cf" or c in "\u200c\u200d"


def test_combining_marks_are_limited() -> None:
    """A long run of combining marks is cut, so that it cannot paint over other lines."""
    assert printable("a" + "\u0301" * 100) == "a" + "\u0301" * 4


@given(st.text())
def test_printable_text_contains_no_controls(text: str) -> None:
    """Printable text has no control characters but line feed and tab; see also test_invisible."""
    shown = printable(text)
    assert all(
        c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs", "Zl", "Zp"} for c in shown
    )
    assert printable(shown) == shown


@pytest.mark.parametrize(
    "name",
    ["p\u0430ypal", "\u0391lice", "a" + "\u0301" * 5, "\u0301a", "Αλice", "bоb"],  # noqa: RUF001
)
def test_lookalike_names_are_refused(name: str) -> None:
    """Names that mix look-alike letters of two scripts or pile up marks are refused."""
    assert not is_username(name)


@pytest.mark.parametrize(
    "name", ["алиса", "Ελένη", "José", "日本たろう", "नमस्ते", "bob-2", "O\u0308zil"]
)
def test_names_of_one_script_are_valid(name: str) -> None:
    """Names in any single script are valid in the original dialect."""
    assert is_username(name)
