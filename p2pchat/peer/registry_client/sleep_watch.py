"""Notices that the machine slept: the wall clock has advanced and the monotonic clock has not.

After a sleep all links may be dead and all timers are late.
"""

from collections.abc import Callable
from typing import Final

from p2pchat.net.loop import Loop, Timer

_LOOK_EVERY: Final = 2.0
_JUMP: Final = 10.0
"""Seconds; a smaller jump is a clock adjustment or a busy machine."""


class SleepWatch:
    """Calls `on_wake` when `wall()`, in seconds since the epoch, has jumped ahead, until closed.

    A wall clock that is set forward by hand looks the same, and costs a new login.
    """

    def __init__(self, loop: Loop, wall: Callable[[], float], on_wake: Callable[[], None]) -> None:
        self._loop = loop
        self._wall = wall
        self._on_wake = on_wake
        self._ahead = self._offset()
        self._timer = self._look_later()

    def close(self) -> None:
        """Stop checking."""
        self._timer.cancel()

    def _offset(self) -> float:
        return self._wall() - self._loop.now()

    def _look_later(self) -> Timer:
        return self._loop.call_later(_LOOK_EVERY, self._look)

    def _look(self) -> None:
        before, self._ahead = self._ahead, self._offset()
        self._timer = self._look_later()
        if self._ahead - before > _JUMP:
            self._on_wake()
