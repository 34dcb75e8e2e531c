"""`p2p demo`: try everything on this machine, leaving nothing behind."""

import sys

import click

from p2pchat.app.terminal import is_terminal


@click.command(
    help="""Try p2pchat: a registry on this machine, a robot to chat with, and you at the prompt.

    Without a terminal it prints a short scripted conversation. It leaves nothing behind.
    """
)
@click.pass_context
def demo(ctx: click.Context) -> None:
    """Run `p2p demo`."""
    from p2pchat.cli.person.demo_setup import chat_with_robot, hold_conversation

    if is_terminal(sys.stdin) and is_terminal(sys.stdout):
        ctx.exit(chat_with_robot(ctx.obj.look))
    ctx.exit(hold_conversation())
