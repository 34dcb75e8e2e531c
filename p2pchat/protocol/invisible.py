"""Recognises invisible characters that scripts and emoji need, and where they are harmless.

They are: joiners between letters of scripts that join, and between the parts of an emoji; tags of a
flag; direction marks in a line with right-to-left letters; direction isolates that are closed.
Anywhere else, the same characters hide or reorder text (UTS #39, UTR #36).
"""

import re
import unicodedata
from typing import Final

_ZWNJ: Final = "\u200c"
_ZWJ: Final = "\u200d"
_MARKS: Final = frozenset("\u200e\u200f\u061c")
_ISOLATES: Final = frozenset("\u2066\u2067\u2068")
_END_OF_ISOLATE: Final = "\u2069"
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL"})

_FLAG: Final = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f")
"""A black flag, the letters of a region, and the end tag (UTS #51, ED-14a)."""

_JOINING: Final = (
    (0x0600, 0x1AFF),  # from Arabic through the scripts of India to those of South-East Asia
    (0xA800, 0xAAFF),
    (0xFB50, 0xFDCF),
    (0xFE70, 0xFEFE),
    (0x10800, 0x11FFF),
)
_EMOJI: Final = ((0x2190, 0x2BFF), (0x1F000, 0x1FAFF))
_IN_EMOJI: Final = frozenset("\ufe0f\u20e3") | frozenset(map(chr, range(0x1F3FB, 0x1F400)))


def needed_invisibles(text: str) -> frozenset[int]:
    """Return the positions of invisible characters that the text needs."""
    if text.isascii():
        return frozenset()
    needed: set[int] = set()
    for flag in _FLAG.finditer(text):
        needed |= set(range(flag.start() + 1, flag.end()))
    needed |= {n for n, c in enumerate(text) if c in (_ZWJ, _ZWNJ) and _joins(text, n)}
    start = 0
    for line in text.split("\n"):
        needed |= {start + n for n in _directions(line)}
        start += len(line) + 1
    return frozenset(needed)


def _joins(text: str, n: int) -> bool:
    """Return whether a joiner is needed at position `n`."""
    before = n - 1
    while before >= 0 and text[before] in _IN_EMOJI:
        before -= 1
    if before < 0:
        return False
    if _is_in(text[n - 1], _JOINING):
        return True
    neighbours = text[before] + text[n + 1 : n + 2]
    is_between = len(neighbours) > 1 and all(_is_in(c, _EMOJI) for c in neighbours)
    return text[n] == _ZWJ and is_between


def _is_in(c: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(c) <= last for first, last in ranges)


def _directions(line: str) -> set[int]:
    """Return the positions of the direction marks and closed isolates that the line needs."""
    if line.isascii():
        return set()
    needed: set[int] = set()
    opened: list[int] = []
    for n, c in enumerate(line):
        if c in _ISOLATES:
            opened.append(n)
        elif c == _END_OF_ISOLATE and opened:
            needed |= {opened.pop(), n}
    if any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT and c not in _MARKS for c in line):
        needed |= {n for n, c in enumerate(line) if c in _MARKS}
    return needed
