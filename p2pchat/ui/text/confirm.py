"""Texts that need a confirmation before they are sent, because they may be mistakes. Pure."""

from typing import Final

_MANY_LINES: Final = 5
_MUCH_TEXT: Final = 2000


def as_meant(text: str) -> str:
    """Return the line that submits a confirmed text."""
    return text.replace("/", "//", 1) if _looks_like_a_command(text) else text


def why_ask(text: str) -> str:
    """Return why the text needs a confirmation; empty if it does not."""
    if _looks_like_a_command(text):
        return "the line starts with a space, so it is not a command"
    lines = text.rstrip("\n").count("\n") + 1
    if lines > _MANY_LINES:
        return f"the text has {lines} lines"
    if len(text) > _MUCH_TEXT:
        return f"the text has {len(text)} characters"
    return ""


def _looks_like_a_command(text: str) -> bool:
    """Return whether the text would be a command without its leading blanks."""
    begun = text.lstrip()
    return text[:1].isspace() and begun.startswith("/") and not begun.startswith("//")
