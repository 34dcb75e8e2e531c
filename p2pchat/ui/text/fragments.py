"""Styled text as values: what is shown is made of these, wherever it is shown."""

from typing import NamedTuple

Fragment = tuple[str, str]
"""A style's name and a text in it, in prompt_toolkit's form."""

Fragments = list[Fragment]
"""A line."""


class Piece(NamedTuple):
    """A piece of the toolbar: its style, and its text in ever shorter forms, the longest first.

    The last form is empty if the piece may be left out. The most important piece is shortened last.
    """

    style: str
    forms: tuple[str, ...]
    importance: int
