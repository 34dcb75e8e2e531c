"""The queue of typed lines. Knows neither node nor screen."""

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from p2pchat.ui.text.commands import Order, Say

_MAX_WAITING_LINES: Final = 1000

END: Final = Order("")
"""The end of input; cannot be typed."""


class TakesInput(Protocol):
    """A receiver of lines from a keyboard or a pipe, until `done`."""

    @property
    def done(self) -> bool:
        """Whether the session has ended."""

    @property
    def wants_input(self) -> bool:
        """Whether more lines should be read."""

    def when_input_is_wanted(self, callback: Callable[[], None]) -> None:
        """Register a callback for when `wants_input` becomes true again."""

    def submit(self, line: str) -> None:
        """Handle a typed line."""

    def refuse_line(self, why: str) -> None:
        """Report that a line could not be read."""

    def end_input(self) -> None:
        """Handle the end of the input."""

    def finish(self, exit_code: int = 0) -> None:
        """End the session: its terminal is gone."""


class TypedAhead:
    """Handles typed lines in order, each once `may_go_on(it)`; `on_room` is called when there is
    room again.
    """

    def __init__(
        self, may_go_on: Callable[[Say | Order], bool], do: Callable[[Say | Order], None]
    ) -> None:
        self._may_go_on = may_go_on
        self._do = do
        self._waiting: deque[Say | Order] = deque()
        self.on_room: Callable[[], None] = lambda: None
        self.ended = False
        """Whether the end of input, or `/quit`, was reached; earlier lines may wait."""

    @property
    def has_room(self) -> bool:
        """Whether more should be read: not while many lines wait."""
        return len(self._waiting) < _MAX_WAITING_LINES

    @property
    def all_done(self) -> bool:
        """Whether everything up to the end was handled."""
        return self.ended and not self._waiting

    @property
    def orders_wait(self) -> bool:
        """Whether a command waits."""
        return any(isinstance(one, Order) and not _is_end(one) for one in self._waiting)

    @property
    def texts(self) -> list[str]:
        """The waiting texts."""
        return [meant.text for meant in self._waiting if isinstance(meant, Say)]

    def put(self, meant: Say | Order) -> None:
        """Handle the input in its turn, perhaps now; nothing counts after the end."""
        if self.ended:
            return
        self.ended = _is_end(meant)
        self._waiting.append(meant)
        self.work_off()

    def work_off(self) -> None:
        """Handle the lines that can be handled now."""
        held_back = not self.has_room
        while self._waiting and self._may_go_on(self._waiting[0]):
            self._do(self._waiting.popleft())
        if held_back and self.has_room:
            self.on_room()


def _is_end(meant: Say | Order) -> bool:
    return isinstance(meant, Order) and (meant is END or meant.word == "quit")
