"""Which conversation is in front, and what of the others was not shown yet.

Knows the node's lines and the view; what is typed is the app's.
"""

from typing import Final, Protocol

from p2pchat.errors import UsageError
from p2pchat.peer.events import Event, TextReceived
from p2pchat.peer.node import Node


class View(Protocol):
    """Where things are shown."""

    def show(self, event: Event) -> None:
        """Show what happened."""

    def tell(self, sentence: str) -> None:
        """Show a sentence of ours."""


_MOST_SHOWN: Final = 200
"""Lines that are shown at once of a contact who has said very much."""


class Foreground:
    """`front` is with whom what is typed is said; `unread` counts lines not shown, by contact."""

    def __init__(self, view: View, node: Node) -> None:
        self._view = view
        self._node = node
        self._late: set[str] = set()  # to whom something was said that had to wait
        self.front: str | None = None
        self.unread: dict[str, int] = {}

    def begin(self) -> None:
        """Say what came while we were not there."""
        self.unread.update(self._node.history.unread(str(self._node.url)))
        for contact, count in self.unread.items():
            self._view.tell(f"{contact}: {count} unread: /chat {contact}")

    def bring(self, contact: str) -> None:
        """Show what of the contact was not seen, and say what is typed to them from now on."""
        if self.front == contact:
            return
        self.front = contact
        self.unread.pop(contact, None)
        missed = self._node.unread(contact, limit=_MOST_SHOWN)
        if not missed:
            return
        count = self._node.history.unread(str(self._node.url)).get(contact, 0)
        more = f" (the last {len(missed)} of {count}; p2p history {contact} shows all)"
        self._view.tell(f"unread of {contact}:{more if count > len(missed) else ''}")
        for line in missed:
            self._view.show(TextReceived(contact, line.text, line.id, line.at))
        self._node.seen(contact, missed[-1].id)

    def next_unread(self) -> str:
        """Give the contact whose lines have waited longest; raises UsageError if there is none."""
        for contact in self.unread:
            return contact
        raise UsageError("nothing is unread")

    def leave(self, contact: str) -> None:
        """The conversation is over, if it was in front."""
        if self.front == contact:
            self.front = None

    def heard(self, contact: str, line_id: int) -> None:
        """A line has come: it was seen if its contact is in front, else it counts as unread."""
        if contact == self.front:
            self._node.seen(contact, line_id)
            return
        self.unread[contact] = self.unread.get(contact, 0) + 1
        if self.unread[contact] == 1:
            self._view.tell(f"{contact} has written: /chat {contact}")

    def said(self, contact: str) -> None:
        """A line was said: whether it must wait decides whether its delivery is told."""
        chat = self._node.chat(contact)
        if chat is not None and chat.away:
            self._late.add(contact)

    def delivered(self, contact: str) -> None:
        """Nothing waits for the contact any more."""
        if contact in self._late:
            self._late.discard(contact)
            self._view.tell(f"all that waited for {contact} is delivered")
