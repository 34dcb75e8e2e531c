"""Prints errors on stderr: what happened, the likely cause, what to try."""

import click

from p2pchat.cli.echo import echo_wrapped
from p2pchat.errors import P2PError, UsageError


def show_error(error: P2PError) -> None:
    """Print the error; on a terminal its lines are wrapped between words."""
    for line in (
        f"p2p: {error.what}",
        *([f"  likely: {error.likely}"] if error.likely else []),
        *([f"  try: {error.advice}"] if error.advice else []),
    ):
        echo_wrapped(line, err=True)


def as_ours(error: click.UsageError) -> UsageError:
    """Return a usage error of Click's as a UsageError."""
    path = error.ctx.command_path if error.ctx is not None else "p2p"
    if isinstance(error, click.NoSuchCommand):
        near = next(iter(error.possibilities or ()), "")
        return UsageError(
            f"there is no command {path} {error.command_name}",
            likely=near and f"did you mean {near}?",
            advice=" ".join(filter(None, (path, near, "--help"))),
        )
    sentence = error.format_message().strip()
    likely = ""
    if isinstance(error, click.NoSuchOption) and error.possibilities:
        sentence = f"no such option '{error.option_name}'"
        likely = f"did you mean {' or '.join(sorted(error.possibilities))}?"
    what = " ".join(sentence.split()).removesuffix(".")
    return UsageError(what[:1].lower() + what[1:], likely=likely, advice=f"{path} --help")
