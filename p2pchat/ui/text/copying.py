"""Selects what `/copy` copies from a conversation: its last line, code block or link. Pure."""

import re
from collections.abc import Iterable
from typing import Final

from p2pchat.errors import UsageError

KINDS: Final = ("line", "block", "link")

_BLOCK: Final = re.compile(r"```[^\n]*\n(.*?)\n?```", re.DOTALL)
_LINK: Final = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]}]")


def to_copy(kind: str, newest_first: Iterable[str]) -> str:
    """Return the last text, block or link of these texts. Raise UsageError if there is none."""
    if kind not in KINDS:
        raise UsageError(f"there is no {kind!r} to copy", advice="/copy, /copy block or /copy link")
    for text in newest_first:
        if kind == "line":
            return text
        found = (_BLOCK if kind == "block" else _LINK).findall(text)
        if found:
            return str(found[-1])
    raise UsageError(f"there is no {kind} to copy in the last lines")
