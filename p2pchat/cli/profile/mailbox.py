"""`p2p mailbox`: whether contacts may leave messages for you, and what you have left for them."""

from typing import TYPE_CHECKING

import click

from p2pchat.app.settings import Settings
from p2pchat.cli import options
from p2pchat.cli.echo import echo, echo_json

if TYPE_CHECKING:
    from p2pchat.protocol.client.orders import MailboxStatus


@click.group(
    invoke_without_command=True,
    help="""Show your mailbox, and what waits in those of contacts.

    \b
    p2p mailbox
    p2p mailbox off
    p2p mailbox on

    If its operator allows it, your registry keeps messages for you while you are offline. They are
    encrypted, and only your contacts can leave some. They arrive at your next login.
    """,
)
@options.registry
@options.me
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def mailbox(ctx: click.Context, registry: str | None, me: str | None, as_json: bool) -> None:
    """Run `p2p mailbox`."""
    ctx.obj = (ctx.obj, registry, me, as_json)
    if ctx.invoked_subcommand is None:
        _show(*ctx.obj)


@mailbox.command("on", help="Let contacts leave messages for you (the default).")
@click.pass_obj
def turn_on(given: tuple[Settings, str | None, str | None, bool]) -> None:
    """Run `p2p mailbox on`."""
    _turn(*given, on=True)


@mailbox.command("off", help="Let nobody leave messages for you; what is there still arrives.")
@click.pass_obj
def turn_off(given: tuple[Settings, str | None, str | None, bool]) -> None:
    """Run `p2p mailbox off`."""
    _turn(*given, on=False)


def _turn(
    settings: Settings, registry: str | None, me: str | None, as_json: bool, *, on: bool
) -> None:
    from p2pchat.app.own_mailbox import mailbox as own_mailbox
    from p2pchat.protocol.client.objects import mailbox_object

    status = own_mailbox(settings, registry, me, on=on)
    if as_json:
        echo_json(mailbox_object(status))
    elif status.kept is None:
        echo(
            f"your mailbox is {'on' if on else 'off'} from your next p2p login on: the registry"
            " cannot be told now"
        )
    else:
        echo(_sentence(status))


def _show(settings: Settings, registry: str | None, me: str | None, as_json: bool) -> None:
    from p2pchat.app.own_mailbox import mailbox as own_mailbox
    from p2pchat.protocol.client.objects import mailbox_object
    from p2pchat.protocol.counting import counted
    from p2pchat.wall_clock import local_minute

    status = own_mailbox(settings, registry, me, on=None)
    if as_json:
        echo_json(mailbox_object(status))
        return
    echo(_sentence(status))
    if status.waiting:
        echo("messages wait there for you; they come at your next p2p login")
    if status.unreadable:
        echo(f"unreadable, and deleted: {status.unreadable}; their senders leave them again")
    for one in status.left:
        until = local_minute(one.until * 1000)
        if status.kept is False:
            echo(f"{counted(one.lines)} to {one.username} will be queued again at your next login")
        else:
            echo(f"left for {one.username}: {counted(one.lines)}, kept until {until}")


def _sentence(status: "MailboxStatus") -> str:
    if not status.on:
        return "your mailbox is off: nobody can leave messages for you"
    if status.kept is None:
        return "your mailbox is on; whether the registry keeps one is not known now"
    if not status.kept:
        return "your registry keeps no mailboxes; its operator can: p2p serve --mailbox SIZE"
    return "your mailbox is on: contacts can leave messages for you while you are offline"
