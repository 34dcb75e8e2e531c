"""Tables for people, or records where the terminal is too narrow. Programs use JSON instead."""

import shutil
import sys
from collections.abc import Sequence
from typing import Final

from p2pchat.app.terminal import is_terminal
from p2pchat.cli.echo import echo

_PIPE_WIDTH: Final = 80
_BETWEEN: Final = "  "


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print the rows; on a terminal with headers.

    Empty columns are left out.
    """
    if not rows:
        return
    with_headers = is_terminal(sys.stdout)
    width = shutil.get_terminal_size((_PIPE_WIDTH, 24)).columns if with_headers else _PIPE_WIDTH
    for line in table_lines(headers, rows, width, with_headers=with_headers):
        echo(line)


def table_lines(
    headers: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, with_headers: bool
) -> list[str]:
    """Return the rows as lines of at most `width` characters, or else as records."""
    used = [n for n in range(len(headers)) if any(row[n] for row in rows)]
    shown = [[headers[n] for n in used]] if with_headers else []
    shown += [[row[n] for n in used] for row in rows]
    widths = [max(len(row[n]) for row in shown) for n in range(len(used))]
    if sum(widths) + len(_BETWEEN) * (len(used) - 1) <= width:
        return [_BETWEEN.join(map(str.ljust, row, widths)).rstrip() for row in shown]
    lines: list[str] = []
    for row in rows:
        lines += [""] if lines else []
        lines += [f"{headers[n].lower()}: {row[n]}" for n in used if row[n]]
    return lines
