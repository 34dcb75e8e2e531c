"""How an error looks on stderr: what happened, the likely cause, what to try; one style for all."""

import shutil
import sys
import textwrap
from typing import Final

import click

from p2pchat.cli.echo import echo
from p2pchat.cli.options import is_terminal
from p2pchat.errors import P2PError, UsageError

_INDENT: Final = 4


def show_error(error: P2PError) -> None:
    """Print the error; a terminal gets lines that are broken between words."""
    for line in (
        f"p2p: {error.what}",
        *([f"  likely: {error.likely}"] if error.likely else []),
        *([f"  try: {error.advice}"] if error.advice else []),
    ):
        for part in _wrapped(line):
            echo(part, err=True)


def as_ours(error: click.UsageError) -> UsageError:
    """Return an error of click's as one of ours."""
    sentence = error.format_message().strip()
    likely = ""
    if isinstance(error, click.NoSuchOption) and error.possibilities:
        sentence = f"no such option '{error.option_name}'"
        likely = f"did you mean {' or '.join(sorted(error.possibilities))}?"
    what = " ".join(sentence.split()).removesuffix(".")
    path = error.ctx.command_path if error.ctx is not None else "p2p"
    return UsageError(what[:1].lower() + what[1:], likely=likely, advice=f"{path} --help")


def _wrapped(line: str) -> list[str]:
    if not is_terminal(sys.stderr):
        return [line]
    width = max(20, shutil.get_terminal_size().columns)
    if len(line) <= width:
        return [line]
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=" " * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
