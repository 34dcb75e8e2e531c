"""A deadline for pending work before leaving; undelivered lines stay in the outbox."""

from collections.abc import Callable
from typing import Final

from p2pchat.net.compartment import Scheduler
from p2pchat.net.loop import Timer

_SECONDS: Final = 15.0


class Patience:
    """A deadline that starts at the first call of `is_over`, and again after `stop`."""

    def __init__(self) -> None:
        self._timer: Timer | None = None

    def is_over(self, scheduler: Scheduler, then: Callable[[], None]) -> bool:
        """Return whether the time is over; otherwise `then` is called when it is."""
        if self._timer is None:
            self._timer = scheduler.call_later(_SECONDS, then)
            return False
        return not self._timer.live

    def stop(self) -> None:
        """Reset the deadline, because there was progress."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
