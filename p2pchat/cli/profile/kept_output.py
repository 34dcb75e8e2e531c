"""Print stored lines: as text, as JSON, or as raw bytes."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from p2pchat.app.terminal import is_terminal
from p2pchat.cli.echo import echo, echo_json
from p2pchat.errors import UsageError

if TYPE_CHECKING:
    from p2pchat.protocol.client.lines import KeptLine, ScheduledLine


def line_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command with the options for the output format: `as_json` and `raw`."""
    as_json = click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object per line."
    )
    raw = click.option(
        "--raw",
        is_flag=True,
        callback=_check_raw,
        help="Print only the texts, unchanged; not to a terminal.",
    )
    return as_json(raw(command))


def print_lines(lines: "Sequence[KeptLine]", *, me: str, as_json: bool, raw: bool) -> None:
    """Print each line as text, as a JSON object, or `raw`: the bytes of its text."""
    from p2pchat.protocol.client.objects import kept_object
    from p2pchat.ui.text.render import kept_lines

    for line in lines:
        if as_json:
            echo_json(kept_object(line, me))
        elif raw:
            click.echo(line.text.encode("utf-8", "replace"))  # noqa: TID251  # what is asked for
        else:
            for text in kept_lines(line, me, whole=True):
                echo(text)


def print_scheduled(lines: "Sequence[ScheduledLine]", *, as_json: bool, raw: bool) -> None:
    """Print scheduled lines, in one of the same three formats."""
    from p2pchat.protocol.client.objects import scheduled_object
    from p2pchat.ui.text.render import scheduled_line

    for line in lines:
        if as_json:
            echo_json(scheduled_object(line, "me"))
        elif raw:
            click.echo(line.text.encode("utf-8", "replace"))  # noqa: TID251  # what is asked for
        else:
            echo(scheduled_line(line, "me"))


def _check_raw(_: click.Context, __: click.Parameter, raw: bool) -> bool:
    """Raise UsageError if stdout is a terminal, which would interpret raw text."""
    if raw and is_terminal(sys.stdout):
        raise UsageError(
            "--raw does not print to a terminal, which would interpret control characters",
            advice="redirect it: p2p history bob --raw > bob.txt",
        )
    return raw
