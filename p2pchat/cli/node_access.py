"""A command's way to the person's node: the one that runs, else one of its own for a moment."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from p2pchat.cli.hook_runs import hooks_of
from p2pchat.cli.our_side import OurSide, our_side
from p2pchat.cli.settings import Settings, make_folder
from p2pchat.errors import ContactOffline, NoSuchUser, P2PError, Unreachable, UsageError
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.peer.control import ControlClient, ControlServer, socket_of
from p2pchat.peer.credentials import Credentials
from p2pchat.peer.delivery import Delivery
from p2pchat.peer.events import Event, LoggedIn, LoginFailed, Trouble
from p2pchat.peer.limits import PeerLimits
from p2pchat.peer.node import Node
from p2pchat.protocol.control import (
    Find,
    FindResult,
    Send,
    Sent,
    Status,
    StatusResult,
)
from p2pchat.protocol.screen import Attach, AttachProgram, Detached
from p2pchat.ui.remote_program import RemoteProgram
from p2pchat.ui.remote_screen import RemoteScreen
from p2pchat.ui.screens import Listening, Screens, Watcher

_TEXTS_AT_ONCE: Final = 16
"""In one request, which must fit into a frame however their characters are escaped."""


def control_path(settings: Settings, us: OurSide, username: str) -> Path:
    """Give where the account's node listens."""
    make_folder(settings.run_folder)
    return socket_of(settings.run_folder, str(us.url), username)


@contextmanager
def running_node(settings: Settings, us: OurSide, username: str) -> Iterator[ControlClient | None]:
    """Give the way to the account's node; None where none is running."""
    with ExitStack() as stack:
        client = None
        with suppress(Unreachable):
            client = ControlClient(us.loop, control_path(settings, us, username))
            stack.callback(client.close)
        yield client


@contextmanager
def node_of_ours(
    settings: Settings,
    us: OurSide,
    credentials: Credentials,
    watcher: Watcher,
    *,
    peer_host: str | None = None,
    peer_port: int = 0,
    limits: PeerLimits = PeerLimits(),  # noqa: B008  # a frozen value
    keep_history: bool = True,
) -> Iterator[Node]:
    """Be the account's node, which other commands then use; raises UsageError if another is.

    Where it tells its events to `Screens`, those of other processes may join them.
    """
    path = control_path(settings, us, credentials.username)
    with closing(ControlServer(us.loop, path)) as control, ExitStack() as stack:

        def told(event: Event) -> None:
            watcher.on_event(event)
            control.on_event(event)
            if hooks is not None:
                hooks.on_event(event)

        def in_trouble(error: P2PError) -> None:
            us.loop.call_soon(lambda: told(Trouble(error)))

        hooks = stack.enter_context(hooks_of(settings, us, in_trouble)) if settings.hooks else None

        node = us.node(
            credentials,
            told,
            peer_host=peer_host,
            peer_port=peer_port,
            limits=limits,
            keep_history=keep_history,
        )
        control.serve(node, partial(_attach, us.loop, node, watcher))
        yield node


def _attach(
    loop: Loop,
    node: Node,
    watcher: Watcher,
    link: Link,
    request: Attach | AttachProgram,
    on_done: Callable[[], None],
) -> None:
    if isinstance(watcher, Screens):
        if isinstance(request, AttachProgram):
            RemoteProgram(loop, link, request, node, watcher, on_done)
        else:
            RemoteScreen(loop, link, request, node, watcher, on_done)
    else:
        what = "another command of yours is online for a moment"
        link.send(Detached(UsageError.exit_code, what, advice="try again"))
        link.close()
        on_done()


def deliver(
    settings: Settings,
    registry: str | None,
    me: str | None,
    contact: str,
    texts: tuple[str, ...],
    wait: float,
) -> tuple[int, str]:
    """Say the texts; give the exit code of `p2p send`, and why it is not 0.

    Raises NoSuchUser, with whoever was meant.
    """
    with our_side(settings, registry) as us:
        if not us.url.secure:
            raise UsageError(
                "the original dialect acknowledges nothing", advice=f"p2p chat {contact}"
            )
        username, contact = us.who_am_i(me), us.named(contact)
        with running_node(settings, us, username) as running:
            if running is not None:
                exit_code, why = _have_delivered(running, contact, texts, wait)
            else:
                exit_code, why = _deliver_ourselves(settings, us, username, contact, texts, wait)
        if exit_code == NoSuchUser.exit_code:
            raise NoSuchUser(why, likely=us.meant(contact))
        return exit_code, why


def _have_delivered(
    running: ControlClient, contact: str, texts: tuple[str, ...], wait: float
) -> tuple[int, str]:
    """Have the node say them, some at a time; what cannot be acknowledged now is not waited for."""
    exit_code, why = 0, ""
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        some = texts[start : start + _TEXTS_AT_ONCE]
        answer = running.ask(Send(contact, some, 0.0 if exit_code else wait))
        assert isinstance(answer, Sent)
        if answer.exit_code:
            exit_code, why = answer.exit_code, answer.why
        if answer.exit_code not in {0, ContactOffline.exit_code}:
            break
    return exit_code, why


def search_by_node(
    settings: Settings, us: OurSide, username: str, wanted: str
) -> FindResult | None:
    """Ask where somebody is through the running node; None where none is."""
    with running_node(settings, us, username) as running:
        if running is None:
            return None
        answer = running.ask(Find(wanted))
        assert isinstance(answer, FindResult)
        return answer


def ask_status(settings: Settings, registry: str | None, me: str | None) -> dict[str, object]:
    """Give what `p2p status` tells."""
    with our_side(settings, registry) as us:
        username = us.who_am_i(me)
        with running_node(settings, us, username) as running:
            if running is not None:
                answer = running.ask(Status())
                assert isinstance(answer, StatusResult)
                return {
                    "user": answer.username,
                    "registry": answer.registry,
                    "standing": answer.standing,
                    "online": list(answer.online),
                    "unread": answer.unread,
                    "waiting": answer.waiting,
                    "links": answer.links,
                }
        history = us.history
        return {
            "user": username,
            "registry": str(us.url),
            "standing": None,
            "online": [],
            "unread": history.unread(),
            "waiting": history.waiting(),
            "links": {},
        }


def _deliver_ourselves(
    settings: Settings,
    us: OurSide,
    username: str,
    contact: str,
    texts: tuple[str, ...],
    wait: float,
) -> tuple[int, str]:
    results: list[tuple[int, str]] = []
    errors: list[P2PError] = []
    deliveries: list[Delivery] = []

    def on_event(event: Event) -> None:
        match event:
            case LoggedIn():
                us.loop.call_soon(begin)
            case LoginFailed(error):
                errors.append(error)
            case _:
                pass
        for delivery in deliveries:
            delivery.on_event(event)

    def begin() -> None:
        def done(exit_code: int, why: str) -> None:
            results.append((exit_code, why))

        deliveries.append(Delivery(us.loop, node, contact, texts, wait, done))

    credentials = us.credentials(username, settings.password)
    with node_of_ours(settings, us, credentials, Listening(on_event)) as node:
        try:
            node.start()
            us.loop.run_until(lambda: bool(results or errors))
        finally:
            node.stop()
    if errors:
        raise errors[0]
    return results[0]
