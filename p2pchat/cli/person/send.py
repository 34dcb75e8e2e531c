"""`p2p send` and `p2p outbox`: send messages without a prompt, and manage undelivered ones."""

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from p2pchat.app.settings import Settings
from p2pchat.app.terminal import is_terminal
from p2pchat.cli import options
from p2pchat.cli.echo import echo
from p2pchat.cli.moments import ComingMoment, Duration
from p2pchat.cli.person.files import send_paths
from p2pchat.cli.profile.kept_output import line_options, print_lines, print_scheduled
from p2pchat.errors import UsageError
from p2pchat.protocol.counting import counted
from p2pchat.surrogates import without_surrogates

_WAIT = 15.0
"""Seconds to wait for the acknowledgement."""

_PART_BYTES = 60_000
"""The most bytes of each part of a long text from stdin; a message has at most 65,536."""

_PLACE_OF_TEXT = 1
"""The index of the text among the positional arguments of p2p send."""


class _Send(click.Command):
    """A command whose last argument is a text that may look like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Return the remaining arguments; raise UsageError if the text looks like an option.

        Otherwise `--help` after the name would show the help and exit with 0, as if the text had
        been sent.
        """
        places = list(self._places(args))
        for place, arg in places:
            if place and arg in ctx.help_option_names:
                raise _taken_for_an_option(arg)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            for place, arg in places:
                if place == _PLACE_OF_TEXT and arg.startswith(error.option_name):
                    raise _taken_for_an_option(error.option_name) from None
            raise

    def _places(self, args: list[str]) -> Iterator[tuple[int, str]]:
        """Yield the arguments up to `--`, each with the number of positional ones before it."""
        with_value = {
            name
            for parameter in self.params
            if isinstance(parameter, click.Option) and not parameter.is_flag
            for name in parameter.opts
        }
        place = 0
        previous = ""
        for arg in itertools.takewhile(lambda arg: arg != "--", args):
            if previous not in with_value:
                yield place, arg
                place += not arg.startswith("-")
            previous = arg


def _taken_for_an_option(text: str) -> UsageError:
    return UsageError(
        f"{text} was taken for an option, and nothing was sent",
        likely="the text starts with a dash",
        advice=f'p2p send NAME -- "{text} ...", or pipe the text in',
    )


@click.command(
    cls=_Send,
    help="""Send TEXT, or the text on stdin, to USER.

    \b
    p2p send bob "dinner is ready"
    make 2>&1 | p2p send bob
    p2p send bob "good morning" --at 9:00 --expires 2h
    p2p send me "a note to myself"

    If your node is running, it sends the text; otherwise this command logs in until it is done.

    Exit codes: 0 if USER's node has acknowledged the text (with --left-is-enough also if it waits
    in USER's mailbox), 6 if it is queued or waits in USER's mailbox, 5 if there is no such user, 7
    if USER rejected it, and 10 if USER has a new key: it is queued until you trust that key.
    """,
)
@click.argument("user", shell_complete=options.known_names)
@click.argument("text", required=False, type=without_surrogates)
@options.registry
@options.me
@click.option(
    "--file",
    "files",
    type=click.Path(exists=True, allow_dash=True, path_type=Path),
    multiple=True,
    metavar="PATH",
    help="Also send this file or folder; may be repeated; - is stdin. See p2p send-file.",
)
@click.option(
    "--name",
    type=without_surrogates,
    metavar="TEXT",
    default="",
    help="The name under which stdin is sent as a file.",
)
@click.option(
    "--wait",
    default=None,
    type=options.NumberRange(0, 86400),
    metavar="SECONDS",
    help="How long to wait for the acknowledgement; with --file, without progress."
    "  [default: 15; with --file, as long as USER is online]",
)
@click.option(
    "--queue",
    is_flag=True,
    help="Do not wait; send it, or leave it in the mailbox, as soon as possible.",
)
@click.option(
    "--at",
    "not_before",
    type=ComingMoment(),
    metavar="TIME",
    help="Send it at that time, or once a node of yours runs after it: 9:00, 2h, tomorrow.",
)
@click.option(
    "--expires",
    type=Duration(),
    default=0,
    metavar="TIME",
    help="Give up if it is not delivered within that time: 30m, 2h, 1d.",
)
@click.option(
    "--left-is-enough",
    is_flag=True,
    help="Exit with 0 also if it waits in USER's mailbox: for machines that are not up for long.",
)
@click.pass_obj
def send(
    settings: Settings,
    user: str,
    text: str | None,
    registry: str | None,
    me: str | None,
    files: tuple[Path, ...],
    name: str,
    wait: float | None,
    queue: bool,
    not_before: int | None,
    expires: int,
    left_is_enough: bool,
) -> None:
    """Run `p2p send`."""
    from p2pchat.app.sending import deliver, send_later

    if name and not files:
        raise UsageError("--name is for stdin", advice="p2p send USER --file - --name NAME")
    if files:
        if not_before is not None or expires:
            raise UsageError("files cannot be sent later", advice="leave out --at and --expires")
        if left_is_enough:
            raise UsageError(
                "--left-is-enough is for texts", likely="a mailbox has no room for files"
            )
        texts = _texts(text) if text else ()
        with _named_files(settings, files, name) as named:
            send_paths(
                settings, registry, me, user, texts, named, 0.0 if queue else wait, yes=False
            )
    elif not_before is not None:
        send_later(settings, registry, me, user, _texts(text) or (), not_before, expires)
    else:
        deliver(
            settings,
            registry,
            me,
            user,
            _texts(text),
            0.0 if queue else (_WAIT if wait is None else wait),
            expires=expires,
            left_is_enough=left_is_enough,
        )


