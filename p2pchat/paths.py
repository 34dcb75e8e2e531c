"""Paths as text, and text as paths, the same in every locale.

A name on the disk is taken to be UTF-8, as GLib does: one process may run in another locale than
the next one, and a contact's names need not have characters of ours. Touches no disk.
"""

import os
from pathlib import Path

from p2pchat.errors import UsageError
from p2pchat.surrogates import without_surrogates


def text_of(path: Path | str, advice: str = "rename it") -> str:
    """Return a path, as Python has it in this locale, as text. Raise UsageError, with the advice,
    if it is not UTF-8.
    """
    try:
        data = os.fsencode(path)
    except UnicodeEncodeError:
        raise UsageError(
            f"{path} is not possible as a name in this locale", advice="set LC_ALL=C.UTF-8"
        ) from None
    try:
        return data.decode()
    except UnicodeDecodeError:
        name = data.decode(errors="backslashreplace")
        raise UsageError(f"{name} is not UTF-8", advice=advice) from None


def shown(path: Path | str) -> str:
    """Return a path to be displayed, whatever its names are."""
    return os.fsencode(path).decode(errors="replace")


def path_of(text: str) -> Path:
    """Return the path whose names on the disk are this text in UTF-8. Raise UsageError for NUL."""
    if "\0" in text:
        raise UsageError(f"{text!r} is not a path: it contains the character NUL")
    return Path(name_of(text))


def name_of(text: str) -> str:
    """Return, for calls of the system in this locale, the name that is this text in UTF-8."""
    return os.fsdecode(without_surrogates(text).encode())
