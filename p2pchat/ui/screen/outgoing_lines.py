"""Our lines in the conversation in front, until the outcome of each is known.

A line that is not delivered yet stands above the prompt with its state; once it is settled it moves
up among the rest, where nothing changes any more.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from p2pchat.peer.node import Node
from p2pchat.peer.store.lines import LineState
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.render import SENT, prompt_of

_MOST_KEPT: Final = 200


class OutgoingLines:
    """Our lines to one contact at a time, set by `bring`."""

    def __init__(self, view: View, node: Node) -> None:
        self._view = view
        self._node = node
        self._contact: str | None = None
        self._lines: deque[tuple[int, str]] = deque(maxlen=_MOST_KEPT)

    @property
    def unsettled(self) -> list[tuple[str, str]]:
        """Each text that is not delivered, and its state."""
        sent = self._sent
        return [(text, SENT if n <= sent else LineState.QUEUED) for n, text in self._lines]

    @property
    def _sent(self) -> int:
        """The number up to which they are on their way."""
        chat = self._node.chat(self._contact) if self._contact is not None else None
        return chat.sent if chat is not None else 0

    def bring(self, contact: str | None) -> None:
        """Look at the lines to that contact from now on; the others' stay as they stand."""
        if contact == self._contact:
            return
        for text, state in self.unsettled:
            self._show(text, state)
        self._contact = contact
        self._lines.clear()
        if contact is not None:
            states = [LineState.QUEUED]
            kept = self._node.history.lines(contact, limit=_MOST_KEPT, states=states)
            self._lines.extend((line.seq, line.text) for line in kept)

    def said(self, contact: str, text: str, number: int) -> None:
        """Note that a line was kept; in clear nothing more will be known of it."""
        if contact != self._contact:
            return
        if number:
            self._lines.append((number, text))
        else:
            self._show(text, "")

    def delivered(self, contact: str, up_to: int) -> None:
        """Lines up to that number are on the contact's disk."""
        if contact == self._contact:
            while self._lines and self._lines[0][0] <= up_to:
                self._show(self._lines.popleft()[1], LineState.DELIVERED)

    def renumbered(self, contact: str, pairs: Sequence[tuple[int, int]]) -> None:
        """Note new numbers of waiting lines: pairs of the old and the new one."""
        if contact == self._contact:
            new_numbers = dict(pairs)
            lines = [(new_numbers.get(number, number), text) for number, text in self._lines]
            self._lines.clear()
            self._lines.extend(lines)

    def failed(self, contact: str) -> None:
        """Note that lines that were not on their way will not be delivered."""
        if contact == self._contact:
            on_their_way = [(n, text) for n, text in self._lines if n <= self._sent]
            for _, text in list(self._lines)[len(on_their_way) :]:
                self._show(text, LineState.FAILED)
            self._lines.clear()
            self._lines.extend(on_their_way)

    def _show(self, text: str, state: str) -> None:
        prompt = prompt_of(self._node.username, self._contact)
        self._view.ours(prompt, text, state, self._contact or "")
