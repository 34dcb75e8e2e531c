"""How long what is under way is waited for before we leave; what is left waits in the outbox."""

from collections.abc import Callable
from typing import Final

from p2pchat.net.compartment import Scheduler
from p2pchat.net.loop import Timer

_SECONDS: Final = 15.0


class Patience:
    """A deadline that starts at the first question whether it `is_over`, also after `stop`."""

    def __init__(self) -> None:
        self._timer: Timer | None = None

    def is_over(self, scheduler: Scheduler, then: Callable[[], None]) -> bool:
        """Return whether it has lasted long enough; `then` is called when it has."""
        if self._timer is None:
            self._timer = scheduler.call_later(_SECONDS, then)
            return False
        return not self._timer.live

    def stop(self) -> None:
        """Something has happened that was waited for."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
