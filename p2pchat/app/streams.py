"""The standard streams as every command uses them, whatever the locale; and text files that people
write. Set once, at the start of the program.
"""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Final

_BOM: Final = "\ufeff"


def set_streams() -> None:
    """Replace characters that a stream cannot encode, so that none ends a command.

    stdin is UTF-8, like all input from programs, except what is typed at a terminal.
    """
    for out in (sys.stdout, sys.stderr):
        if isinstance(out, TextIOWrapper):
            out.reconfigure(errors="replace")
    if isinstance(sys.stdin, TextIOWrapper):
        if sys.stdin.isatty():
            sys.stdin.reconfigure(errors="replace")
        else:
            sys.stdin.reconfigure(encoding="utf-8", errors="replace")


def read_text(file: Path, *, errors: str = "strict") -> str:
    """Return what is in a UTF-8 file; a byte order mark, which some editors write, is dropped.

    Raise OSError, or UnicodeDecodeError unless `errors` says what else is to be done.
    """
    return file.read_text(encoding="utf-8", errors=errors).removeprefix(_BOM)
