"""Notice that the machine slept: the wall clock has gone on, the monotonic one has not.

After a sleep every link may be dead and every pause is out of date, and nothing else says so soon.
"""

from collections.abc import Callable
from typing import Final

from p2pchat.net.loop import Loop, Timer

_LOOK_EVERY: Final = 2.0
_JUMP: Final = 10.0
"""Seconds; less is a clock that was set right, or a busy machine."""


class SleepWatch:
    """Call `on_wake` when `wall` (seconds since the epoch) has jumped ahead, until closed.

    A wall clock that was set forward by hand looks the same, and costs a new login.
    """

    def __init__(self, loop: Loop, wall: Callable[[], float], on_wake: Callable[[], None]) -> None:
        self._loop = loop
        self._wall = wall
        self._on_wake = on_wake
        self._ahead = self._offset()
        self._timer = self._look_later()

    def close(self) -> None:
        """Look no more."""
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
