"""Completes the paths of files, for /send. Reads folders, never files."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from p2pchat.errors import UsageError
from p2pchat.paths import name_of, text_of
from p2pchat.surrogates import without_surrogates

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
    plain = _without_backslashes(without_surrogates(typed))
    folder, _, beginning = plain.rpartition("/")
    shown_folder = typed[: len(typed) - len(typed.rpartition("/")[2])]
    where = name_of(f"{folder}/") if "/" in plain else "."
    try:
        with os.scandir(os.path.expanduser(where)) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    named = [(entry, _text_of(entry)) for entry in entries]
    hits = [(entry, name) for entry, name in named if _fits(name, beginning)]
    for entry, name in hits[:MOST]:
        is_folder = _is_folder(entry)
        slash, meaning = ("/", "folder") if is_folder else ("", "")
        text = shown_folder + _with_backslashes(name) + slash
        yield PathCompletion(text, len(typed), name + slash, meaning)


def _fits(name: str, beginning: str) -> bool:
    is_hidden = name.startswith(".") and not beginning.startswith(".")
    return bool(name) and name.startswith(beginning) and not is_hidden and name.isprintable()


def _text_of(entry: "os.DirEntry[str]") -> str:
    """Return the entry's name as text; empty if it is not UTF-8, and so cannot be sent."""
    with suppress(UsageError):
        return text_of(entry.name)
    return ""


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
