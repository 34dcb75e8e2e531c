"""`p2p send-file` and `p2p files`: send files and folders, and receive what contacts offer."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from p2pchat.app.settings import Settings
from p2pchat.app.terminal import is_terminal
from p2pchat.cli import options
from p2pchat.cli.echo import echo, echo_json, echo_path
from p2pchat.errors import P2PError
from p2pchat.ui.text.sending_files import LEFT_OUT, RENAMED

if TYPE_CHECKING:
    from p2pchat.protocol.client.events import Event
    from p2pchat.protocol.client.file_orders import Transfers
    from p2pchat.protocol.client.transfers import Transfer

_CLEAR_LINE: Final = "\r\x1b[K"
_UP: Final = "\x1b[A"

_WAIT_HELP: Final = "How long to wait without progress.  [default: as long as USER is online]"

wait_option = click.option(
    "--wait",
    type=options.NumberRange(0, 86400),
    default=None,
    metavar="SECONDS",
    help=_WAIT_HELP,
)

FILE: Final = click.Path(exists=True, path_type=Path)


@click.command(
    "send-file",
    help="""Send files and folders to USER, and wait until USER has them.

    \b
    p2p send-file bob report.pdf
    p2p send-file bob photos/ notes.txt

    Files are encrypted, sent directly to USER if possible, and verified. An interrupted transfer
    resumes while your node is running (p2p login). Small files can also wait in USER's mailbox.

    Exit codes: 0 if USER has received and verified everything; 6 if USER is offline or has not
    answered; 7 if USER declines; 3 or 9 if the link is lost, or there is no progress, for --wait;
    1 if a file has changed or cannot be read.
    """,
)
@click.argument("user", shell_complete=options.known_names)
@click.argument("paths", nargs=-1, required=True, type=FILE)
@options.registry
@options.me
@wait_option
@click.option("--yes", is_flag=True, help="Do not ask about hidden files and large folders.")
@click.pass_obj
def send_file(
    settings: Settings,
    user: str,
    paths: tuple[Path, ...],
    registry: str | None,
    me: str | None,
    wait: float | None,
    yes: bool,
) -> None:
    """Run `p2p send-file`."""
    send_paths(settings, registry, me, user, (), [(path, "") for path in paths], wait, yes=yes)


def send_paths(
    settings: Settings,
    registry: str | None,
    me: str | None,
    user: str,
    text: tuple[str, ...],
    files: Sequence[tuple[Path, str]],
    wait: float | None,
    *,
    yes: bool,
) -> None:
    """Send texts and files; ask for confirmation of files that may be sent by mistake."""
    from p2pchat.app.file_transfers import send_files
    from p2pchat.ui.text.sending_files import why_ask

    if not yes and is_terminal(sys.stdin):
        for path, _ in files:
            question = why_ask(path)
            if question and not click.confirm(f"{question}; send it?", err=True):
                raise P2PError("nothing was sent")
    try:
        send_files(settings, registry, me, user, text, files, wait, TerminalProgress())
    except KeyboardInterrupt:
        echo(
            "it continues while your node is running; to cancel it: p2p files cancel NUMBER",
            err=True,
        )
        raise


@click.group(
    invoke_without_command=True,
    help="""List sent and received files, with their numbers.

    \b
    p2p files
    p2p files get 3
    p2p files get 3 --to ~/Desktop
    p2p files decline 3
    p2p files cancel 3
    """,
)
@options.registry
@options.me
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per transfer.")
@click.pass_context
def files(ctx: click.Context, registry: str | None, me: str | None, as_json: bool) -> None:
    """Run `p2p files`."""
    settings: Settings = ctx.obj
    ctx.obj = (settings, registry, me)
    if ctx.invoked_subcommand is None:
        _list(settings, registry, as_json=as_json)


def _list(settings: Settings, registry: str | None, *, as_json: bool) -> None:
    from p2pchat.app.file_transfers import listed
    from p2pchat.cli.tables import print_table
    from p2pchat.protocol.client.objects import transfer_object
    from p2pchat.ui.screen.file_list import HEADERS, NO_FILES, transfer_cells

    found = listed(settings, registry)
    if as_json:
        for one in found:
            echo_json(transfer_object(one))
    elif found:
        print_table(HEADERS, [transfer_cells(one) for one in found])
    if not found:
        echo(NO_FILES, err=True)


@files.command("list", help="List the transfers, like p2p files without a command.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per transfer.")
@click.pass_obj
def list_files(given: tuple[Settings, str | None, str | None], as_json: bool) -> None:
    """Run `p2p files list`."""
    _list(given[0], given[1], as_json=as_json)


@files.command(
    help="""Receive the file offered under NUMBER, and print its path.

    Existing files are never overwritten: a number is added to the name. A transfer that was
    interrupted, has failed, or was declined or cancelled by you is requested again.
    """
)
@click.argument("number", type=int)
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="The target folder.  [default: a folder per contact in files.folder]",
)
@wait_option
@click.pass_obj
def get(
    given: tuple[Settings, str | None, str | None],
    number: int,
    folder: Path | None,
    wait: float | None,
) -> None:
    """Run `p2p files get`."""
    from p2pchat.app.file_transfers import get_file

    echo_path(get_file(*given, number, folder, wait, TerminalProgress()))


@files.command(help="Decline the file offered under NUMBER, and tell its sender.")
@click.argument("number", type=int)
@click.pass_obj
def decline(given: tuple[Settings, str | None, str | None], number: int) -> None:
    """Run `p2p files decline`."""
    from p2pchat.app import file_transfers

    file_transfers.decline(*given, number)


@files.command(help="Cancel the transfer NUMBER, and delete its partial file.")
@click.argument("number", type=int)
@click.pass_obj
def cancel(given: tuple[Settings, str | None, str | None], number: int) -> None:
    """Run `p2p files cancel`."""
    from p2pchat.app import file_transfers

    file_transfers.cancel(*given, number)


class TerminalProgress:
    """A progress gauge per file if stderr is a terminal, otherwise a line per event."""

    def __init__(self) -> None:
        self._drawn = 0
        self._is_terminal = is_terminal(sys.stderr)

    def draw(self, moving: "Sequence[Transfer]") -> None:
        """Redraw the gauges in place."""
        from p2pchat.ui.text.gauge import gauge

        if not self._is_terminal or not (moving or self._drawn):
            return
        width = _width() - 1
        erase = (_CLEAR_LINE + _UP) * self._drawn + _CLEAR_LINE
        lines = "".join(f"{gauge(one, width)}\n" for one in moving)
        self._drawn = len(moving)
        sys.stderr.write(erase + lines)
        sys.stderr.flush()

    def tell(self, event: "Event") -> None:
        """Print the event."""
        from p2pchat.ui.text.render import sentences

        self.draw(())
        for sentence in sentences(event):
            echo(sentence, err=True)

    def offered(self, offered: "Transfers") -> None:
        """Print the offer, and which files were skipped or renamed."""
        from p2pchat.protocol.sizes import size_words

        [one] = offered.transfers
        size = size_words(one.size)
        echo(f"offered to {one.user}: {one.name} ({size}), number {one.id}", err=True)
        if offered.skipped:
            echo(f"{one.name}: {LEFT_OUT.format(offered.skipped)}", err=True)
        if offered.renamed:
            echo(f"{one.name}: {RENAMED.format(offered.renamed)}", err=True)


def _width() -> int:
    import os

    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80
