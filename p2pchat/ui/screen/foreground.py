"""The conversation in front, and the unread lines of the others.

Knows the node's lines and the view; the app handles typed lines.
"""

from typing import Final

from p2pchat.client.client import Client
from p2pchat.errors import P2PError, UsageError
from p2pchat.protocol.client.events import (
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
    Seen,
    TextReceived,
)
from p2pchat.protocol.client.lines import LineState
from p2pchat.protocol.client.orders import HintAt, Lines, Open, ReadLines, Switch
from p2pchat.protocol.client.orders import Seen as CountSeen
from p2pchat.protocol.client.state import Security
from p2pchat.ui.screen.outgoing_lines import OutgoingLines
from p2pchat.ui.screen.pending_orders import PendingOrders
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.render import verify_hint

_MOST_SHOWN: Final = 200
"""The most unread lines of a contact that are shown at once."""


class Foreground:
    """`front` is the contact that typed texts go to; `unread` counts each contact's unseen
    lines.
    """

    def __init__(self, view: View, client: Client) -> None:
        self._view = view
        self._client = client
        self._orders = PendingOrders(view, lambda: client)
        self._late: set[str] = set()  # contacts with lines that were queued
        self._wanted: str | None = None
        self._asked_for: str | None = None  # contact whose presence is being looked up
        self._left: set[str] = set()  # contacts who left a conversation that is open here
        self._held: list[TextReceived] | None = None  # received while unread lines are being loaded
        self._shown: dict[str, int] = {}  # last shown line, by contact
        self.front: str | None = None
        self.unread: dict[str, int] = {}
        self.ours = OutgoingLines(view, client)

    def begin(self) -> None:
        """Report unread lines from before."""
        self.unread.update(self._client.unread)
        for contact, count in self.unread.items():
            self._view.tell(f"{contact}: {count} unread: /chat {contact}")

    @property
    def awaited(self) -> str | None:
        """The contact whose conversation comes to front as soon as it exists."""
        return self._wanted if self._wanted != self.front else None

    def want(self, contact: str) -> None:
        """Bring that conversation to front, now or as soon as it exists."""
        self._wanted = self._asked_for = contact
        if contact in self._client.state.chats:
            self.bring(contact)

    def stop_waiting(self, contact: str) -> None:
        """Handle the failure of an order to open that conversation."""
        if self._wanted == contact:
            self._wanted = None

    def bring(self, contact: str) -> None:
        """Show the contact's unseen lines, and send typed texts to the contact from now on."""
        if self.front == contact:
            return
        self._put_back()
        self.front = contact
        self.ours.bring(contact)
        count = self.unread.pop(contact, 0)
        held: list[TextReceived] = []
        self._held = held
        unseen = ReadLines(contact, states=(LineState.UNREAD,), limit=_MOST_SHOWN)
        self._client.order(
            unseen,
            lambda found: self._show_missed(contact, held, found, count),
            lambda _: self._show_missed(contact, held, Lines(), 0),
        )

    def next_unread(self) -> str:
        """Return the contact with the oldest unread lines. Raise UsageError if there is none."""
        for contact in self.unread:
            return contact
        raise UsageError("nothing is unread")

    def _no_chat(self, contact: str, error: P2PError) -> None:
        self.stop_waiting(contact)
        self._orders.show(error)

    def leave(self, contact: str) -> None:
        """Handle the end of the conversation, which perhaps has not begun."""
        self.stop_waiting(contact)
        if self.front == contact:
            self._put_back()
            self.front = None
            self.ours.bring(None)

    def is_to_be_shown(self, event: Event) -> bool:
        """Return whether an event is shown now, rather than when its conversation is opened."""
        match event:
            case TextReceived(contact) if contact == self._client.username:
                return False  # our own note, shown separately
            case TextReceived(contact, _, line_id):
                is_new = line_id > self._shown.get(contact, 0)
                return not line_id or (is_new and contact == self.front and self._held is None)
            case ContactLost(contact, None) if contact in self._left:
                return False  # leaving was already shown, and matters more
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
                    self._orders.give(
                        Open(contact), failed=lambda error: self._no_chat(contact, error)
                    )
            case ContactLeft(contact):
                self._left.add(contact)
            case ContactBack(contact):
                self._left.discard(contact)
            case TextReceived(_, _, line_id) if line_id:
                self._heard(event)
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

    def _show_missed(
        self, contact: str, held: list[TextReceived], found: Lines, count: int
    ) -> None:
        """Show the lines that were unread when the conversation came to front, and later ones."""
        missed = found.lines
        if self._held is not held:
            if missed and self.front != contact:  # no longer in front: they stay unread
                self.unread[contact] = max(len(missed), self.unread.get(contact, 0))
            return
        self._held = None
        if missed:
            total = max(count, len(missed) + found.left_out)
            more = f" (the last {len(missed)} of {total}; p2p history {contact} shows all)"
            self._view.tell(f"unread from {contact}:{more if total > len(missed) else ''}")
        chat = self._client.state.chats.get(contact)
        security = Security.UNVERIFIED if chat is None else chat.security
        events = [TextReceived(contact, line.text, line.id, line.at, security) for line in missed]
        last = missed[-1].id if missed else 0
        events += [event for event in held if event.id > last]
        for event in events:
            if contact != self._client.username:
                self._view.show(event)
        if events:
            self._note_shown(contact, events[-1].id)

    def _note_shown(self, contact: str, line_id: int) -> None:
        """Record that a contact's lines up to that one were shown."""
        self._shown[contact] = line_id
        self._client.order(CountSeen(contact, line_id))

    def _put_back(self) -> None:
        """Mark as unread the lines that arrived while the conversation in front was being
        loaded.
        """
        held, self._held = self._held, None
        if held and self.front is not None:
            self.unread[self.front] = len(held)

    def _alert(self, contact: str, sentence: str, text: str = "") -> None:
        """Alert the user, unless the contact is muted; `text` is the message."""
        if contact not in self._client.state.muted:
            self._view.alert(contact, sentence, text)

    def _hint(self, event: Event) -> None:
        """Explain how to verify the contact, at most once a day and only until it is done."""
        if not isinstance(event, ChatStarted) or event.security is not Security.UNVERIFIED:
            return

        def asked(is_due: Switch) -> None:
            if is_due.on:
                self._view.tell(verify_hint(event.contact))

        self._orders.give(HintAt(event.contact), asked)

    def _heard(self, event: TextReceived) -> None:
        """Handle a received line: shown if its contact is in front, else unread."""
        contact = event.contact
        if event.id <= self._shown.get(contact, 0):
            return  # it was already loaded from the history
        if contact == self.front:
            if self._held is None:
                self._note_shown(contact, event.id)
            else:
                self._held.append(event)
            return
        self.unread[contact] = self.unread.get(contact, 0) + 1
        if not self._client.state.dnd:
            self._alert(contact, f"{contact} has written", event.text)
        if self.unread[contact] == 1:
            self._view.tell(f"{contact} has written: /chat {contact}")

    def _said(self, contact: str, text: str, number: int) -> None:
        """Record that a line was sent: if it is queued, its delivery is reported later."""
        self.ours.said(contact, text, number)
        chat = self._client.state.chats.get(contact)
        if chat is not None and chat.away:
            self._late.add(contact)

    def _delivered(self, contact: str, waiting: int, up_to: int) -> None:
        """Handle a delivery; report it once nothing is queued for the contact."""
        self.ours.delivered(contact, up_to)
        if not waiting and contact in self._late:
            self._late.discard(contact)
            self._view.tell(f"all that waited for {contact} is delivered")
