"""Standard streams that work in any locale, set up once at the start; and reading text files."""

import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_BOM: Final = "\ufeff"


def set_streams() -> None:
    """Replace characters that a stream cannot encode, so that they cause no errors.

    stdin is UTF-8, like all input from programs, unless it is a terminal.
    """
    for out in (sys.stdout, sys.stderr):
        if isinstance(out, TextIOWrapper):
            out.reconfigure(errors="replace")
    if isinstance(sys.stdin, TextIOWrapper):
        if sys.stdin.isatty():
            sys.stdin.reconfigure(errors="replace")
        else:
            sys.stdin.reconfigure(encoding="utf-8", errors="replace")


def read_text(file: "Path", *, errors: str = "strict") -> str:
    """Return the text of a UTF-8 file, without a byte order mark, which some editors write.

    Raise OSError, or UnicodeDecodeError unless `errors` names another handler.
    """
    return file.read_text(encoding="utf-8", errors=errors).removeprefix(_BOM)
