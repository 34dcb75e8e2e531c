"""Long lines wrapped under themselves: what somebody says stays to the right of who says it.

Pure; counts cells of a terminal, in which a character may have none or two.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from prompt_toolkit.utils import get_cwidth

from p2pchat.protocol.screen import Fragment


def wrapped(line: Sequence[Fragment], width: int, indent: int) -> Iterator[list[Fragment]]:
    """Give the line in pieces of at most `width` cells, all but the first behind `indent` blanks.

    Breaks at blanks where there are some, else anywhere.
    """
    if indent * 2 > width:
        indent = 0
    styled = [(style, character) for style, text in line for character in text]
    margin: list[Fragment] = []
    while True:
        first = not margin
        end = _break(styled, width - (0 if first else indent), after=indent if first else 0)
        yield [*margin, *_joined(styled[:end])]
        if end == len(styled):
            return
        styled = styled[end + (styled[end][1] == " ") :]
        margin = [("", " " * indent)] if indent else []


def hanging(line: Sequence[Fragment]) -> int:
    """Give how far the line's own text is from the left: behind who says it, or a notice's mark."""
    before = 0
    for style, text in line:
        if style == "class:notice":
            return before + 2
        if style == "":
            return before + len(text) - len(text.lstrip(": "))
        before += get_cwidth(text)
    return before


def _break(styled: Sequence[Fragment], room: int, *, after: int) -> int:
    """Give how many characters go into a piece; one at least, or nothing would ever.

    A blank counts beyond so many cells only: the one between a name and a long word does not.
    """
    cells = 0
    blank = 0
    for i, (_, character) in enumerate(styled):
        cells += get_cwidth(character)
        if cells > room:
            return (i if character == " " else blank) or max(i, 1)
        if character == " " and cells > after:
            blank = i
    return len(styled)


def _joined(styled: Sequence[Fragment]) -> list[Fragment]:
    """Give runs of one style as one fragment each."""
    return [
        (style, "".join(character for _, character in run))
        for style, run in groupby(styled, key=lambda fragment: fragment[0])
    ]
