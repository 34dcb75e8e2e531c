"""Paths as text, and text as paths, the same in every locale.

A name on the disk is taken to be UTF-8, as GLib does: one process may run in another locale than
the next one, and a contact's names need not have characters of ours. Touches no disk.
"""

import os
from pathlib import Path

from p2pchat.errors import UsageError


def text_of(path: Path | str) -> str:
    """Return a path, as Python has it in this locale, as text. Raise UsageError if not UTF-8."""
    data = os.fsencode(path)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{data.decode(errors='backslashreplace')} is not UTF-8",
            advice="rename it, or pack the folder first",
        ) from error


def shown(path: Path) -> str:
    """Return a path to be displayed, whatever its names are."""
    return os.fsencode(path).decode(errors="replace")


def path_of(text: str) -> Path:
    """Return the path whose names on the disk are this text in UTF-8."""
    return Path(name_of(text))


def name_of(text: str) -> str:
    """Return the name that is this text in UTF-8 on the disk; outside UTF-8 they may differ."""
    return os.fsdecode(text.encode("utf-8", "replace"))
