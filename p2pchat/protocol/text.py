"""Usernames, and strangers' text made safe to show.

The one place through which foreign text passes, once, on its way in. Knows no terminal: it removes
what any terminal or log could mistake for an instruction or a disguise.
"""

import re
import unicodedata
from typing import Final

from p2pchat.errors import UsageError

MAX_USERNAME_BYTES: Final = 64
"""Room for 16 characters of any script and far more ASCII; a log line and a toolbar hold it."""

_PLAIN_USERNAME: Final = re.compile("[a-z0-9][a-z0-9._-]{0,31}")

_MAX_MARKS: Final = 4
"""Combining marks kept per character; living languages need at most three or four."""

_LOOK_ALIKE: Final = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})
"""Scripts with letters that look the same, by the first word of their characters' names."""

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

# Categories that move the cursor, hide, reorder or have no glyph of their own: controls (ESC and
# C1 among them), format (bidi, zero-width), lone surrogates, private use, unassigned, separators.
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def is_username(name: str) -> bool:
    """Tell whether an account of the original dialect may have this name.

    One script, no spaces, no controls, nothing invisible, few marks, at most MAX_USERNAME_BYTES in
    UTF-8 (PROTOCOL, "Original dialect"; DESIGN, "Names").
    """
    if not 0 < len(name) <= MAX_USERNAME_BYTES:
        return False
    if name.isascii():  # nearly all are, and each heartbeat in clear asks
        return name.isprintable() and " " not in name
    return (
        len(name.encode("utf-8", "replace")) <= MAX_USERNAME_BYTES
        and not any(c.isspace() or unicodedata.category(c) in _UNSAFE for c in name)
        and _is_one_script(name)
    )


def check_username(username: str) -> None:
    """Raise UsageError where nobody can have that name."""
    if not is_username(username):
        raise UsageError(
            f"{username!r} is no username",
            likely="a name has no spaces and nothing invisible, and at most 64 bytes",
        )


def _is_one_script(name: str) -> bool:
    """Tell whether no letter can pass for one of another script, and marks stand on few letters."""
    marks = 0
    scripts = set()
    for c in name:
        marks = marks + 1 if unicodedata.combining(c) else 0
        if marks > _MAX_MARKS:
            return False
        scripts |= {unicodedata.name(c, "").partition(" ")[0]} & _LOOK_ALIKE
    return len(scripts) < 2 and not unicodedata.combining(name[0])


def is_plain_username(name: str) -> bool:
    """Tell whether a new account of the secure dialect may have this name (DESIGN, "Names").

    Lower-case ASCII, so that no two names look alike.
    """
    return _PLAIN_USERNAME.fullmatch(name) is not None


def printable(text: str) -> str:
    """Give the text with everything harmful replaced; line feeds stay, tabs become spaces.

    Whoever shows the result must still decide what a line feed means there.
    """
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    marks = 0
    for c in text.replace("\r\n", "\n").expandtabs(4):
        marks = marks + 1 if unicodedata.category(c) in {"Mn", "Me"} else 0
        if marks > _MAX_MARKS:
            continue
        harmful = c != "\n" and unicodedata.category(c) in _UNSAFE
        shown.append(_REPLACEMENT if harmful else c)
    return "".join(shown)


def one_line(text: str) -> str:
    """Give printable text without line feeds, for names, reasons and log lines."""
    return printable(text).replace("\n", _REPLACEMENT)
