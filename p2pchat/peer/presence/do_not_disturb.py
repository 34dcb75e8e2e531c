"""Do not disturb: on until turned off, or for a limited time."""

from collections.abc import Callable

from p2pchat.net.compartment import Scheduler
from p2pchat.net.loop import Timer


class DoNotDisturb:
    """While it `is_on`, strangers get BUSY, and lines of contacts arrive without a sound."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._end: Timer | None = None
        self.is_on = False

    def turn(
        self,
        *,
        on: bool,
        seconds: float | None = None,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        """Turn it on or off; `at_end` is called when it turns itself off after `seconds`."""
        self.close()
        self.is_on = on
        if on and seconds is not None:

            def end() -> None:
                self.turn(on=False)
                at_end()

            self._end = self._scheduler.call_later(seconds, end)

    def close(self) -> None:
        """Cancel the timer."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
