"""Print text, with everything removed that a terminal would interpret."""

import sys
from typing import TextIO

import click


def echo(text: str = "", *, err: bool = False) -> None:
    """Print one or more lines; control characters are replaced."""
    from p2pchat.protocol.text import printable

    click.echo(printable(text), err=err)


def echo_wrapped(text: str, *, err: bool = False, indent: int = 4) -> None:
    """Print a line; on a terminal it is wrapped between words, with continuation lines indented."""
    width = _width(sys.stderr if err else sys.stdout)
    if width is None or len(text) <= width:
        echo(text, err=err)
        return
    import textwrap

    for part in textwrap.wrap(
        text,
        width,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        echo(part, err=err)


def echo_path(text: str) -> None:
    """Print a path for programs: in UTF-8, as it is on the disk, whatever the locale is."""
    from p2pchat.protocol.text import printable

    click.echo(printable(text).encode("utf-8", "replace"))


def _width(stream: TextIO) -> int | None:
    """Return the width of the terminal; None if stdout is not one."""
    try:
        is_terminal = stream.isatty()
    except (AttributeError, ValueError):  # not a file, or closed
        return None
    import shutil

    return max(20, shutil.get_terminal_size().columns) if is_terminal else None


def echo_json(value: object) -> None:
    """Print a value as JSON on one line, for programs; control characters are escaped.

    In UTF-8, whatever the locale is (RFC 8259, 8.1).
    """
    from p2pchat.protocol.text import json_line

    click.echo(json_line(value).encode("utf-8", "replace"))
