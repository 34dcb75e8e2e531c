"""Keeps an unused link open for a while, because more lines may follow and links are costly.

The side that dialled closes the link; the other one does so only after twice the time (PROTOCOL,
"Peer and peer"). Knows nothing of what is sent on the link.
"""

from collections.abc import Callable

from p2pchat.net.compartment import Scheduler
from p2pchat.net.loop import Timer


class Lingering:
    """Calls `close()` once the link has been neither needed nor used for `timeout` seconds.

    `needed()` returns whether either side needs it now. `timeout` 0: never.
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
        """Record a new link, and whether we dialled it."""
        self.stop()
        self._patience = self._timeout if dialled else 2 * self._timeout
        self.note_activity()
        if self._timeout:
            self._look_later(self._patience)

    def note_activity(self) -> None:
        """Record that something was sent or received, or that the link is no longer needed."""
        self._active_at = self._loop.now()

    def stop(self) -> None:
        """Record that the link has ended."""
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
