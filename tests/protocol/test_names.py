"""Usernames contain nothing that hides, disguises or moves other text."""

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
def test_invisible_characters_are_refused_in_names(letter: str) -> None:
    """An invisible character is refused anywhere in a name, since two names would look the same."""
    for name in (letter, f"{letter}bob", f"bob{letter}", f"bo{letter}b"):
        assert not is_username(name)


@pytest.mark.parametrize("name", ["", " ", "a b", "a\tb", "a\nb", "a\x1bb", "a\x9bb", "bo\u202eb"])
def test_spaces_and_controls_are_refused_in_names(name: str) -> None:
    """Spaces and control characters are refused by every check of a username."""
    assert not is_username(name)
    with pytest.raises(ValueError, match="username"):
        check_name(name)
    with pytest.raises(UsageError):
        check_username(name)


def test_name_has_letters_of_one_script() -> None:
    """A name may use any script, but not mix look-alike letters of two scripts."""
    assert is_username("bob")
    assert is_username("élodie")
    assert is_username("борис")
    assert is_username("太郎")
    assert not is_username("b\u043eb")  # a Cyrillic o


def test_name_has_few_combining_marks_and_none_first() -> None:
    """A name has few combining marks and does not begin with one."""
    assert is_username("e\u0301lodie")
    assert not is_username("e" + "\u0301" * 9)
    assert not is_username("\u0301lodie")


def test_name_length_is_limited_in_bytes() -> None:
    """The length limit of a name counts bytes."""
    assert is_username("a" * MAX_USERNAME_BYTES)
    assert not is_username("a" * (MAX_USERNAME_BYTES + 1))
    assert not is_username("é" * (MAX_USERNAME_BYTES // 2 + 1))


@given(st.text(st.characters(), max_size=80))
def test_accepted_name_is_safe_to_display(name: str) -> None:
    """Any accepted string is short and free of spaces and control characters."""
    if is_username(name):
        check_name(name)
        assert name.split() == [name]
        assert len(name.encode()) <= MAX_USERNAME_BYTES
        assert not [c for c in name if unicodedata.category(c)[0] in "CZ"]


@given(st.text(max_size=40))
def test_plain_names_are_valid_in_the_original_dialect(name: str) -> None:
    """Each plain name is ASCII and also a valid name in the original dialect."""
    if is_plain_username(name):
        assert is_username(name)
        assert name.isascii()