@contextmanager
def _named_files(
    settings: Settings, files: tuple[Path, ...], name: str
) -> Iterator[list[tuple[Path, str]]]:
    """Yield the files with their names; stdin is copied to a file."""
    if Path("-") not in files:
        if name:
            raise UsageError("--name is for stdin", advice="p2p send USER --file - --name NAME")
        yield [(path, "") for path in files]
        return
    if not name:
        raise UsageError("stdin has no name", advice="p2p send USER --file - --name NAME")
    from p2pchat.app.stdin_copy import copy_of_stdin

    with copy_of_stdin(settings) as copy:
        yield [(copy, name) if path == Path("-") else (path, "") for path in files]


@click.group(
    invoke_without_command=True,
    help="""List undelivered, failed and possibly lost messages.

    \b
    p2p outbox
    p2p outbox cancel bob
    p2p outbox retry bob
    """,
)
@options.registry
@line_options
@click.pass_context
def outbox(ctx: click.Context, registry: str | None, as_json: bool, raw: bool) -> None:
    """Run `p2p outbox`."""
    ctx.obj = (ctx.obj, registry)
    if ctx.invoked_subcommand is None:
        _list(*ctx.obj, as_json=as_json, raw=raw)


@outbox.command("list", help="List the outbox, like p2p outbox without a command.")
@line_options
@click.pass_obj
def list_outbox(given: tuple[Settings, str | None], *, as_json: bool, raw: bool) -> None:
    """Run `p2p outbox list`."""
    _list(*given, as_json=as_json, raw=raw)


def _list(settings: Settings, registry: str | None, *, as_json: bool, raw: bool) -> None:
    from p2pchat.app.profile_home import open_profile_home
    from p2pchat.protocol.client.lines import TO_RETRY, LineState

    with open_profile_home(settings, registry) as us:
        lines = us.history.lines(states=(LineState.QUEUED, *TO_RETRY))
        later = us.schedule.all()
    print_lines(lines, me="me", as_json=as_json, raw=raw)
    print_scheduled(later, as_json=as_json, raw=raw)


@outbox.command(help="Cancel queued messages to USER that are not being sent.")
@click.argument("user", shell_complete=options.known_names)
@options.me
@click.pass_obj
def cancel(given: tuple[Settings, str | None], user: str, me: str | None) -> None:
    """Run `p2p outbox cancel`."""
    from p2pchat.app.sending import cancel as cancel_lines

    cancelled = cancel_lines(*given, me, user)
    echo(f"{_lines(cancelled.count)} will not be delivered")
    if cancelled.kept:
        kept = counted(cancelled.kept, "line", "stays", "stay")
        echo(f"{kept}: left in {user}'s mailbox, perhaps already fetched, or being sent now")


@outbox.command(
    help="""Resend messages to USER that have failed or may be lost.

    They are sent only to the key that USER has now.

    These are cancelled messages, those for an older key, and those that USER's disk may have lost.
    USER sees no message twice.
    """
)
@click.argument("user", shell_complete=options.known_names)
@options.me
@click.pass_obj
def retry(given: tuple[Settings, str | None], user: str, me: str | None) -> None:
    """Run `p2p outbox retry`."""
    from p2pchat.app.profile_home import open_profile_home
    from p2pchat.app.sending import deliver
    from p2pchat.protocol.client.lines import TO_RETRY

    settings, registry = given
    with open_profile_home(settings, registry) as us:
        name, key = us.named(user), us.contacts.get(us.named(user)).key
        count = len(us.history.lines(name, states=TO_RETRY))
        count += us.history.count_queued(name, other_than=key)
    if not count:
        raise UsageError(f"no message to {name} has failed or may be lost")
    deliver(settings, registry, me, user, None, _WAIT)
    echo(f"{_lines(count)} delivered")


def _lines(count: int) -> str:
    return f"{count} line{'' if count == 1 else 's'}"


def _texts(text: str | None) -> tuple[str, ...]:
    """Return the messages: the argument, or stdin, split at line ends where possible."""
    if text is None:
        if sys.stdin is None or is_terminal(sys.stdin):
            raise UsageError("nothing to send", advice='p2p send NAME "TEXT", or pipe the text in')
        text = sys.stdin.read().removeprefix("\ufeff").rstrip("\n")
    if not text.strip():
        raise UsageError("nothing to send", likely="the text is empty")
    parts: list[str] = []
    current: list[str] = []
    size = 0
    for line in _pieces(text):
        length = len(line.encode())
        if current and size + length > _PART_BYTES:
            parts.append("".join(current))
            current, size = [], 0
        current.append(line)
        size += length
    parts.append("".join(current))
    return tuple(part.removesuffix("\n") for part in parts)


def _pieces(text: str) -> list[str]:
    """Return the lines; a line that is too long for a message is split."""
    step = _PART_BYTES // 4  # a character has at most four bytes in UTF-8
    return [
        line[start : start + step]
        for line in text.splitlines(keepends=True)
        for start in range(0, len(line), step)
    ]
