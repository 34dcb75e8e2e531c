"""Run the account's node, which the user's other commands then use."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from random import Random
from typing import Final

from p2pchat.app.hook_env import hooks_of
from p2pchat.app.node_log import logged
from p2pchat.app.node_options import NodeOptions
from p2pchat.app.running_node import control_path, hold_place
from p2pchat.app.session import UserSession
from p2pchat.app.settings import Settings
from p2pchat.client.clients import Clients
from p2pchat.client.listener import NodeListener
from p2pchat.client.local_client import LocalClient
from p2pchat.errors import P2PError, StorageError
from p2pchat.net.worker import ThreadWorker, Worker
from p2pchat.peer.chat.overdue import OverdueLines
from p2pchat.peer.chat.scheduled_delivery import ScheduledDelivery
from p2pchat.peer.node import Node
from p2pchat.peer.registry_client.credentials import Credentials
from p2pchat.peer.store.indexing import Indexing
from p2pchat.peer.store.retention import Retention
from p2pchat.protocol.client.events import Event, RegistryTrusted, Trouble
from p2pchat.protocol.client.messages import Hello

_LONGEST_END_S: Final = 2.0
"""Seconds to wait at the end for each thread after its connection was stopped."""


@contextmanager
def local_node(
    settings: Settings,
    us: UserSession,
    credentials: Credentials,
    options: NodeOptions,
    *,
    wait_for_registry: bool = False,
    place: NodeListener | None = None,
    on_give_way: Callable[[], None] | None = None,
) -> Iterator[Clients]:
    """Yield the clients of the account's node; start and stop it within the context.

    `place` is passed if it is already held. `on_give_way` ends a node that runs only briefly. Raise
    AlreadyOnline if another process is the account's node.
    """
    if place is None:
        place = hold_place(us.loop, control_path(settings, us, credentials.username))
    with closing(place) as listener, ExitStack() as stack:
        clients = Clients(us.loop)
        clients.on_give_way = on_give_way
        stack.enter_context(logged(settings))
        file_worker = ThreadWorker(us.loop, threads=2 * options.files.at_once + 1)
        stack.callback(file_worker.close, _LONGEST_END_S)
        node = make_node(
            us,
            credentials,
            clients.on_event,
            options,
            file_worker,
            wait_for_registry=wait_for_registry,
        )
        clients.serve(node)
        if settings.hooks:
            _run_hooks(stack, settings, us, clients)
        listener.serve(clients)
        yield clients


@contextmanager
def whole_node(
    settings: Settings,
    us: UserSession,
    credentials: Credentials,
    options: NodeOptions,
    *,
    wait_for_registry: bool = True,
) -> Iterator[Clients]:
    """Yield the clients of a lasting node, including its periodic work.

    Lines older than the options' `keep_days` are deleted. See `local_node`.
    """
    with ExitStack() as stack:
        clients = stack.enter_context(
            local_node(
                settings,
                us,
                credentials,
                options,
                wait_for_registry=wait_for_registry,
            )
        )

        def failed(error: StorageError) -> None:
            clients.on_event(Trouble(error))

        if options.keep_days is not None:
            retention = Retention(us.loop, us.history, options.keep_days, failed)
            stack.enter_context(closing(retention))
        stack.enter_context(closing(Indexing(us.loop, us.history, failed)))
        stack.enter_context(closing(OverdueLines(us.loop, us.history, clients.on_event)))
        outbox = clients.node.conversations.outbox
        delivery = ScheduledDelivery(us.loop, us.schedule, us.history, outbox, clients.on_event)
        stack.enter_context(closing(delivery))
        yield clients


def _run_hooks(stack: ExitStack, settings: Settings, us: UserSession, clients: Clients) -> None:
    """Run the hooks of the settings as a client of the node."""

    def in_trouble(error: P2PError) -> None:
        us.loop.call_soon(lambda: clients.on_event(Trouble(error)))

    hooks = stack.enter_context(hooks_of(settings, us, in_trouble))
    client = stack.enter_context(closing(LocalClient(us.loop, clients, Hello(follow=True))))
    client.on_event = hooks.on_event
    client.begin()


def make_node(
    us: UserSession,
    credentials: Credentials,
    on_event: Callable[[Event], None],
    options: NodeOptions,
    file_worker: Worker,
    *,
    wait_for_registry: bool = False,
) -> Node:
    """Create a node that passes its events to the function."""

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
        file_worker=file_worker,
        files_policy=options.files,
        peer_host=options.peer_host,
        peer_port=options.peer_port,
        limits=options.limits,
        keep_history=options.keep_history,
        wait_for_registry=wait_for_registry,
    )
