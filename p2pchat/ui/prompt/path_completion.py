"""Completes the paths of files, for /send. Reads folders, never files."""

import os
from collections.abc import Iterator
from typing import Final, NamedTuple

MOST: Final = 200
"""The largest number of completions shown."""

_SPECIAL: Final = " \\'\"()&;|<>*?$`!#~"


class PathCompletion(NamedTuple):
    """A completion that replaces the last `length` characters, shown as `name`."""

    text: str
    length: int
    name: str
    meaning: str


def path_completions(before: str) -> Iterator[PathCompletion]:
    """Yield completions of the last path in the text before the cursor.

    Spaces and quotes are escaped with backslashes.
    """
    typed = _last_word(before)
    plain = _without_backslashes(typed)
    folder, _, beginning = plain.rpartition("/")
    shown_folder = typed[: len(typed) - len(typed.rpartition("/")[2])]
    where = os.path.expanduser(f"{folder}/" if "/" in plain else ".")
    try:
        with os.scandir(where) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    hits = [entry for entry in entries if _fits(entry.name, beginning)]
    for entry in hits[:MOST]:
        is_folder = _is_folder(entry)
        slash, meaning = ("/", "folder") if is_folder else ("", "")
        text = shown_folder + _with_backslashes(entry.name) + slash
        yield PathCompletion(text, len(typed), entry.name + slash, meaning)


def _fits(name: str, beginning: str) -> bool:
    is_hidden = name.startswith(".") and not beginning.startswith(".")
    return name.startswith(beginning) and not is_hidden and name.isprintable()


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _last_word(text: str) -> str:
    """Return the last word; an escaped space is part of it."""
    start = len(text)
    while start:
        if text[start - 1] == " " and not (start > 1 and text[start - 2] == "\\"):
            break
        start -= 1
    return text[start:]


def _with_backslashes(name: str) -> str:
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in name)


def _without_backslashes(typed: str) -> str:
    plain, escaped = [], False
    for c in typed:
        if c == "\\" and not escaped:
            escaped = True
        else:
            plain.append(c)
            escaped = False
    return "".join(plain)
