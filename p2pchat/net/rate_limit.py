"""Limits what one remote may request: token buckets, by key, and the grouping of addresses.

Does no I/O: "now" is a parameter.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

MINUTE: Final = 60
HOUR: Final = 3600

_MAX_REMEMBERED: Final = 100_000
"""Entries of one limit; the oldest are deleted first, to bound memory."""


def group_of(host: str) -> str:
    """Return the group of an IP address: itself for IPv4, its /64 for IPv6, as one customer has."""
    if ":" not in host:
        return host
    return str(ipaddress.ip_network((host, 64), strict=False))


class RateLimit:
    """Each key may take `burst` units at once, then `per_second`; if either is 0, no limit.

    `limited` is whether there is a limit.
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
        """Change the limit; units taken stay taken."""
        more = burst - self._burst
        self._left = OrderedDict((k, (left + more, at)) for k, (left, at) in self._left.items())
        self._per_second = per_second
        self._burst = burst
        self.limited = bool(burst and per_second)

    def take(self, key: Hashable, now: float, count: int = 1) -> float:
        """Take `count` units and return 0, or take none and return the seconds to wait for them."""
        if not self.limited:
            return 0.0
        left = self._now_left(key, now)
        if left < count:
            return (count - left) / self._per_second
        self._keep(key, left - count, now)
        return 0.0

    def overdraw(self, key: Hashable, now: float, count: int) -> float:
        """Take `count` units even if too few are left; return the seconds until none is owed.

        For what has already happened, such as bytes that were received.
        """
        if not self.limited:
            return 0.0
        left = self._now_left(key, now) - count
        self._keep(key, left, now)
        return max(0.0, -left / self._per_second)

    def give_back(self, key: Hashable, count: int) -> None:
        """Undo a take of so many units that was just made."""
        if self.limited:
            left, at = self._left[key]
            self._left[key] = left + count, at

    def wait(self, key: Hashable, now: float) -> float:
        """Return the seconds until a unit is available, without taking it."""
        if not self.limited:
            return 0.0
        return max(0.0, 1 - self._now_left(key, now)) / self._per_second

    def _now_left(self, key: Hashable, now: float) -> float:
        left, at = self._left.get(key, (float(self._burst), now))
        return min(self._burst, left + (now - at) * self._per_second)

    def _keep(self, key: Hashable, left: float, now: float) -> None:
        self._left[key] = (left, now)
        self._left.move_to_end(key)
        if len(self._left) > _MAX_REMEMBERED:
            self._left.popitem(last=False)
