"""Makes the names of a contact's files safe to use on a disk, and checks paths in a folder.

A name is one component that every common system can store, and that neither hides itself nor what
it is. Touches no disk. CVE-2017-10993 and its kin come from trusting such names.
"""

import unicodedata
from typing import Final

from p2pchat.protocol.text import UNSAFE

MOST_NAME_BYTES: Final = 200
"""Of a name on our disk, in UTF-8: room for a number and for the suffix of an unfinished file."""

_MOST_SHOWN: Final = 200  # characters of a remote's path in an error
_MOST_SUFFIX: Final = 20
MOST_DEPTH: Final = 32
MOST_PATH_BYTES: Final = 4096
UNNAMED: Final = "file"

_FORBIDDEN: Final = frozenset('/\\:*?"<>|')
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"}
)
"""Names that Windows takes for devices, with any suffix."""


def safe_name(name: str) -> str:
    """Return a name for a contact's file on our disk: like the given one, as far as that is safe.

    It is one component in NFC; what separates, hides, reorders or controls becomes `_`; it begins
    with no dot, and ends with neither dot nor space. A long one is cut before its suffix.
    """
    text = unicodedata.normalize("NFC", name)
    text = "".join("_" if _is_bad(c) else c for c in text)
    text = unicodedata.normalize("NFC", text).strip(" ").rstrip(". ")
    if text.startswith("."):
        text = f"_{text[1:]}"
    text = _cut(text).rstrip(". ")
    stem = text.partition(".")[0].rstrip(" ").casefold()
    if stem in _DEVICES:
        text = f"_{text}"
    return text or UNNAMED


def numbered(name: str, number: int) -> str:
    """Return the name with a number before its suffix, for when the name is taken."""
    stem, suffix = _split(name)
    return f"{stem} ({number}){suffix}"


def check_paths(paths: list[str]) -> None:
    """Raise ValueError unless these paths of a folder can be stored below one folder, safely.

    Each is relative, at most MOST_DEPTH components deep, and of safe names only; none is there
    twice, also if case does not count; and no file is the folder of another one.
    """
    files: set[str] = set()
    folders: set[str] = set()
    for path in paths:
        parts = path.split("/")
        if len(parts) > MOST_DEPTH or len(path.encode("utf-8", "replace")) > MOST_PATH_BYTES:
            raise ValueError("a path is too long or too deep")
        for part in parts:
            if part != safe_name(part):
                raise ValueError("a path has a name that is not safe")
        folded = [unicodedata.normalize("NFC", part.casefold()) for part in parts]
        key = "/".join(folded)
        above = {"/".join(folded[:n]) for n in range(1, len(folded))}
        if key in files or key in folders or files & above:
            raise ValueError(f"{path[:_MOST_SHOWN]} cannot be stored beside another path")
        files.add(key)
        folders |= above


def _is_bad(c: str) -> bool:
    return c in _FORBIDDEN or unicodedata.category(c) in UNSAFE


def _split(name: str) -> tuple[str, str]:
    """Return the name's stem and its suffix, with the dot; empty if it has none."""
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode("utf-8", "replace")) > _MOST_SUFFIX:
        return name, ""
    return stem, dot + suffix


def _cut(name: str) -> str:
    """Return the name with at most MOST_NAME_BYTES; its suffix stays."""
    stem, suffix = _split(name)
    room = MOST_NAME_BYTES - len(suffix.encode("utf-8", "replace"))
    data = stem.encode("utf-8", "replace")
    return name if len(data) <= room else data[:room].decode("utf-8", "ignore").rstrip(" ") + suffix
