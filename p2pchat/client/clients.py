"""The clients of one node: they receive its events and have conversations open.

A client that fails at an event loses that event, and perhaps its session; the node and the other
clients are not affected.
"""

from collections.abc import Callable, Collection
from typing import Protocol

from p2pchat.net.loop import Loop
from p2pchat.peer.node import Node
from p2pchat.protocol.client.events import ChatStarted, Event


class Session(Protocol):
    """The session of a client, as its node sees it."""

    attended: bool

    @property
    def opened(self) -> Collection[str]:
        """The contacts whose conversations are open in the client."""

    def on_event(self, event: Event) -> None:
        """Handle an event of the node."""

    def on_changed(self) -> None:
        """Record that more lines can be sent than before, or that a client has sent an order."""

    def on_bug(self) -> None:
        """Record that an event was lost by a bug, which has been logged."""


class Clients:
    """The clients of the node that is passed to `serve`.

    Contacts are told whether a user is at a screen whenever one comes or goes.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self._node: Node | None = None
        self._sessions: list[Session] = []
        self._behind: dict[str, set[Session]] = {}  # the sessions that are behind, by contact
        self.on_give_way: Callable[[], None] | None = None
        """Ends a node that is online only briefly, so that another process can be the node."""

    @property
    def node(self) -> Node:
        """The node that is served."""
        assert self._node is not None
        return self._node

    def serve(self, node: Node) -> None:
        """Serve the clients of this node."""
        self._node = node
        node.on_changed = self.on_changed

    @property
    def attended(self) -> bool:
        """Whether a client with a user is connected."""
        return any(session.attended for session in self._sessions)

    def add(self, session: Session) -> None:
        """Add a client, which receives all further events."""
        self._sessions.append(session)
        if session.attended:
            self._tell_attended()

    def remove(self, session: Session) -> None:
        """Remove a client."""
        self._sessions.remove(session)
        if session.attended:
            self._tell_attended()

    def have_open(self, contact: str, *, besides: Session) -> bool:
        """Return whether another client has that conversation open."""
        return any(contact in s.opened for s in self._sessions if s is not besides)

    def wait_for_reader(self, contact: str, session: Session, *, behind: bool) -> None:
        """Stop reading from a contact while any client that must keep up is behind."""
        waiting = self._behind.setdefault(contact, set())
        was_behind = bool(waiting)
        (waiting.add if behind else waiting.discard)(session)
        if bool(waiting) is not was_behind:
            self.node.wait_for_reader(contact, behind=bool(waiting))
        if not waiting:
            del self._behind[contact]

    def on_event(self, event: Event) -> None:
        """Handle an event of the node."""
        if isinstance(event, ChatStarted) and event.contact in self._behind:
            self.node.wait_for_reader(event.contact, behind=True)  # also in the new chat
        self._tell(lambda session: session.on_event(event))

    def on_changed(self) -> None:
        """Record that the node's state may have changed without an event."""
        self._tell(lambda session: session.on_changed())

    def _tell_attended(self) -> None:
        self.node.conversations.away_status.be(idle=not self.attended)

    def _tell(self, tell: Callable[[Session], None]) -> None:
        for session in tuple(self._sessions):
            try:
                tell(session)
            except Exception as error:  # noqa: BLE001  # logged, counted, raised in tests
                self.loop.contain(error, "telling a client of the node")
                session.on_bug()
