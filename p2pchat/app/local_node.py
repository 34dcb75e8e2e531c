"""Run the account's node, which the user's other commands then use."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from random import Random

from p2pchat.app.hook_env import hooks_of
from p2pchat.app.node_log import logged
from p2pchat.app.running_node import control_path, hold_place
from p2pchat.app.session import UserSession
from p2pchat.app.settings import Settings
from p2pchat.errors import P2PError, UsageError
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.control.server import ControlServer
from p2pchat.peer.events import Event, RegistryTrusted, Trouble
from p2pchat.peer.node import Node
from p2pchat.peer.registry_client.credentials import Credentials
from p2pchat.protocol.screen import Attach, AttachProgram, Detached
from p2pchat.ui.remote.program import RemoteProgram
from p2pchat.ui.remote.screen import RemoteScreen
from p2pchat.ui.screen.screens import Listening, Screens, Watcher


@contextmanager
def local_node(
    settings: Settings,
    us: UserSession,
    credentials: Credentials,
    watcher: Watcher,
    *,
    peer_host: str | None = None,
    peer_port: int = 0,
    limits: PeerLimits = PeerLimits(),  # noqa: B008  # a frozen value
    keep_history: bool = True,
    wait_for_registry: bool = False,
    place: ControlServer | None = None,
    on_give_way: Callable[[], None] | None = None,
) -> Iterator[Node]:
    """Run the account's node, which other commands then use. Raise AlreadyOnline if another is
    running.

    `place`: it is held already. `on_give_way` ends a node that is there for a moment only. Where it
    tells its events to `Screens`, those of other processes may join them.
    """
    if place is None:
        place = hold_place(us.loop, control_path(settings, us, credentials.username))
    with closing(place) as control, ExitStack() as stack:
        listeners = Screens(us.loop)
        listeners.add(watcher)
        listeners.add(Listening(control.on_event))

        def in_trouble(error: P2PError) -> None:
            us.loop.call_soon(lambda: listeners.on_event(Trouble(error)))

        if settings.hooks:
            listeners.add(stack.enter_context(hooks_of(settings, us, in_trouble)))
        stack.enter_context(logged(settings))
        node = make_node(
            us,
            credentials,
            listeners.on_event,
            peer_host=peer_host,
            peer_port=peer_port,
            limits=limits,
            keep_history=keep_history,
            wait_for_registry=wait_for_registry,
        )
        control.serve(node, partial(_attach, us.loop, node, watcher), on_give_way)
        yield node


def make_node(
    us: UserSession,
    credentials: Credentials,
    on_event: Callable[[Event], None],
    *,
    peer_host: str | None = None,
    peer_port: int = 0,
    limits: PeerLimits = PeerLimits(),  # noqa: B008  # a frozen value
    keep_history: bool = True,
    wait_for_registry: bool = False,
) -> Node:
    """Make a node that tells its events to the function."""

    def on_first_use(fingerprint: str) -> None:
        on_event(RegistryTrusted(str(us.url), fingerprint))

    return Node(
        us.loop,
        us.network,
        us.dialer(on_first_use),
        credentials,
        profile=us.profile,
        on_event=on_event,
        rng=Random(),
        peer_host=peer_host,
        peer_port=peer_port,
        limits=limits,
        keep_history=keep_history,
        wait_for_registry=wait_for_registry,
    )


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
