"""How much one remote may ask: token buckets by key, and what an address counts as.

Pure: "now" is handed in. Knows neither what is asked nor what a refusal says.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

MINUTE: Final = 60
HOUR: Final = 3600

_MAX_REMEMBERED: Final = 100_000
"""Entries of one limit; the oldest are forgotten first, so that memory has an end."""


def group_of(host: str) -> str:
    """Return what an IP address counts as: itself, or its /64, which is what one customer has."""
    if ":" not in host:
        return host
    return str(ipaddress.ip_network((host, 64), strict=False))


class RateLimit:
    """Each key may take `burst` at once, and `per_second` on; where either is 0, without end.

    `limited` tells whether there is an end: without one, callers need not ask.
    """

    def __init__(self, per_second: float, burst: int) -> None:
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._burst = 0
        self.change(per_second, burst)

    @classmethod
    def per_minute(cls, count: int) -> "RateLimit":
        """Return a rate limit of `count` units a minute, which may all be spent at once."""
        return cls(count / MINUTE, count)

    @classmethod
    def per_hour(cls, count: int) -> "RateLimit":
        """Return a rate limit of `count` units an hour, which may all be spent at once."""
        return cls(count / HOUR, count)

    def change(self, per_second: float, burst: int) -> None:
        """Allow so much from now on; what was taken stays taken."""
        more = burst - self._burst
        self._left = OrderedDict((k, (left + more, at)) for k, (left, at) in self._left.items())
        self._per_second = per_second
        self._burst = burst
        self.limited = bool(burst and per_second)

    def take(self, key: Hashable, now: float) -> float:
        """Take a unit and return 0, or take none and return the seconds until one is available."""
        wait = self.wait(key, now)
        if self.limited and not wait:
            self._left[key] = (self._now_left(key, now) - 1, now)
            self._left.move_to_end(key)
            if len(self._left) > _MAX_REMEMBERED:
                self._left.popitem(last=False)
        return wait

    def wait(self, key: Hashable, now: float) -> float:
        """Return the seconds until a unit is available, without taking it."""
        if not self.limited:
            return 0.0
        return max(0.0, 1 - self._now_left(key, now)) / self._per_second

    def _now_left(self, key: Hashable, now: float) -> float:
        left, at = self._left.get(key, (float(self._burst), now))
        return min(self._burst, left + (now - at) * self._per_second)
