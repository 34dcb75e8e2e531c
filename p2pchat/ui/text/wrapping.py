"""Wraps long lines: a message's text stays to the right of its sender's name.

Pure; counts cells of a terminal, of which a character takes zero to two. Takes time linear in the
text, whatever it contains.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from prompt_toolkit.utils import get_cwidth

from p2pchat.ui.text.fragments import Fragment


def wrapped(line: Sequence[Fragment], width: int, indent: int) -> Iterator[list[Fragment]]:
    """Yield the line in pieces of at most `width` cells, all but the first indented.

    Breaks at blanks if there are some, else anywhere.
    """
    if indent * 2 > width:
        indent = 0
    styled = [(style, character) for style, text in line for character in text]
    start, margin = 0, False
    while True:
        room = width - (indent if margin else 0)
        end = _break(styled, start, room, after=0 if margin else indent)
        piece = _joined(styled[start:end])
        yield [("", " " * indent), *piece] if margin and indent else piece
        if end == len(styled):
            return
        start = end + (styled[end][1] == " ")
        margin = True


def cells(line: Sequence[Fragment]) -> int:
    """Return how many cells of a terminal a line takes."""
    return sum(get_cwidth(text) for _, text in line)


def hanging(line: Sequence[Fragment]) -> int:
    """Return the column at which the line's text starts: after its sender's name, or a notice's
    mark.
    """
    before = 0
    for style, text in line:
        if style == "class:notice":
            return before + 2
        if style == "":
            return before + len(text) - len(text.lstrip(": "))
        before += get_cwidth(text)
    return before


def _break(styled: Sequence[Fragment], start: int, room: int, *, after: int) -> int:
    """Return where the piece that begins at `start` ends; it has at least one character.

    Only a blank beyond `after` cells is used: the one between a name and a long word is not.
    """
    cells = 0
    blank = start
    for i in range(start, len(styled)):
        character = styled[i][1]
        cells += get_cwidth(character)
        if cells > room:
            if character == " ":
                return max(i, start + 1)
            return blank if blank > start else max(i, start + 1)
        if character == " " and cells > after:
            blank = i
    return len(styled)


def _joined(styled: Sequence[Fragment]) -> list[Fragment]:
    """Return runs of one style as one fragment each."""
    return [
        (style, "".join(character for _, character in run))
        for style, run in groupby(styled, key=lambda fragment: fragment[0])
    ]
