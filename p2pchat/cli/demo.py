"""`p2p demo`: everything on this machine, alone, leaving nothing behind."""

import signal
import sys

import click

from p2pchat.cli.options import is_terminal
from p2pchat.cli.settings import Settings


@click.command()
@click.pass_obj
def demo(settings: Settings) -> None:
    """Try it: a registry on this machine, a robot to talk to, and you at the prompt.

    Without a terminal it holds a short conversation by itself and prints it. It leaves nothing
    behind.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):  # to leave nothing behind then either
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    from p2pchat.cli.demo_stage import chat_with_robot, hold_conversation

    if is_terminal(sys.stdin) and is_terminal(sys.stdout):
        chat_with_robot(settings.look)
    else:
        hold_conversation()
