"""The running registry's control socket, which the operator's commands use.

Makes no decisions: a command changes the account in the database first, then notifies.
"""

from functools import partial
from pathlib import Path
from typing import Final

from p2pchat.errors import P2PError
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.net.transport import Wire
from p2pchat.net.unix_socket import UnixListener, dial_unix
from p2pchat.net.worker import Worker
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.messages import Message
from p2pchat.protocol.operator import (
    MOST_SESSIONS,
    OPERATOR,
    OPERATOR_DIALOGUE,
    ListSessions,
    Refresh,
    Refreshed,
    Session,
    SessionList,
)
from p2pchat.protocol.states import Speaker
from p2pchat.registry.service.directory import Directory
from p2pchat.registry.service.presence import PresenceTable
from p2pchat.registry.service.service import Service
from p2pchat.registry.store.accounts import AccountPolicy, Accounts

SOCKET: Final = "control.sock"
"""The socket's file name in the registry's folder."""


class AdminSocket:
    """Listens in the folder, for its owner only, until closed. Raise BindError."""

    def __init__(
        self,
        loop: Loop,
        folder: Path,
        *,
        worker: Worker,
        accounts: Accounts,
        directory: Directory,
        presence: PresenceTable,
        service: Service,
    ) -> None:
        self._loop = loop
        self._worker = worker
        self._accounts = accounts
        self._directory = directory
        self._presence = presence
        self._service = service
        self._links: set[Link] = set()
        self._listener = UnixListener(loop, folder / SOCKET, self._came)

    def close(self) -> None:
        """Stop listening, and close all connections."""
        self._listener.close()
        for link in tuple(self._links):
            link.abort()

    def _came(self, transport: Wire) -> None:
        link = _link(self._loop, transport, Speaker.LISTENER)
        self._links.add(link)
        link.on_message = partial(self._asked, link)
        link.on_closed = lambda _: self._links.discard(link)

    def _asked(self, link: Link, request: Message) -> None:
        match request:
            case ListSessions(after=after):
                link.send(SessionList(self._sessions(after), self._loop.contained))
            case Refresh():
                self._refresh(link, request)
            case _:
                raise AssertionError(request)

    def _sessions(self, after: str) -> tuple[Session, ...]:
        now = self._loop.now()
        there = sorted((a for a in self._presence if a.username > after), key=lambda a: a.username)
        return tuple(
            Session(a.username, a.host, a.port, a.seal is not None, now - a.heard_at)
            for a in there[:MOST_SESSIONS]
        )

    def _refresh(self, link: Link, request: Refresh) -> None:
        username = request.username

        def found(standing: AccountPolicy | None) -> None:
            if standing is None:
                self._directory.forget(username)
            else:
                self._directory.admit(username, standing)
            ended = self._service.log_out(username) if request.log_out else 0
            if request.log_out:
                self._directory.log_out(username)
            link.send(Refreshed(ended))

        def failed(_: P2PError) -> None:
            link.close()  # the command then reports that the registry did not answer

        if not self._worker.submit(partial(self._accounts.standing, username), found, failed):
            link.close()


def dial(loop: Loop, folder: Path) -> Link:
    """Return a link to the registry that runs in the folder. Raise Unreachable if none does."""
    return _link(loop, dial_unix(loop, folder / SOCKET), Speaker.DIALLER)


def _link(loop: Loop, transport: Wire, speaker: Speaker) -> Link:
    return Link(loop, transport, Connection(OPERATOR_DIALOGUE, OPERATOR, speaker))
