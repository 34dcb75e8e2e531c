"""Texts that are confirmed once before they are sent, because they may be a mistake. Pure."""

from typing import Final

_MANY_LINES: Final = 5
_MUCH_TEXT: Final = 2000


def as_meant(text: str) -> str:
    """Return the line that submits a text after it was confirmed."""
    return text.replace("/", "//", 1) if _looks_like_a_command(text) else text


def why_ask(text: str) -> str:
    """Return the question to ask before the text is sent; empty if there is none."""
    if _looks_like_a_command(text):
        return "a space is before the slash, so it is no command"
    lines = text.rstrip("\n").count("\n") + 1
    if lines > _MANY_LINES:
        return f"those are {lines} lines"
    if len(text) > _MUCH_TEXT:
        return f"those are {len(text)} characters"
    return ""


def _looks_like_a_command(text: str) -> bool:
    """Return whether only blanks keep it from being one."""
    begun = text.lstrip()
    return text[:1].isspace() and begun.startswith("/") and not begun.startswith("//")
