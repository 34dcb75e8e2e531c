"""`p2p users`: the operator's commands on accounts, whether or not the registry is running."""

import datetime as dt
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from p2pchat.app.settings import Settings
from p2pchat.app.terminal import is_terminal
from p2pchat.cli import options
from p2pchat.cli.echo import echo, echo_json
from p2pchat.cli.serve.account_import import check_new_name
from p2pchat.cli.tables import print_table
from p2pchat.errors import NoSuchUser, RegistrationRefused, UsageError

if TYPE_CHECKING:
    from p2pchat.cli.serve.registry_access import OperatedRegistry

_DAY_S = 24 * 3600


def _operating(command: Callable[..., None], *, may_make: bool = False) -> Callable[..., None]:
    """Decorate a command to be called with the registry that its options name.

    `may_make`: create the registry if the folder has none.
    """

    @functools.wraps(command)
    def with_registry(
        settings: Settings, data_dir: Path | None, database: str | None, **more: Any
    ) -> None:
        from p2pchat.cli.serve.registry_access import operated

        with operated(settings, data_dir, database, may_make=may_make) as registry:
            command(registry, **more)

    taking: Any = with_registry  # `wraps` gives it the command's signature
    return options.data_dir(options.database(click.pass_obj(taking)))


_operating_or_making = functools.partial(_operating, may_make=True)


@click.group(
    help="""Manage the accounts of your registry.

    \b
    p2p users list
    p2p users disable mallory
    p2p users invite --days 7
    """,
)
def users() -> None:
    """Run `p2p users`."""


@users.command(
    "list",
    help="List accounts: name, day created, day last used, state.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each.")
@_operating
def list_(registry: "OperatedRegistry", as_json: bool) -> None:
    """Run `p2p users list`."""
    rows: list[tuple[str, ...]] = []
    for entry in registry.account_admin.entries():
        fields = {
            "user": entry.username,
            "created": f"{entry.created_at:%Y-%m-%d}",
            "seen": f"{entry.seen_at:%Y-%m-%d}" if entry.seen_at else None,
            "encrypted": entry.key is not None,
            "allows_original": entry.allows_original,
            "disabled": entry.disabled,
        }
        if as_json:
            echo_json(fields)
        else:
            key = "encrypted" if entry.key else "no key yet"
            state = f"{key}{', disabled' if entry.disabled else ''}"
            seen = str(fields["seen"] or "-")
            rows.append((entry.username, str(fields["created"]), seen, state))
    print_table(("NAME", "CREATED", "LAST SEEN", "STATE"), rows)


@users.command(help="Create an account, whatever --registration allows.")
@click.argument("name")
@options.password_file
@_operating_or_making
def add(
    registry: "OperatedRegistry",
    name: str,
    password_file: Path | None,
) -> None:
    """Run `p2p users add`."""
    from p2pchat.protocol.names import is_plain_username
    from p2pchat.registry.store.accounts import Creation

    check_new_name(name)
    if not is_plain_username(name):
        raise UsageError(
            f"{name} could not log in at the secure listener",
            advice="lower-case letters, digits, '.', '_' and '-', at most 32 of them",
        )
    password = options.get_password(registry.settings, password_file, name, twice=True)
    if registry.accounts.create(name, password) is not Creation.MADE:
        raise RegistrationRefused(
            f"there is an account {name} already", advice="choose another name"
        )
    registry.changed(name)


@users.command(help="Set a new password; ends all logins of the account.")
@click.argument("name")
@options.password_file
@_operating
def passwd(
    registry: "OperatedRegistry",
    name: str,
    password_file: Path | None,
) -> None:
    """Run `p2p users passwd`."""
    from p2pchat.cli.serve.registry_access import change

    def set_password(username: str) -> bool:
        if registry.accounts.standing(username) is None:
            return False
        password = options.get_password(registry.settings, password_file, username, twice=True)
        registry.accounts.change_password(username, password)
        return True

    change(registry, name, set_password, "has another password", log_out=True)


@users.command(help="Disable an account: ends its logins, keeps its name reserved.")
@click.argument("name")
@_operating
def disable(registry: "OperatedRegistry", name: str) -> None:
    """Run `p2p users disable`."""
    from p2pchat.cli.serve.registry_access import change

    change(registry, name, registry.account_admin.disable, "is disabled", log_out=True)


@users.command(help="Enable a disabled account again, with its old password.")
@click.argument("name")
@_operating
def enable(registry: "OperatedRegistry", name: str) -> None:
    """Run `p2p users enable`."""
    from p2pchat.cli.serve.registry_access import change

    change(registry, name, registry.account_admin.enable, "is enabled again", log_out=False)


