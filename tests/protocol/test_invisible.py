"""Invisible characters are kept where a script needs them and made visible where they disguise
text.
"""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.protocol.text import REPLACEMENT, printable


def tags(text: str) -> str:
    """Return the text as invisible tag characters."""
    return "".join(chr(0xE0000 + ord(c)) for c in text)


WHOLE = {
    "a family": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "a health worker": "\U0001f469\U0001f3fd\u200d\u2695\ufe0f",
    "a rainbow flag": "\U0001f3f3\ufe0f\u200d\U0001f308",
    "the flag of Scotland": f"\U0001f3f4{tags('gbsct')}\U000e007f",
    "a keycap": "1\ufe0f\u20e3",
    "Persian": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "Hindi": "\u0915\u094d\u200d\u0937 \u0915\u094d\u200c\u0937",
    "Malayalam": "\u0d28\u0d4d\u200d \u0d05\u0d35\u0d30\u0d4d\u200d",
    "Hebrew with a mark": "\u05e9\u05dc\u05d5\u05dd (C++)\u200f!",
    "an isolate": "to \u2068\u05d0\u05d1\u05d2\u2069: 5",
    "newer than any table": "\U0001fadf \U00016d40 \U0001e5d0",
}
DISGUISED = {
    "between Latin letters": "pay\u200dpal",
    "before a word": "\u200cword",
    "at the end of an emoji": "\U0001f468\u200d",
    "between emoji, the other joiner": "\U0001f468\u200c\U0001f469",
    "an override": "a\u202ecod.exe",
    "an embedding": "a\u202bb",
    "an isolate that stays open": "a\u2067b",
    "an isolate closed in another line": "a\u2067b\nc\u2069",
    "a mark among Latin letters": "a\u200fb",
    "zero width": "a\u200bb",
    "a soft hyphen": "a\u00adb",
    "a byte order mark": "a\ufeffb",
    "tags without a flag": "a\U000e0067\U000e0062\U000e007f",
    "a flag of text": f"\U0001f3f4{tags('hidden text')}\U000e007f",
    "no character": "a\ufdd0b\U0001fffe",
    "invisible by default": "a\U000e0fffb",
}


@pytest.mark.parametrize("text", WHOLE.values(), ids=WHOLE.keys())
def test_legitimate_text_is_unchanged(text: str) -> None:
    """Text in any script, and characters newer than the Unicode tables, are unchanged."""
    assert printable(text) == text


@pytest.mark.parametrize("text", DISGUISED.values(), ids=DISGUISED.keys())
def test_hiding_and_reordering_characters_are_made_visible(text: str) -> None:
    """Each character that hides or reorders text is replaced by a visible one."""
    shown = printable(text)
    assert REPLACEMENT in shown
    assert not [c for c in shown if unicodedata.category(c) == "Cf"]


@given(st.text(st.characters(categories=["Cf", "Mn", "So", "Lo", "Ll", "Cn"]), max_size=40))
def test_printable_is_idempotent_and_closes_isolates(text: str) -> None:
    """Printable text is not changed by another pass; it has no overrides and no open isolates."""
    shown = printable(text)
    assert printable(shown) == shown
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u200b\ufeff\u2060")
    for line in shown.split("\n"):
        assert line.count("\u2069") == sum(map(line.count, "\u2066\u2067\u2068"))
