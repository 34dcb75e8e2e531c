"""The control socket of a running node, for clients in other processes of the same user.

One account has one node: that process holds the lock beside the socket.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Final

from msgspec.structs import replace

from p2pchat.client.clients import Clients
from p2pchat.client.session import ClientSession
from p2pchat.client.socket_client import control_link, lock_of, process_at
from p2pchat.errors import (
    AlreadyOnline,
    LocalProtocolError,
    P2PError,
    StorageError,
    UsageError,
)
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop, Timer
from p2pchat.net.transport import Wire
from p2pchat.net.unix_socket import UnixListener
from p2pchat.private_files import lock_private
from p2pchat.protocol.client.failure import failure_of
from p2pchat.protocol.client.messages import VERSION, Alive, Answered, Bye, Hello
from p2pchat.protocol.messages import Message
from p2pchat.protocol.states import Speaker

_SIGN_EVERY: Final = 3.0
"""Seconds; a client treats the node as hung after missing a few signs of life."""


class NodeListener:
    """Reserves the account for this process, and accepts clients once `serve` is called.

    Raise AlreadyOnline if another process is the account's node.
    """

    def __init__(self, loop: Loop, path: Path) -> None:
        self._loop = loop
        self._lock = _hold(lock_of(path))
        self._clients: Clients | None = None
        self._early: list[tuple[Link, Hello]] = []
        self._ends: set[_RemoteEnd] = set()
        try:
            self._listener = UnixListener(loop, path, self._came)
        except P2PError:
            self._lock.close()
            raise

    def serve(self, clients: Clients) -> None:
        """Serve this node's clients from now on."""
        self._clients = clients
        early, self._early = self._early, []
        for link, hello in early:
            if link.open:
                self._greeted(link, hello)

    def close(self) -> None:
        """Stop serving, and let another process be the node; may be called again."""
        if self._lock.closed:
            return
        self._listener.close()
        for end in tuple(self._ends):
            end.close()
        for link, _ in self._early:
            link.close()
        self._lock.close()

    def _came(self, transport: Wire) -> None:
        link = control_link(self._loop, transport, Speaker.LISTENER)
        link.on_message = partial(self._greeted, link)

    def _greeted(self, link: Link, hello: Message) -> None:
        assert isinstance(hello, Hello)
        if hello.protocol != VERSION:
            link.send(Bye(failure_of(_other_version(hello.protocol))))
            link.close()
        elif self._clients is None:
            self._early.append((link, hello))
        else:
            try:
                end = _RemoteEnd(self._loop, self._clients, hello, link, self._ends.discard)
            except P2PError as error:
                link.send(Bye(failure_of(error)))
                link.close()
            else:
                self._ends.add(end)


class _RemoteEnd:
    """The session of a client in another process, until its link ends."""

    def __init__(
        self,
        loop: Loop,
        clients: Clients,
        hello: Hello,
        link: Link,
        on_gone: Callable[["_RemoteEnd"], None],
    ) -> None:
        self._loop = loop
        self._link = link
        self._on_gone = on_gone
        self._sign: Timer | None = None
        self._session = ClientSession(loop, clients, hello, self._send)
        link.send(self._session.welcome())
        link.on_message = self._session.hear
        link.on_closed = lambda _: self._gone()
        if hello.follow:
            self._give_sign()

    def close(self) -> None:
        """End the session, because the node ends."""
        self._session.close()
        self._link.send(Bye())
        self._link.close()
        self._gone()

    def _send(self, message: Message) -> None:
        try:
            self._link.send(message)
        except LocalProtocolError:
            if not isinstance(message, Answered):
                raise
            failure = failure_of(
                P2PError(
                    "the answer is too long", likely="it lists too much", advice="ask for less"
                )
            )
            self._link.send(replace(message, result=None, failure=failure))

    def _give_sign(self) -> None:
        """Send a sign of life every few seconds."""
        self._sign = self._loop.call_later(_SIGN_EVERY, self._give_sign)
        self._link.send(Alive())

    def _gone(self) -> None:
        if self._sign is not None:
            self._sign.cancel()
        self._session.close()
        self._on_gone(self)


def _other_version(theirs: int) -> UsageError:
    return UsageError(
        f"your node speaks version {VERSION} of its clients' protocol, and this command {theirs}",
        likely="the node was started before p2pchat was replaced",
        advice="restart it: p2p login",
    )


def _hold(file: Path) -> IO[bytes]:
    """Lock the file and write our process id into it; return it.

    Raise AlreadyOnline if another process holds it, StorageError if it cannot be written.
    """
    try:
        lock = lock_private(file)
    except OSError as error:
        raise StorageError(
            f"{file} cannot be written: {error.strerror}",
            likely="its folder or file system is read-only, or belongs to another user",
            advice="set P2P_HOME to a folder of yours",
        ) from error
    if lock is None:
        raise AlreadyOnline(process_at(file))
    lock.truncate()
    lock.write(str(os.getpid()).encode())
    lock.flush()
    return lock
