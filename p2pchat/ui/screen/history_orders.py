"""Commands on the history: /history, /search-history, /outbox, /copy and /later."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from p2pchat.errors import UsageError
from p2pchat.protocol.client.lines import UNDELIVERED
from p2pchat.protocol.client.orders import Lines, ReadLines
from p2pchat.protocol.counting import counted
from p2pchat.protocol.text import excerpt
from p2pchat.ui.screen.later import time_and_text, to_schedule
from p2pchat.ui.screen.pending_orders import PendingOrders
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.commands import Order
from p2pchat.ui.text.copying import to_copy
from p2pchat.ui.text.render import kept_lines, scheduled_line
from p2pchat.wall_clock import local_minute

_LAST: Final = 20
_LOOKED_THROUGH: Final = 500


class HistoryOrders:
    """Gives orders through `orders`, reports to the view; `front()` is the default contact.

    `me()` is our name. Raise UsageError.
    """

    def __init__(
        self,
        view: View,
        orders: PendingOrders,
        front: Callable[[], str | None],
        me: Callable[[], str],
    ) -> None:
        self._view = view
        self._orders = orders
        self._front = front
        self._me = me

    @property
    def handlers(self) -> Mapping[str, Callable[[Order], None]]:
        """The handler for each command word."""
        return {
            "history": self._history,
            "search-history": self._search,
            "outbox": lambda _: self._outbox(),
            "copy": lambda order: self._copy(order.argument or "line"),
            "later": lambda order: self._later(order.argument),
        }

    def _history(self, order: Order) -> None:
        contact = order.argument or self._front()
        if contact is None:
            raise UsageError("no contact was named", advice="/history NAME")
        self._orders.give(ReadLines(contact, limit=_LAST), self._tell)

    def _search(self, order: Order) -> None:
        self._orders.give(ReadLines(words=order.argument, limit=_LAST), self._tell)

    def _outbox(self) -> None:
        def told(found: Lines) -> None:
            for line in found.lines:
                for sentence in kept_lines(line, "me", whole=False):
                    self._view.tell(sentence)
            for scheduled_one in found.scheduled:
                self._view.tell(scheduled_line(scheduled_one, "me"))
            if not found.lines and not found.scheduled:
                self._view.tell("nothing is queued, and nothing has failed")

        self._orders.give(ReadLines(states=UNDELIVERED, scheduled=True), told)

    def _copy(self, kind: str) -> None:
        """Copy the last line, block or link of the conversation in front."""
        recent = ReadLines(self._chat(), limit=_LOOKED_THROUGH)
        self._orders.give(recent, partial(self._copy_of, kind))

    def _copy_of(self, kind: str, found: Lines) -> None:
        text = to_copy(kind, [line.text for line in reversed(found.lines)])
        self._view.copy(text)
        self._view.tell(f"copied: {excerpt(' '.join(text.split()))}")

    def _later(self, typed: str) -> None:
        """Schedule a text for the contact in front."""
        contact = self._chat()
        time, text = time_and_text(typed)
        if not text:
            raise UsageError("no text was given", advice="/later 9:00 TEXT")
        order = to_schedule(contact, text, time)
        said = f"it will not be sent before {local_minute(order.not_before)}: /outbox"
        self._orders.give(order, lambda _: self._view.tell(said))

    def _chat(self) -> str:
        contact = self._front()
        if contact is None:
            raise UsageError("you are in no chat", advice="/chat NAME starts one")
        return contact

    def _tell(self, found: Lines) -> None:
        if found.left_out:
            self._view.tell(f"{counted(found.left_out)} before these: p2p history")
        for line in found.lines:
            for sentence in kept_lines(line, self._me(), whole=False):
                self._view.tell(sentence)
        if not found.lines:
            self._view.tell("nothing was found")
