"""Commands about the history: /history and /search-history."""

from collections.abc import Callable, Mapping
from typing import Final

from p2pchat.errors import UsageError
from p2pchat.peer.node import Node
from p2pchat.peer.store.lines import TO_RETRY, KeptLine, LineState
from p2pchat.protocol.text import excerpt
from p2pchat.ui.screen.later import schedule_text, time_and_text
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.commands import Order
from p2pchat.ui.text.copying import to_copy
from p2pchat.ui.text.render import kept_lines, scheduled_line

_LAST: Final = 20
_LOOKED_THROUGH: Final = 500


class HistoryOrders:
    """Commands for the node that `node()` returns, reporting to the view; `front()` is the default
    contact.
    """

    def __init__(
        self, view: View, node: Callable[[], Node], front: Callable[[], str | None]
    ) -> None:
        self._view = view
        self._node = node
        self._front = front

    @property
    def handlers(self) -> Mapping[str, Callable[[Order], None]]:
        """What to do for each word."""
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
            raise UsageError("whose history?", advice="/history NAME")
        node = self._node()
        self._tell(node.history.lines(contact, limit=_LAST))

    def _search(self, order: Order) -> None:
        node = self._node()
        self._tell(node.history.lines(words=order.argument, limit=_LAST))

    def _outbox(self) -> None:
        lines = self._node().history.lines(states=(LineState.QUEUED, *TO_RETRY))
        for line in lines:
            for sentence in kept_lines(line, "me", whole=False):
                self._view.tell(sentence)
        later = self._node().schedule.all()
        for scheduled_one in later:
            self._view.tell(scheduled_line(scheduled_one, "me"))
        if not lines and not later:
            self._view.tell("nothing waits, and nothing has failed")

    def _copy(self, kind: str) -> None:
        """Copy the last line, block or link of the conversation in front."""
        contact = self._front()
        if contact is None:
            raise UsageError("you are in no chat", advice="/chat NAME starts one")
        lines = self._node().history.lines(contact, limit=_LOOKED_THROUGH)
        text = to_copy(kind, [line.text for line in reversed(lines)])
        self._view.copy(text)
        self._view.tell(f"copied: {excerpt(' '.join(text.split()))}")

    def _later(self, typed: str) -> None:
        """Schedule a text for the contact in front."""
        contact = self._front()
        if contact is None:
            raise UsageError("you are in no chat", advice="/chat NAME starts one")
        time, text = time_and_text(typed)
        if not text:
            raise UsageError("what is to be said later?", advice="/later 9:00 TEXT")
        at = schedule_text(self._node(), contact, text, time)
        self._view.tell(f"it is said not before {at:%A %H:%M}: /outbox")

    def _tell(self, lines: list[KeptLine]) -> None:
        for line in lines:
            for sentence in kept_lines(line, self._node().username, whole=False):
                self._view.tell(sentence)
        if not lines:
            self._view.tell("nothing was found")
