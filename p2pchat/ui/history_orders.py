"""Commands about the history: /history and /search-history."""

from collections.abc import Callable, Mapping
from typing import Final

from p2pchat.errors import UsageError
from p2pchat.peer.lines import TO_RETRY, KeptLine, LineState
from p2pchat.peer.node import Node
from p2pchat.ui.commands import Order
from p2pchat.ui.render import kept_lines
from p2pchat.ui.view import View

_LAST: Final = 20


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
                self._view.tell(f"to {line.username}: {sentence}")
        if not lines:
            self._view.tell("nothing waits, and nothing has failed")

    def _tell(self, lines: list[KeptLine]) -> None:
        for line in lines:
            for sentence in kept_lines(line, self._node().username, whole=False):
                self._view.tell(sentence)
        if not lines:
            self._view.tell("nothing was found")
