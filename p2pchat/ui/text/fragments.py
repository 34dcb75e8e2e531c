"""Styled text as values, the building blocks of all output."""

from typing import NamedTuple

Fragment = tuple[str, str]
"""A style name and a text, in prompt_toolkit's form."""

Fragments = list[Fragment]
"""A line."""


class Piece(NamedTuple):
    """A piece of the toolbar: its style, its text in ever shorter forms, and its importance.

    The last form is empty if the piece may be omitted. The most important piece is shortened last.
    """

    style: str
    forms: tuple[str, ...]
    importance: int
