"""Makes text from a remote safe to show.

All foreign text passes through here once, when it arrives. Removes what could act on a terminal or
log, or disguise text.
"""

import json
import re
import unicodedata
from typing import Final

from p2pchat.protocol.invisible import needed_invisibles

MAX_MARKS: Final = 4
"""Combining marks kept per character; living languages need at most three or four."""

MAX_EXCERPT: Final = 200
"""Characters of a remote's text in an error or a log line."""

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories that move the cursor, hide, reorder or have no glyph of their own.

Controls (ESC and C1 among them), format (bidi, zero-width), lone surrogates, private use,
unassigned, separators.
"""

_NO_CHARACTERS: Final = frozenset(
    map(chr, (*range(0xFDD0, 0xFDF0), 0x2065, *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000)))
)
"""Code points to which no version of Unicode gives a glyph."""

# Allowed by JSON inside strings, but obeyed by terminals or invisible: DEL and C1 controls, bidi
# and other format characters except joiners, line and paragraph separators, tags.
_UNSAFE_IN_JSON: Final = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u08e2\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f]"
)


def printable(text: str) -> str:
    """Return the text with everything harmful replaced; line feeds and tabs stay.

    Invisible characters stay where scripts and emoji need them; see `invisible`. The caller must
    decide how to show line feeds and tabs.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    needed = needed_invisibles(text)
    shown: list[str] = []
    marks = 0
    for n, c in enumerate(text):
        marks = marks + 1 if unicodedata.category(c) in {"Mn", "Me"} else 0
        if marks > MAX_MARKS:
            continue
        harmful = _is_harmful(c) and c not in "\n\t" and n not in needed
        shown.append(REPLACEMENT if harmful else c)
    return "".join(shown)


def _is_harmful(c: str) -> bool:
    """Return whether a character acts on a terminal, hides or reorders text.

    A character that Python's tables do not know is harmless: a letter or an emoji newer than they
    are.
    """
    category = unicodedata.category(c)
    if category == "Cn":
        return ord(c) & 0xFFFE == 0xFFFE or c in _NO_CHARACTERS
    return category in UNSAFE


def one_line(text: str) -> str:
    """Return printable text without line feeds and tabs, for names, reasons and log lines."""
    return printable(text).replace("\n", REPLACEMENT).replace("\t", " ")


def excerpt(text: str) -> str:
    """Return the beginning of a remote's text on one line, for errors and logs."""
    short = one_line(text[:MAX_EXCERPT])
    return short if len(text) <= MAX_EXCERPT else f"{short}..."


def json_line(value: object) -> str:
    """Return a value as JSON on one line, without characters that act on a terminal."""
    text = json.dumps(value, ensure_ascii=False)
    return _UNSAFE_IN_JSON.sub(lambda found: json.dumps(found[0])[1:-1], text)
