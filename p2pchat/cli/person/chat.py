"""`p2p login` and `p2p chat`: be online and chat."""

import sys
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from p2pchat.app.settings import Settings, private_folder
from p2pchat.app.terminal import is_terminal
from p2pchat.cli import options
from p2pchat.cli.node_options import node_maker, node_options, refuse_node_options
from p2pchat.errors import ContactOffline, NodeEnded, Unreachable, UsageError

if TYPE_CHECKING:
    from p2pchat.app.run import AtPrompt, Talk, UsedNode
    from p2pchat.app.session import UserSession
    from p2pchat.client.client import Client

_PLAIN = click.option("--plain", is_flag=True, help="Use plain lines instead of the prompt.")


_JSON = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="For programs: write events and read orders, one JSON object per line.",
)

_SEEN = click.option(
    "--seen",
    is_flag=True,
    help="With --json: start with unread messages, and mark printed ones as seen.",
)


def _screen_options(command: Callable[..., Any]) -> Callable[..., Any]:
    return options.registry(_PLAIN(_JSON(_SEEN(node_options(command)))))


@click.command(
    help="""Go online as USER (default: the account used last), with a prompt.

    \b
    p2p login alice
    p2p login --registry 'p2p://chat.example.org#FINGERPRINT'
    p2p login --json < orders

    Type /help there. Without a terminal, or with --plain, it uses plain lines. If USER is already
    online on this machine, it attaches another screen.
    """
)
@click.argument("user", required=False)
@click.option("--headless", is_flag=True, help="Run without a screen, for systemd or p2p send.")
@_screen_options
@click.pass_context
def login(ctx: click.Context, /, user: str | None, **how: Any) -> None:
    """Run `p2p login`."""
    _be_online(ctx, user, call=None, **how)


@click.command(
    help="""Chat with USER until you leave.

    \b
    p2p chat bob
    p2p chat bob --as alice
    echo "dinner is ready" | p2p chat bob

    If p2p login is already running, its node is used, and stays online.

    Exit code: 5 no such user, 6 offline, 7 rejected, 8 busy, 10 not trusted.
    """
)
@click.argument("user", shell_complete=options.known_names)
@options.me
@click.option("--in-clear", is_flag=True, help="Call a user of the original system, unencrypted.")
@_screen_options
@click.pass_context
def chat(ctx: click.Context, /, user: str, me: str | None, **how: Any) -> None:
    """Run `p2p chat`."""
    _be_online(ctx, me, call=user, **how)


def _check_together(*, as_json: bool, seen: bool, headless: bool) -> None:
    if seen and not as_json:
        raise UsageError("--seen needs --json", likely="at a prompt, messages are seen when shown")
    if as_json and headless:
        raise UsageError(
            "--headless reads no orders and shows no messages",
            advice="run p2p login --headless, and p2p listen --json beside it",
        )


def _at_prompt(settings: Settings, us: "UserSession", username: str) -> "AtPrompt":
    from p2pchat.app.run import AtPrompt
    from p2pchat.client.socket_client import socket_of

    private_folder(settings.state_home)
    account = socket_of(settings.state_home, str(us.url), username).stem
    drafts_file = settings.state_home / f"drafts-{account}.json"
    return AtPrompt(settings.input_history_file, drafts_file, settings.look)


def _raise_what_became(us: "UserSession", contact: str | None, talk: "Talk") -> None:
    """Raise the error that ended a chat; if its node ended, first check which lines are on disk."""
    from p2pchat.protocol.counting import counted

    error, untold = talk.error, talk.untold
    if error is None:
        return
    if not isinstance(error, NodeEnded) or contact is None:
        raise error
    kept = us.history.lines(contact, since=untold.since)
    said = Counter(untold.said) - Counter(line.text for line in kept if line.outgoing)
    unsaid = said.total() + len(untold.waiting)
    if unsaid:
        raise Unreachable(
            f"{error.what}, and {counted(unsaid, 'line', 'was', 'were')} not sent",
            likely=error.likely,
            advice=error.advice,
        )
    waiting = us.history.waiting().get(contact, 0)
    if waiting:
        raise ContactOffline(
            f"{error.what}; {counted(waiting, 'line', 'waits', 'wait')} until you are both online",
            likely=error.likely,
            advice="p2p outbox",
        )
    if not untold.complete:
        raise error


def _be_online(
    ctx: click.Context,
    me: str | None,
    *,
    call: str | None,
    registry: str | None,
    plain: bool,
    as_json: bool,
    seen: bool,
    in_clear: bool = False,
    headless: bool = False,
    **how_the_node_is: Any,
) -> None:
    """Attach a screen to the account's running node; if none is running, run the node here."""
    from p2pchat.app.run import (
        Following,
        converse,
        follow,
        other_node,
        own_node,
        screen_hello,
        stay_online,
    )
    from p2pchat.app.running_node import at_a_node
    from p2pchat.app.session import open_session
    from p2pchat.ui.screen.call import Call

    _check_together(as_json=as_json, seen=seen, headless=headless)
    settings: Settings = ctx.obj
    terminal = is_terminal(sys.stdin) and is_terminal(sys.stdout)
    with open_session(settings, registry) as us:
        username = us.own_account(me)
        contact = None if call is None else us.contact_named(call, me, in_clear=in_clear)
        to_call = None if contact is None else Call(contact, in_clear)
        following = Following(seen=seen) if as_json else None
        wants_prompt = terminal and not plain and not as_json and not settings.dumb_terminal
        at_prompt = _at_prompt(settings, us, username) if wants_prompt else None

        hello = following.hello if following is not None else screen_hello(at_prompt)

        def talk_at(node: "UsedNode") -> "Talk":
            if following is not None:
                return follow(node, us.loop, to_call, following)
            return converse(node, us.loop, to_call, at_prompt)

        def use(client: "Client") -> "Talk":
            refuse_node_options(ctx)
            return talk_at(other_node(client))

        def be_the_node() -> "Talk":
            make_node = node_maker(settings, us, username, **how_the_node_is)
            return talk_at(own_node(make_node, us.loop, hello))

        if headless:
            stay_online(node_maker(settings, us, username, **how_the_node_is), us.loop)
            return
        talk = at_a_node(us.loop, settings, us, username, hello, use, be_the_node)
        _raise_what_became(us, contact, talk)
    ctx.exit(talk.exit_code)
