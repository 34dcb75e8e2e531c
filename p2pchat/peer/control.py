"""The control socket of a running node: other commands of the same person use it, not a login.

One node an account: the lock beside the socket is held by the process that is its node.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

from p2pchat.errors import P2PError, UsageError
from p2pchat.net.link import Link
from p2pchat.net.local import LocalListener
from p2pchat.net.loop import Loop
from p2pchat.net.transport import Wire
from p2pchat.peer.control_client import control_link
from p2pchat.peer.delivery import Delivery, Queue
from p2pchat.peer.events import Event
from p2pchat.peer.node import Node
from p2pchat.private_files import lock_private
from p2pchat.protocol.control import (
    Cancel,
    Cancelled,
    Find,
    FindResult,
    Retry,
    Send,
    Sent,
    Status,
    StatusResult,
)
from p2pchat.protocol.messages import Message, SearchResult
from p2pchat.protocol.screen import Attach, AttachProgram
from p2pchat.protocol.states import Speaker

OnAttach = Callable[[Link, Attach | AttachProgram, Callable[[], None]], None]
"""Takes the link of what attaches, and what to call when it is done with it."""


class ControlServer:
    """Hold the account's place, and serve other commands; feed it the node's events.

    Raises UsageError where another process is the account's node.
    """

    def __init__(self, loop: Loop, path: Path) -> None:
        self._loop = loop
        self._lock = _hold(path.with_suffix(".lock"))
        self._node: Node | None = None
        self._on_attach: OnAttach | None = None
        self._links: set[Link] = set()
        self._deliveries: set[Delivery] = set()
        try:
            self._listener = LocalListener(loop, path, self._came)
        except P2PError:
            self._lock.close()
            raise

    def serve(self, node: Node, on_attach: OnAttach) -> None:
        """Serve this node from now on; `on_attach` takes the links of screens that come."""
        self._node = node
        self._on_attach = on_attach

    def on_event(self, event: Event) -> None:
        """Take what the node tells."""
        for delivery in tuple(self._deliveries):
            delivery.on_event(event)

    def close(self) -> None:
        """Serve no more, and let another process be the node."""
        self._listener.close()
        for link in tuple(self._links):
            link.close()
        self._lock.close()

    def _came(self, transport: Wire) -> None:
        link = control_link(self._loop, transport, Speaker.LISTENER)
        self._links.add(link)
        link.on_message = partial(self._asked, link)
        link.on_closed = partial(self._gone, link)

    def _gone(self, link: Link, _: P2PError | None = None) -> None:
        self._links.discard(link)

    def _asked(self, link: Link, request: Message) -> None:
        node = self._node
        assert node is not None
        match request:
            case Send(contact, texts, wait):
                queue = partial(node.conversations.outbox.queue, contact, texts)
                self._deliver(link, node, contact, queue, wait)
            case Retry(contact, wait):
                queue = partial(node.conversations.outbox.queue_again, contact)
                self._deliver(link, node, contact, queue, wait)
            case Cancel(contact):
                try:
                    link.send(Cancelled(node.conversations.outbox.cancel(contact)))
                except P2PError as error:
                    link.send(Cancelled(0, error.what))
            case Attach() | AttachProgram() if self._on_attach is not None:
                self._on_attach(link, request, partial(self._gone, link))
            case Find(username):
                node.registry.search(
                    username,
                    lambda r: link.send(_found(r)),
                    lambda error: link.send(FindResult(None, why=error.what)),
                )
            case Status():
                link.send(
                    StatusResult(
                        node.username,
                        str(node.url),
                        node.standing.value,
                        tuple(node.conversations.online_contacts),
                        node.history.unread(),
                        node.history.waiting(),
                        node.conversations.links,
                        self._loop.contained,
                    )
                )
            case _:
                raise AssertionError(request)

    def _deliver(self, link: Link, node: Node, contact: str, queue: Queue, wait: float) -> None:
        def done(error: P2PError | None) -> None:
            self._deliveries.discard(delivery)
            link.send(_sent(error))

        try:
            delivery = Delivery(self._loop, node, contact, queue, wait, done)
        except P2PError as error:
            link.send(_sent(error))
            return
        self._deliveries.add(delivery)


def _sent(error: P2PError | None) -> Sent:
    if error is None:
        return Sent(0)
    return Sent(error.exit_code, error.what, error.likely, error.advice)


def _found(result: SearchResult) -> FindResult:
    return FindResult(result.presence, result.host, result.port)


def _hold(file: Path) -> IO[bytes]:
    lock = lock_private(file)
    if lock is None:
        raise UsageError(
            "you are online already, in another process",
            likely="p2p login is running in another terminal, or p2p login --headless",
            advice="p2p send, p2p search and p2p status use it; or leave it first",
        )
    return lock
