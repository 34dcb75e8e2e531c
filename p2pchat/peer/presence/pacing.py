"""Report a value that a remote can change at will, but at a bounded rate."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from p2pchat.net.compartment import Scheduler
from p2pchat.net.loop import Timer

T = TypeVar("T")

_EVERY: Final = 1.0
"""Seconds between two calls; what changed in between is told at their end."""


class Paced(Generic[T]):
    """Call `tell(value)` when the value changes: at once, but no more than once a second.

    The last value is always told, if it is not the one that was told before it.
    """

    def __init__(self, loop: Scheduler, value: T, tell: Callable[[T], None]) -> None:
        self._loop = loop
        self._value = self._told = value
        self._tell = tell
        self._pause: Timer | None = None

    @property
    def value(self) -> T:
        """The value, whether it was told or not."""
        return self._value

    def set(self, value: T) -> None:
        """The value is that from now on."""
        self._value = value
        if self._pause is None:
            self._tell_if_changed()

    def _tell_if_changed(self) -> None:
        if self._value != self._told:
            self._told = self._value
            self._pause = self._loop.call_later(_EVERY, self._go_on)
            self._tell(self._value)

    def _go_on(self) -> None:
        self._pause = None
        self._tell_if_changed()
