"""Usernames: which strings are valid names in each dialect. Knows no accounts.

A name appears in prompts, logs, file names and commands, so all that could disguise it is refused
here.
"""

import re
import unicodedata
from typing import Final

from p2pchat.errors import UsageError
from p2pchat.protocol.text import MAX_MARKS, UNSAFE, excerpt

MAX_USERNAME_BYTES: Final = 64
"""Enough for 16 characters of any script; it fits into a log line and a toolbar."""

ME: Final = "me"
"""What users type for their own account."""

PLAIN_RULE: Final = "lower-case letters, digits, '.', '_' and '-', at most 32"

_PLAIN_USERNAME: Final = re.compile("[a-z0-9][a-z0-9._-]{0,31}")

_LOOK_ALIKE: Final = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})
"""Scripts with letters that look alike, by the first word of their characters' names."""

# Invisible letters, marks and symbols: Unicode's Default_Ignorable_Code_Point outside the
# categories that are unsafe anyway, and blanks that are not spaces by category (Braille, musical
# and Khitan fillers). Listed here because Python's tables lack that property.
_INVISIBLE: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U0001d159\U00016fe4"
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))


def is_username(name: str) -> bool:
    """Return whether the name is valid for an account of the original dialect.

    One script, no spaces, no controls, nothing invisible, few marks, at most MAX_USERNAME_BYTES in
    UTF-8 (PROTOCOL, "Names").
    """
    if not 0 < len(name) <= MAX_USERNAME_BYTES:
        return False
    if name.isascii():  # nearly all are, and each heartbeat in clear is checked
        return name.isprintable() and " " not in name
    return (
        len(name.encode("utf-8", "replace")) <= MAX_USERNAME_BYTES
        and not any(_is_hidden(c) for c in name)
        and _is_one_script(name)
    )


def check_username(username: str) -> None:
    """Raise UsageError if the name is not valid in either dialect."""
    if not is_username(username):
        raise UsageError(
            f"{excerpt(username)!r} is not a valid username",
            likely="a name has no spaces, nothing invisible, and at most 64 bytes",
        )


def meant_name(typed: str, *, secure: bool) -> str:
    """Return a typed name in the spelling of a registry of that dialect.

    Names in the secure dialect are lower case (PROTOCOL, "Names"). Raise UsageError if not valid.
    """
    if not secure:
        check_username(typed)
        return typed
    name = typed.lower()
    if not is_plain_username(name):
        raise UsageError(
            f"{excerpt(typed)!r} is not a valid username",
            likely=f"a name has {PLAIN_RULE}",
        )
    return name


def is_me(typed: str) -> bool:
    """Return whether the text means the user's own account."""
    return typed.lower() == ME


def check_name(username: str) -> None:
    """Raise ValueError if a name from a remote is not valid; for messages."""
    if not is_username(username):
        raise ValueError("not a valid username")


def is_plain_username(name: str) -> bool:
    """Return whether the name is valid for a new account of the secure dialect.

    Lower-case ASCII, so that no two names look alike (PROTOCOL, "Names"). ME is reserved.
    """
    return name != ME and _PLAIN_USERNAME.fullmatch(name) is not None


def _is_hidden(c: str) -> bool:
    return c.isspace() or c in _INVISIBLE or unicodedata.category(c) in UNSAFE


def _is_one_script(name: str) -> bool:
    """Return whether the name mixes no look-alike scripts and has no stray marks.

    Marks are stray at the beginning, or if there are too many in a row.
    """
    marks = 0
    scripts = set()
    for c in name:
        marks = marks + 1 if unicodedata.category(c) in {"Mn", "Me"} else 0
        if marks > MAX_MARKS:
            return False
        scripts |= {unicodedata.name(c, "").partition(" ")[0]} & _LOOK_ALIKE
    return len(scripts) < 2 and unicodedata.category(name[0]) not in {"Mn", "Me"}
