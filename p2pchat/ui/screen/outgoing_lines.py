"""Our lines in the conversation in front, until the outcome of each is known.

An undelivered line is shown above the prompt with its state; once settled, it moves up into the
conversation, where lines no longer change.
"""

from collections.abc import Sequence
from typing import Final

from p2pchat.client.client import Client
from p2pchat.protocol.client.lines import LineState
from p2pchat.protocol.client.orders import Lines, ReadLines
from p2pchat.protocol.client.state import ChatState
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.render import SENT, left_for, prompt_of

_MOST_KEPT: Final = 200


class OutgoingLines:
    """Our lines to one contact at a time, set by `bring`."""

    def __init__(self, view: View, client: Client) -> None:
        self._view = view
        self._client = client
        self._contact: str | None = None
        self._lines: dict[int, str] = {}  # by number, in order

    @property
    def unsettled(self) -> list[tuple[str, str]]:
        """The texts that are not delivered, each with its state."""
        return [(text, self._state(n)) for n, text in self._lines.items()]

    def _state(self, number: int) -> str:
        """Return the state of an undelivered line."""
        if number <= self._sent:
            return SENT
        is_left = self._chat is not None and number <= self._chat.left
        return left_for(self._contact or "") if is_left else LineState.QUEUED

    @property
    def _chat(self) -> ChatState | None:
        return self._client.state.chats.get(self._contact or "")

    @property
    def _sent(self) -> int:
        """The number of the last line that is on its way."""
        return self._chat.sent if self._chat is not None else 0

    def bring(self, contact: str | None) -> None:
        """Track the lines to that contact from now on; the lines to the others keep their state."""
        if contact == self._contact:
            return
        for text, state in self.unsettled:
            self._show(text, state)
        self._contact = contact
        self._lines = {}
        if contact is not None:
            waiting = ReadLines(contact, states=(LineState.QUEUED,), limit=_MOST_KEPT)
            self._client.order(waiting, lambda lines: self._found(contact, lines))

    def said(self, contact: str, text: str, number: int) -> None:
        """Record that a line was stored; a line in clear has no further outcome."""
        if contact != self._contact:
            return
        if number:
            self._put({**self._lines, number: text})
        else:
            self._show(text, "")

    def delivered(self, contact: str, up_to: int) -> None:
        """Record that lines up to that number are on the contact's disk."""
        if contact == self._contact:
            for number in [n for n in self._lines if n <= up_to]:
                self._show(self._lines.pop(number), LineState.DELIVERED)

    def renumbered(self, contact: str, pairs: Sequence[tuple[int, int]]) -> None:
        """Record new numbers of waiting lines: pairs of the old and the new one."""
        if contact == self._contact:
            new_numbers = dict(pairs)
            self._lines = {new_numbers.get(n, n): text for n, text in self._lines.items()}

    def failed(self, contact: str) -> None:
        """Record that queued lines will not be delivered."""
        if contact == self._contact:
            sent = self._sent
            for text in [text for n, text in self._lines.items() if n > sent]:
                self._show(text, LineState.FAILED)
            self._lines = {n: text for n, text in self._lines.items() if n <= sent}

    def _found(self, contact: str, lines: Lines) -> None:
        """Add the lines queued earlier; some may have been sent since the query."""
        if contact == self._contact:
            waiting = {line.seq: line.text for line in lines.lines}
            self._put(dict(sorted({**waiting, **self._lines}.items())))

    def _put(self, lines: dict[int, str]) -> None:
        self._lines = dict(list(lines.items())[-_MOST_KEPT:]) if len(lines) > _MOST_KEPT else lines

    def _show(self, text: str, state: str) -> None:
        me = self._client.username
        self._view.ours(prompt_of(me, self._contact), text, state, self._contact or "", me=me)
