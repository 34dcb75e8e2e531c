"""Keeping an unused link open for a while, because the next line may come soon and links are
costly.

The side that has dialled closes it; the other one does so only if it has not, after twice the time
(PROTOCOL, "Peer and peer"). Knows the times of one link, and nothing of what is said on it.
"""

from collections.abc import Callable

from p2pchat.net.compartment import Scheduler
from p2pchat.net.loop import Timer


class Lingering:
    """Calls `close()` once the link was neither needed nor used for `timeout` seconds.

    `needed()` tells whether either side needs it now. `timeout` 0: never.
    """

    def __init__(
        self,
        loop: Scheduler,
        timeout: float,
        needed: Callable[[], bool],
        close: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._timeout = timeout
        self._needed = needed
        self._close = close
        self._patience = 0.0
        self._active_at = 0.0
        self._timer: Timer | None = None

    def begin(self, *, dialled: bool) -> None:
        """Note a new link, whichever side has dialled it."""
        self.stop()
        self._patience = self._timeout if dialled else 2 * self._timeout
        self.note_activity()
        if self._timeout:
            self._look_later(self._patience)

    def note_activity(self) -> None:
        """Note that something was said, or that the link is not needed any more."""
        self._active_at = self._loop.now()

    def stop(self) -> None:
        """Note that the link has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self, timeout: float) -> None:
        self._timer = self._loop.call_later(timeout, self._look)

    def _look(self) -> None:
        self._timer = None
        left = self._active_at + self._patience - self._loop.now()
        if self._needed():
            left = self._patience
        if left > 0:
            self._look_later(left)
        else:
            self._close()
