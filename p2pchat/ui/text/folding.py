"""Limits how much of a message is shown: the sender decides its length, and a screen is small.

Pure. Nothing is lost: a note in place of the rest names the command that shows all of it.
"""

import sys
from typing import Final, NamedTuple

from p2pchat.protocol.text import printable


class Fold(NamedTuple):
    """The most lines and characters of a message that are shown."""

    lines: int
    characters: int


SCREEN: Final = Fold(200, 8000)
"""For a prompt, which a user scrolls."""

PIPE: Final = Fold(1000, sys.maxsize)
"""For plain lines, each with its sender's name: a script may want all of a long line."""

_TAB: Final = 4


def shown_lines(text: str, contact: str, fold: Fold = SCREEN) -> list[str]:
    """Return the lines of a message as shown: safe for a terminal, with tabs expanded.

    Also used for our own messages, which may come from a pipe. `contact` is the other side of the
    conversation.
    """
    shown = printable(text[: fold.characters])
    lines = shown.split("\n", fold.lines)
    left = max(0, len(text) - fold.characters)
    if len(lines) > fold.lines:
        left += len("\n") + len(lines.pop())
    lines = [line.expandtabs(_TAB) if "\t" in line else line for line in lines]
    if left:
        lines.append(f"({left} more characters; to see all: p2p history {contact})")
    return lines
