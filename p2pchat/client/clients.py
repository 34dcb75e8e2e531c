"""The clients of one node: they are told of events, and have conversations open.

A client that fails at an event loses that event, and perhaps itself; the node and the others go on.
"""

from collections.abc import Callable, Collection
from typing import Protocol

from p2pchat.net.loop import Loop
from p2pchat.peer.node import Node
from p2pchat.protocol.client.events import ChatStarted, Event


class Session(Protocol):
    """A client, as its node sees it."""

    attended: bool

    @property
    def opened(self) -> Collection[str]:
        """The contacts with an open conversation there."""

    def on_event(self, event: Event) -> None:
        """Handle an event of the node."""

    def on_changed(self) -> None:
        """Note that more can be said than before, or that a client has ordered something."""

    def on_bug(self) -> None:
        """Note that an event was lost by a bug, which is logged."""


class Clients:
    """The clients of the node that `serve` is given; they can come as soon as it is.

    Contacts are told whether a person is there whenever one comes or goes.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self._node: Node | None = None
        self._sessions: list[Session] = []
        self._behind: dict[str, set[Session]] = {}  # who is not ready for a contact's lines
        self.on_give_way: Callable[[], None] | None = None
        """Ends a node that is there for a moment only, so that another process can be the node."""

    @property
    def node(self) -> Node:
        """Their node."""
        assert self._node is not None
        return self._node

    def serve(self, node: Node) -> None:
        """Be clients of this node."""
        self._node = node
        node.on_changed = self.on_changed

    @property
    def attended(self) -> bool:
        """Whether a person is there."""
        return any(session.attended for session in self._sessions)

    def add(self, session: Session) -> None:
        """Add a client, which is told every event from now on."""
        self._sessions.append(session)
        if session.attended:
            self._tell_attended()

    def remove(self, session: Session) -> None:
        """Remove a client, which is told no more."""
        self._sessions.remove(session)
        if session.attended:
            self._tell_attended()

    def have_open(self, contact: str, *, besides: Session) -> bool:
        """Return whether another client has that conversation open."""
        return any(contact in s.opened for s in self._sessions if s is not besides)

    def wait_for_reader(self, contact: str, session: Session, *, behind: bool) -> None:
        """Read no more from a contact while any client that is to be waited for is behind."""
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
            self.node.wait_for_reader(event.contact, behind=True)  # it is another chat
        self._tell(lambda session: session.on_event(event))

    def on_changed(self) -> None:
        """Note that the state of the node may have changed without an event."""
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
