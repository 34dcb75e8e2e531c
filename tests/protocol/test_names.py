"""Which strings are names: nothing that hides, disguises or moves other text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.errors import UsageError
from p2pchat.protocol.names import (
    MAX_USERNAME_BYTES,
    check_name,
    check_username,
    is_plain_username,
    is_username,
)

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u200b\u200c\u200d"
    "\u200e\u200f\u202e\u2060\u2064\u2066\u206f\u2800\u3164\ufe00\ufe0f\ufeff\uffa0\U0001d159"
    "\U0001d173\U00016fe4\U000e0001\U000e0020\U000e0100\U000e01ef"
)


@pytest.mark.parametrize("letter", INVISIBLE, ids=lambda c: f"U+{ord(c):04X}")
def test_a_letter_that_shows_nothing_is_in_no_name(letter: str) -> None:
    """Alone, at either end or inside: two names would look the same."""
    for name in (letter, f"{letter}bob", f"bob{letter}", f"bo{letter}b"):
        assert not is_username(name)


@pytest.mark.parametrize("name", ["", " ", "a b", "a\tb", "a\nb", "a\x1bb", "a\x9bb", "bo\u202eb"])
def test_no_blanks_and_no_controls(name: str) -> None:
    """Whatever a terminal would obey, or an original client would take for the next word."""
    assert not is_username(name)
    with pytest.raises(ValueError, match="username"):
        check_name(name)
    with pytest.raises(UsageError):
        check_username(name)


def test_letters_of_one_script() -> None:
    """Others that look the same are another name."""
    assert is_username("bob")
    assert is_username("élodie")
    assert is_username("борис")
    assert is_username("太郎")
    assert not is_username("b\u043eb")  # a Cyrillic o


def test_few_marks_and_none_first() -> None:
    """They would be drawn over what stands before the name."""
    assert is_username("e\u0301lodie")
    assert not is_username("e" + "\u0301" * 9)
    assert not is_username("\u0301lodie")


def test_no_longer_than_a_line_of_a_log_holds() -> None:
    """Counted in bytes."""
    assert is_username("a" * MAX_USERNAME_BYTES)
    assert not is_username("a" * (MAX_USERNAME_BYTES + 1))
    assert not is_username("é" * (MAX_USERNAME_BYTES // 2 + 1))


@given(st.text(st.characters(), max_size=80))
def test_a_name_is_safe_wherever_it_is_shown(name: str) -> None:
    """Any string at all, lone surrogates too."""
    if is_username(name):
        check_name(name)
        assert name.split() == [name]
        assert len(name.encode()) <= MAX_USERNAME_BYTES
        assert not [c for c in name if unicodedata.category(c)[0] in "CZ"]


@given(st.text(max_size=40))
def test_plain_names_are_names(name: str) -> None:
    """New accounts of the secure dialect can be called in the other one."""
    if is_plain_username(name):
        assert is_username(name)
        assert name.isascii()
