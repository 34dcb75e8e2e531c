"""Fits the toolbar into the available width: pieces are shortened by importance, never within a
word.

Pure. `around` decides the content of the pieces.
"""

from collections.abc import Sequence
from typing import Final

from prompt_toolkit.utils import get_cwidth

from p2pchat.ui.text.fragments import Fragment, Piece

_BETWEEN: Final = ", "
_MARGIN: Final = 1
_GAP: Final = 2
"""The least cells between the contact's state on the left and ours on the right."""


def fitted(left: Sequence[Piece], right: Sequence[Piece], width: int) -> list[Fragment]:
    """Return the toolbar in at most `width` cells, the `right` pieces at the right edge.

    The least important piece is replaced by its next shorter form, until everything fits; its last
    form is empty if it may be omitted. Of two equally important ones, the one further right is
    shortened first.
    """
    pieces = [*left, *right]
    forms = [0] * len(pieces)

    def texts(start: int, end: int) -> list[tuple[str, str]]:
        chosen = [
            (piece.style, piece.forms[form])
            for piece, form in zip(pieces[start:end], forms[start:end], strict=True)
        ]
        return [(style, text) for style, text in chosen if text]

    while True:
        on_left, on_right = texts(0, len(left)), texts(len(left), len(pieces))
        used = _cells(on_left) + _cells(on_right) + 2 * _MARGIN
        between = _GAP if on_left and on_right else 0
        can_shrink = [i for i, piece in enumerate(pieces) if forms[i] + 1 < len(piece.forms)]
        if used + between <= width or not can_shrink:
            break
        forms[min(can_shrink, key=lambda i: (pieces[i].importance, -i))] += 1
    fill = max(between, width - used)
    return [("", " "), *_joined(on_left), ("", " " * fill), *_joined(on_right), ("", " ")]


def _joined(texts: Sequence[tuple[str, str]]) -> list[Fragment]:
    joined: list[Fragment] = []
    for style, text in texts:
        if joined:
            joined.append(("", _BETWEEN))
        joined.append((style, text))
    return joined


def _cells(texts: Sequence[tuple[str, str]]) -> int:
    return sum(get_cwidth(text) for _, text in texts) + len(_BETWEEN) * max(0, len(texts) - 1)
