"""The second search index: pairs of characters, for texts in which an index of words fails.

Scripts without blanks between words (Chinese, Japanese, Thai), emoji, and signs ("C++", "5 €") are
found by pairs of neighbouring characters. The set of these characters is fixed here, not taken from
Python's tables, because an index must be read by the rules that it was written by. Does no I/O.
"""

import re
from itertools import pairwise
from typing import Final

_SIGN: Final = re.compile(
    r"[#$%&+<=>^`|~\xa1-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7"
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf"  # South-East Asia
    "\u2030-\u205e\u2070-\u2bff"  # signs, currencies, arrows, symbols
    "\u2e80-\u2fff\u3003-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe6f\uff00-\uffef"
    "\U00016fe0-\U0001b16f\U0001f000-\U0001faff\U00020000-\U0003ffff]"
)
_JOINED: Final = re.compile(r"\S+")
_CODE: Final = "{:05x}"


def has_signs(text: str) -> bool:
    """Return whether a text has a character that the index of words does not cover."""
    return _SIGN.search(text) is not None


def grams(text: str) -> str:
    """Return the text's pairs of neighbouring characters, encoded as words of an index.

    Only pairs with a sign in them are included, and the last character of a run if it is a sign.
    ASCII letters are lower-cased.
    """
    if not has_signs(text):
        return ""
    found: dict[str, None] = {}
    for run in _JOINED.findall(text):
        if has_signs(run):
            found.update(dict.fromkeys(_pairs(run)))
    return " ".join(found)


def query_for(term: str) -> str:
    """Return the FTS5 query for texts that contain all grams of a term without blanks.

    A single sign is searched for as the beginning of a pair.
    """
    if len(term) == 1:
        return f'"{_code(term)}"*'
    pairs = [_code(a) + _code(b) for a, b in pairwise(term) if has_signs(a + b)]
    return " ".join(f'"{pair}"' for pair in dict.fromkeys(pairs))


def has_term(text: str, term: str) -> bool:
    """Return whether a text contains a term, ignoring case."""
    return term.casefold() in text.casefold()


def _pairs(run: str) -> list[str]:
    pairs = [_code(a) + _code(b) for a, b in pairwise(run) if has_signs(a + b)]
    return [*pairs, _code(run[-1])] if has_signs(run[-1]) else pairs


def _code(character: str) -> str:
    if character.isascii():
        character = character.lower()
    return _CODE.format(ord(character))