@users.command(help="Delete an account; its name is then free.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_operating
def remove(registry: "OperatedRegistry", name: str, yes: bool) -> None:
    """Run `p2p users remove`."""
    from p2pchat.cli.serve.registry_access import change

    if not yes and not is_terminal(sys.stdin):
        raise UsageError("there is no terminal to confirm this on", advice="use --yes")
    if not yes:
        click.confirm(f"Remove {name} for good?", abort=True, err=True)
    change(registry, name, registry.account_admin.remove, "is removed", log_out=True)


@users.command(
    help="""Print a new code with which accounts can be created.

    \b
    p2p serve --registration invite
    p2p users invite
    p2p register alice --invite CODE
    """
)
@click.option(
    "--uses",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="How many accounts can be created with it.",
)
@click.option(
    "--days",
    default=7.0,
    show_default=True,
    type=options.DAYS,
    help="How long it is valid.",
)
@_operating_or_making
def invite(registry: "OperatedRegistry", uses: int, days: float) -> None:
    """Run `p2p users invite`."""
    echo(registry.invites.issue(uses, days * _DAY_S))


@users.command(
    "import",
    help="""Create accounts from a file of `username password` lines.

    \b
    p2p users import accounts.txt --dry-run

    The original system uses this format. Empty lines and lines that start with # are skipped.
    Existing accounts are not changed. They are reported on stderr, and so are invalid lines, and
    names that can log in only at the original listener.

    Exit code: 1 if a line created no account.
    """,
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Change nothing; report what would be done.")
@_operating_or_making
def import_(registry: "OperatedRegistry", file: Path, dry_run: bool) -> None:
    """Run `p2p users import`."""
    from p2pchat.cli.serve.account_import import import_accounts
    from p2pchat.protocol.counting import counted

    made, trouble = 0, False
    for result in import_accounts(registry, file, dry_run=dry_run):
        made += result.is_made
        trouble = trouble or not result.is_made
        if result.remark:
            echo(f"{file}, line {result.line}: {result.remark}", err=True)
    echo(f"{counted(made, 'account')} {'would be ' if dry_run else ''}created")
    if trouble:
        raise SystemExit(1)


@users.command(
    help="""List mailboxes and how much each holds.

    \b
    p2p users mailbox
    p2p users mailbox bob --clear

    The columns are the user, how many packets of lines wait, their bytes, and the day of the
    oldest. Who has left what is not known. A cleared mailbox loses what waits in it; nothing is
    lost for good, as the senders keep it, and leave it again after a day or two.
    """
)
@click.argument("name", required=False)
@click.option("--clear", is_flag=True, help="Delete everything in the mailbox of NAME.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each.")
@_operating
def mailbox(registry: "OperatedRegistry", name: str | None, clear: bool, as_json: bool) -> None:
    """Run `p2p users mailbox`."""
    from p2pchat.protocol.counting import counted

    if name is None and clear:
        raise UsageError("--clear needs the NAME of a user")
    if name and all(entry.username != name for entry in registry.account_admin.entries()):
        raise NoSuchUser(f"there is no account {name}", advice="p2p users list")
    if name and clear:
        echo(f"{counted(registry.mailboxes.clear(name), 'packet')} deleted")
        return
    rows: list[tuple[str, ...]] = []
    for use in registry.mailboxes.uses():
        if name not in {None, use.username}:
            continue
        oldest = f"{dt.datetime.fromtimestamp(use.oldest, dt.UTC):%Y-%m-%d}"
        if as_json:
            fields = {"user": use.username, "runs": use.runs, "bytes": use.bytes, "oldest": oldest}
            echo_json(fields)
        else:
            rows.append((use.username, str(use.runs), str(use.bytes), oldest))
    print_table(("NAME", "PACKETS", "BYTES", "OLDEST"), rows)


@users.command(help="List online users: name, address, listener.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each.")
@_operating
def sessions(registry: "OperatedRegistry", as_json: bool) -> None:
    """Run `p2p users sessions`."""
    rows: list[tuple[str, ...]] = []
    for session in registry.sessions():
        listener = "secure" if session.secure else "original"
        if as_json:
            fields = {
                "user": session.username,
                "host": session.host,
                "port": session.port or None,
                "door": listener,
            }
            echo_json(fields)
        else:
            rows.append((session.username, session.host, str(session.port or "-"), listener))
    print_table(("NAME", "HOST", "PORT", "LISTENER"), rows)
    if registry.internal_errors:
        echo(f"internal errors: {registry.internal_errors}, see the registry's log", err=True)


@users.command(help="End all logins of a user, who may log in again.")
@click.argument("name")
@_operating
def kick(registry: "OperatedRegistry", name: str) -> None:
    """Run `p2p users kick`."""
    from p2pchat.cli.serve.registry_access import change

    def end_tokens(username: str) -> bool:
        if registry.accounts.standing(username) is None:
            return False
        registry.accounts.revoke_tokens(username, None)
        return True

    change(registry, name, end_tokens, "is logged out", log_out=True)
