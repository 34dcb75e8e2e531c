"""The control socket of a running node: other commands of the same person use it, not a login.

One node an account: the lock beside the socket is held by the process that is its node.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

from p2pchat.errors import AlreadyOnline, P2PError, StorageError, TimedOut
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.net.transport import Wire
from p2pchat.net.unix_socket import UnixListener
from p2pchat.peer.control.client import control_link, lock_of, process_at
from p2pchat.peer.control.delivery import Delivery, Queue
from p2pchat.peer.events import Event
from p2pchat.peer.node import Node
from p2pchat.peer.store.lines import now_ms
from p2pchat.private_files import lock_private
from p2pchat.protocol.control import (
    Cancel,
    Cancelled,
    Find,
    FindResult,
    GivenWay,
    GiveWay,
    Retry,
    Send,
    Sent,
    Status,
    StatusResult,
    Trusted,
    TrustedResult,
)
from p2pchat.protocol.messages import Message, SearchResult
from p2pchat.protocol.screen import Attach, AttachProgram
from p2pchat.protocol.states import Speaker

OnAttach = Callable[[Link, Attach | AttachProgram, Callable[[], None]], None]
"""Takes the link of what attaches, and what to call when it is done with it."""


class ControlServer:
    """Hold the account's place, and serve other commands; feed it the node's events.

    Raise AlreadyOnline if another process is the account's node.
    """

    def __init__(self, loop: Loop, path: Path) -> None:
        self._loop = loop
        self._lock = _hold(lock_of(path))
        self._node: Node | None = None
        self._on_attach: OnAttach | None = None
        self._on_give_way: Callable[[], None] | None = None
        self._links: set[Link] = set()
        self._deliveries: set[Delivery] = set()
        try:
            self._listener = UnixListener(loop, path, self._came)
        except P2PError:
            self._lock.close()
            raise

    def serve(
        self, node: Node, on_attach: OnAttach, on_give_way: Callable[[], None] | None
    ) -> None:
        """Serve this node from now on; `on_attach` takes the links of screens that come.

        `on_give_way` ends a node that is there for a moment only, so that another can be it.
        """
        self._node = node
        self._on_attach = on_attach
        self._on_give_way = on_give_way

    def on_event(self, event: Event) -> None:
        """Handle an event of the node."""
        for delivery in tuple(self._deliveries):
            delivery.on_event(event)

    def close(self) -> None:
        """Stop serving, and let another process run the node; harmless a second time."""
        if self._lock.closed:
            return
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
            case Send() | Retry():
                self._deliver(link, node, request)
            case Cancel(contact):
                try:
                    link.send(Cancelled(node.conversations.outbox.cancel(contact)))
                except P2PError as error:
                    link.send(Cancelled(0, error.what))
            case Trusted(contact):
                try:
                    link.send(TrustedResult(node.key_changed(contact)))
                except P2PError as error:
                    link.send(TrustedResult(0, error.what))
            case Find(username):
                node.registry.search(
                    username,
                    lambda r: link.send(_found(r)),
                    lambda error: link.send(FindResult(None, why=error.what)),
                )
            case Status():
                link.send(self._status(node))
            case _:
                self._asked_for_our_place(link, request)

    def _asked_for_our_place(self, link: Link, request: Message) -> None:
        match request:
            case GiveWay():
                link.send(GivenWay(self._on_give_way is not None))
                if self._on_give_way is not None:
                    self._on_give_way()
            case Attach() | AttachProgram() if self._on_attach is not None:
                self._on_attach(link, request, partial(self._gone, link))
            case _:
                raise AssertionError(request)

    def _status(self, node: Node) -> StatusResult:
        return StatusResult(
            node.username,
            str(node.url),
            node.standing.value,
            tuple(node.conversations.online_contacts),
            node.history.unread(),
            node.history.waiting(),
            node.conversations.links,
            self._loop.contained,
        )

    def _deliver(self, link: Link, node: Node, request: Send | Retry) -> None:
        outbox = node.conversations.outbox
        queue: Queue = partial(outbox.queue_again, request.contact)
        if isinstance(request, Send):
            queue = partial(outbox.queue, request.contact, request.texts, ids=request.ids)

        def done(error: P2PError | None) -> None:
            self._deliveries.discard(delivery)
            link.send(_sent(error))

        if now_ms() > request.expires_at:
            link.send(_sent(TimedOut("the order came too late")))
            return
        try:
            delivery = Delivery(self._loop, node, request.contact, queue, request.wait, done)
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
    """Return the lock, in which stands who holds it."""
    try:
        lock = lock_private(file)
    except OSError as error:
        raise StorageError(
            f"{file} cannot be written: {error.strerror}",
            likely="its folder or file system is read-only, or another user's",
            advice="set P2P_HOME to a folder of yours",
        ) from error
    if lock is None:
        raise AlreadyOnline(process_at(file))
    lock.truncate()
    lock.write(str(os.getpid()).encode())
    lock.flush()
    return lock
