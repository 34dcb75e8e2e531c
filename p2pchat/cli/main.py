"""The `p2p` command: its subcommands, and the one place where errors become text and exit codes."""

import codecs
import errno
import os
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from p2pchat.app.streams import set_streams
from p2pchat.cli.echo import echo
from p2pchat.cli.lazy_group import LazyGroup
from p2pchat.cli.show_error import as_ours, show_error
from p2pchat.errors import INTERRUPTED, P2PError, StorageError, UsageError
from p2pchat.version import __version__

if TYPE_CHECKING:
    from p2pchat.app.settings import Settings

_PLACES: Final = {
    "backup": "p2pchat.cli.serve.backup:backup",
    "chat": "p2pchat.cli.person.chat:chat",
    "completion": "p2pchat.cli.docs.completion:completion",
    "config": "p2pchat.cli.profile.config:config",
    "contacts": "p2pchat.cli.person.contacts:contacts",
    "demo": "p2pchat.cli.person.demo:demo",
    "doctor": "p2pchat.cli.doctor.doctor:doctor",
    "files": "p2pchat.cli.person.files:files",
    "help": "p2pchat.cli.docs.help_command:help_",
    "history": "p2pchat.cli.profile.history:history",
    "invite": "p2pchat.cli.person.invite:invite",
    "join": "p2pchat.cli.person.join:join",
    "listen": "p2pchat.cli.person.listen:listen",
    "mailbox": "p2pchat.cli.profile.mailbox:mailbox",
    "login": "p2pchat.cli.person.chat:login",
    "logout": "p2pchat.cli.person.account:logout",
    "outbox": "p2pchat.cli.person.send:outbox",
    "passwd": "p2pchat.cli.person.account:passwd",
    "profile": "p2pchat.cli.profile.copy:profile",
    "register": "p2pchat.cli.person.account:register",
    "search": "p2pchat.cli.person.search:search",
    "send": "p2pchat.cli.person.send:send",
    "send-file": "p2pchat.cli.person.files:send_file",
    "serve": "p2pchat.cli.serve.serve:serve",
    "status": "p2pchat.cli.profile.status:status",
    "trust": "p2pchat.cli.person.contacts:trust",
    "users": "p2pchat.cli.serve.users:users",
    "verify": "p2pchat.cli.person.contacts:verify",
}
"""Where each command is, so that only the one that is run is imported."""

_WITHOUT_SETTINGS: Final = frozenset({"doctor", "help"})
"""Commands that work even if the configuration file is malformed."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})
_NO_DESCRIPTOR: Final = frozenset({errno.EMFILE, errno.ENFILE})


class _Group(LazyGroup):
    """The top-level group: shows errors, and exits with their codes, or 130 for Ctrl-C."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return self._invoke(ctx)
        except P2PError as error:
            if ctx.params.get("debug"):
                import traceback

                traceback.print_exception(error)
            show_error(error)
            ctx.exit(error.exit_code)
        except click.UsageError as error:
            show_error(as_ours(error))
            ctx.exit(UsageError.exit_code)
        except BrokenPipeError:
            _end_as_others_do()
        except (KeyboardInterrupt, click.Abort):
            echo(err=True)
            ctx.exit(INTERRUPTED)

    def _invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raise StorageError if a path cannot be accessed, UsageError if this
        locale cannot encode it.
        """
        try:
            return super().invoke(ctx)
        except OSError as error:
            if error.filename is None:
                raise
            raise StorageError(
                f"cannot use {os.fsdecode(error.filename)}: {error.strerror}",
                likely="it belongs to another user, or the name is not possible",
            ) from error
        except UnicodeEncodeError as error:
            of_names = codecs.lookup(sys.getfilesystemencoding()).name
            if of_names == "utf-8" or codecs.lookup(error.encoding).name != of_names:
                raise
            raise UsageError(
                "a name is not possible in this locale", advice="set LC_ALL=C.UTF-8"
            ) from error

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the options before the command."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            show_error(as_ours(error))
            sys.exit(UsageError.exit_code)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, by group, then the options."""
        from p2pchat.cli.docs import overview

        formatter.write_paragraph()
        for line in overview.lines():
            formatter.write(f"{line}\n")
        click.Command.format_options(self, ctx, formatter)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program; report a full disk behind stdout like other errors."""
        set_streams()
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.errno in _NO_DESCRIPTOR:
                show_error(
                    StorageError(
                        "no more files can be opened",
                        likely="ulimit -n is low, or other programs of yours have very many open",
                        advice="ulimit -n 1024",
                    )
                )
                sys.exit(StorageError.exit_code)
            if error.errno not in _FULL:  # other files and sockets raise P2PError: this is stdout
                raise
            show_error(StorageError(f"cannot write to stdout: {os.strerror(error.errno)}"))
            # Discard what is buffered, or the interpreter would complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(StorageError.exit_code)


def _end_as_others_do() -> NoReturn:
    """End by SIGPIPE, as other programs do, because the reader of stdout has gone (`p2p history bob
    | head`).

    The signal is raised, so that the shell sees a death by SIGPIPE. Until now it was ignored: it
    would also come for sockets, and the user would not be logged out.
    """
    import signal

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.raise_signal(signal.SIGPIPE)
    sys.exit(128 + signal.SIGPIPE)  # if the signal is blocked


@click.group(
    cls=_Group,
    places=_PLACES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    help="Chat from the terminal, peer to peer. Run p2p without a command to begin.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error, too.")
@click.option("--profile", metavar="NAME", help="Use a separate profile (accounts, keys, history).")
@click.version_option(__version__, package_name="p2pchat")
@click.pass_context
def cli(ctx: click.Context, /, profile: str | None, **_: Any) -> None:
    """Run `p2p` itself."""
    from p2pchat.app import settings

    try:
        ctx.obj = settings.from_environment(profile=profile)
    except UsageError as error:
        if ctx.invoked_subcommand not in _WITHOUT_SETTINGS:
            raise
        ctx.obj = settings.without_file(error, profile=profile)
    name = ctx.invoked_subcommand
    if name is None:
        ctx.default_map = {each: _defaults(ctx, each) for each in ("chat", "login")}
        _begin(ctx)
    else:
        ctx.default_map = {name: _defaults(ctx, name)}


def _begin(ctx: click.Context) -> None:
    """Go online, asking for what is missing on a terminal; without one, show the commands."""
    from p2pchat.app.terminal import is_terminal

    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        raise UsageError(
            "no command was given, and there is no terminal to ask on",
            advice="p2p --help lists the commands",
        )
    from p2pchat.cli.person import join
    from p2pchat.cli.person.onboarding import begin

    begun = begin(ctx.obj)
    join.go_on(ctx, ctx.obj, *begun)


def _defaults(ctx: click.Context, name: str) -> dict[str, Any]:
    """Return the defaults of a command's options as the settings define them.

    They are the user's: `p2p serve` has a configuration of its own.
    """
    if name == "serve":
        return {}
    found: Settings = ctx.obj
    command = cli.get_command(ctx, name)
    names = {parameter.name for parameter in command.params} if command is not None else set()
    return {name: value for name, value in found.option_defaults.items() if name in names}
