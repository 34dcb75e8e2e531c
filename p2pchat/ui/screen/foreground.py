"""Which conversation is in front, and what of the others was not shown yet.

Knows the node's lines and the view; what is typed is the app's.
"""

from typing import Final

from p2pchat.errors import UsageError
from p2pchat.peer.events import (
    Called,
    Calling,
    ChatStarted,
    ContactAway,
    ContactBack,
    ContactIdle,
    ContactLeft,
    ContactLost,
    Delivered,
    Event,
    Joined,
    OutboxFailed,
    Overdue,
    Renumbered,
    Said,
    Security,
    Seen,
    TextReceived,
)
from p2pchat.peer.node import Node
from p2pchat.ui.screen.outgoing_lines import OutgoingLines
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.render import verify_hint

_MOST_SHOWN: Final = 200
"""Lines that are shown at once of a contact who has said very much."""


class Foreground:
    """`front` is the contact that typed texts go to; `unread` counts lines not shown, by contact.

    `opened` are the contacts who were brought to front and whose chat has not ended.
    """

    def __init__(self, view: View, node: Node) -> None:
        self._view = view
        self._node = node
        self._late: set[str] = set()  # to whom something was said that had to wait
        self._wanted: str | None = None
        self._asked_for: str | None = None  # of whom is not known yet whether they are there
        self._left: set[str] = set()  # who have closed a conversation that is open here
        self.front: str | None = None
        self.opened: set[str] = set()
        self.unread: dict[str, int] = {}
        self.ours = OutgoingLines(view, node)

    def begin(self) -> None:
        """Report what came while we were away."""
        self.unread.update(self._node.history.unread())
        for contact, count in self.unread.items():
            self._view.tell(f"{contact}: {count} unread: /chat {contact}")

    def want(self, contact: str | None) -> None:
        """Bring that conversation to front, now or as soon as there is one."""
        self._wanted = self._asked_for = contact
        if contact is not None and self._node.chat(contact) is not None:
            self.bring(contact)

    def bring(self, contact: str) -> None:
        """Show the contact's unseen lines, and send typed texts to them from now on."""
        if self.front == contact:
            return
        self.front = contact
        self.opened.add(contact)
        self.ours.bring(contact)
        self.unread.pop(contact, None)
        missed = self._node.unread(contact, limit=_MOST_SHOWN)
        if not missed:
            return
        count = self._node.history.unread().get(contact, 0)
        more = f" (the last {len(missed)} of {count}; p2p history {contact} shows all)"
        self._view.tell(f"unread of {contact}:{more if count > len(missed) else ''}")
        for line in missed:
            self._view.show(self._node.received(line))
        self._node.seen(contact, missed[-1].id)

    def next_unread(self) -> str:
        """Return the contact whose lines have waited longest. Raise UsageError if there is none."""
        for contact in self.unread:
            return contact
        raise UsageError("nothing is unread")

    def leave(self, contact: str) -> None:
        """The conversation is over."""
        self.opened.discard(contact)
        if self.front == contact:
            self.front = None
            self.ours.bring(None)

    def is_to_be_shown(self, event: Event) -> bool:
        """Return whether an event is shown now, rather than when its conversation is opened."""
        match event:
            case TextReceived(contact) if contact == self._node.username:
                return False  # a note of ours, which is shown as such
            case TextReceived(contact, _, line_id):
                return not line_id or contact == self.front
            case ContactLost(contact, None) if contact in self._left:
                return False  # that they left was said, and is what matters here
            case (
                ContactLost(contact)
                | ContactBack(contact)
                | ContactLeft(contact)
                | ContactIdle(contact)
            ):
                return contact == self.front
            case ContactAway(contact):
                return contact != self.front or contact == self._asked_for
            case _:
                return True

    def on_event(self, event: Event) -> None:  # noqa: C901, PLR0912  # a table, a row an event
        """Handle an event about lines."""
        match event:
            case Calling(contact) | ContactAway(contact) | ChatStarted(contact):
                self._left.discard(contact)
                if contact == self._wanted:
                    self.want(contact)
                    self._asked_for = None
                self._hint(event)
            case Joined(contact):
                self._alert(contact, f"{contact} has joined")
                if self.front is None and self._wanted is None:
                    self.want(contact)
                    self._node.call(contact)
            case ContactLeft(contact):
                self._left.add(contact)
            case ContactBack(contact):
                self._left.discard(contact)
            case TextReceived(contact, text, line_id) if line_id:
                self._heard(contact, line_id, text)
            case Called(contact):
                self._alert(contact, f"{contact} wants to chat")
            case Seen(contact):
                self.unread.pop(contact, None)
            case Said(contact, text, number):
                self._said(contact, text, number)
            case Delivered(contact, waiting, up_to):
                self._delivered(contact, waiting, up_to)
            case Renumbered(contact, pairs):
                self.ours.renumbered(contact, pairs)
            case OutboxFailed(contact):
                self.ours.failed(contact)
                self._alert(contact, f"a line to {contact} has failed: /outbox")
            case Overdue(contact):
                self._alert(contact, f"a line to {contact} has waited for a day: /outbox")
            case _:
                pass

    def _alert(self, contact: str, sentence: str, text: str = "") -> None:
        """Draw attention, unless the contact is muted; `text` is what was said."""
        if not self._node.contacts.is_muted(contact):
            self._view.alert(contact, sentence, text)

    def _hint(self, event: Event) -> None:
        """Say how to verify the contact, at most once a day and only until it is done."""
        if not isinstance(event, ChatStarted) or event.security is not Security.UNVERIFIED:
            return
        if self._node.contacts.is_to_be_hinted(event.contact):
            self._view.tell(verify_hint(event.contact))

    def _heard(self, contact: str, line_id: int, text: str) -> None:
        """A line has come: it was seen if its contact is in front, else it counts as unread."""
        if contact == self.front:
            self._node.seen(contact, line_id)
            return
        self.unread[contact] = self.unread.get(contact, 0) + 1
        if not self._node.conversations.do_not_disturb.is_on:
            self._alert(contact, f"{contact} has written", text)
        if self.unread[contact] == 1:
            self._view.tell(f"{contact} has written: /chat {contact}")

    def _said(self, contact: str, text: str, number: int) -> None:
        """Note that a line was said: if it must wait, its delivery is reported later."""
        self.ours.said(contact, text, number)
        chat = self._node.chat(contact)
        if chat is not None and chat.away:
            self._late.add(contact)

    def _delivered(self, contact: str, waiting: int, up_to: int) -> None:
        """Lines are there; perhaps nothing waits for the contact any more."""
        self.ours.delivered(contact, up_to)
        if not waiting and contact in self._late:
            self._late.discard(contact)
            self._view.tell(f"all that waited for {contact} is delivered")
