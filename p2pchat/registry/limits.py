"""How much strangers may ask: budgets per address, and per account and address.

Pure: "now" is handed in. A limit of 0 is off. Addresses of IPv6 count by their /64, which is what
one customer has. Nothing is ever locked by an account's name alone: whoever guesses at it elsewhere
does not keep its owner out.
"""

import ipaddress
from collections import Counter, OrderedDict
from dataclasses import dataclass, fields
from typing import Final

_MAX_REMEMBERED: Final = 100_000
"""Entries of one table; the oldest are forgotten first, so that memory has an end."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers; times in seconds."""

    connections_per_address: int = 1024
    handshakes: int = 512
    login_timeout: float = 15.0
    frame_timeout: float = 10.0
    free_login_tries: int = 10
    free_login_tries_per_address: int = 100
    longest_login_delay: float = 300.0
    registrations_per_address_and_hour: int = 1000
    registrations_per_hour: int = 10_000


NO_LIMITS: Final = Limits(**{field.name: 0 for field in fields(Limits)})


def group_of(host: str) -> str:
    """Give what an address counts as: itself, or its /64."""
    if ":" not in host:
        return host
    return str(ipaddress.ip_network((host, 64), strict=False))


class ConnectionCount:
    """Who has how many connections open."""

    def __init__(self, per_address: int) -> None:
        self._per_address = per_address
        self._open: Counter[str] = Counter()

    def open(self, host: str) -> bool:
        """Count one more; False, and not counted, where it is too many."""
        group = group_of(host)
        if self._per_address and self._open[group] >= self._per_address:
            return False
        self._open[group] += 1
        return True

    def close(self, host: str) -> None:
        """Count one less."""
        group = group_of(host)
        self._open[group] -= 1
        if not self._open[group]:
            del self._open[group]


class LoginTries:
    """Wrong passwords, and for how long the next try must wait: twice as long after each.

    Counted for each account from each address, and for each address; a right one clears the first.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tries: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def wait(self, username: str, host: str, now: float) -> float:
        """Give the seconds until the account may be tried from there again; 0: now."""
        group = group_of(host)
        return max(
            self._wait((username, group), self._limits.free_login_tries, now),
            self._wait(("", group), self._limits.free_login_tries_per_address, now),
        )

    def failed(self, username: str, host: str, now: float) -> None:
        """Count a wrong password."""
        group = group_of(host)
        for who in ((username, group), ("", group)):
            count, last = self._tries.pop(who, (0, now))
            count = self._cooled(count, now - last) + 1
            self._tries[who] = (count, now)
        while len(self._tries) > _MAX_REMEMBERED:
            self._tries.popitem(last=False)

    def succeeded(self, username: str, host: str) -> None:
        """Forget the wrong ones of this account from there."""
        self._tries.pop((username, group_of(host)), None)

    def _wait(self, who: tuple[str, str], free: int, now: float) -> float:
        count, last = self._tries.get(who, (0, now))
        beyond = self._cooled(count, now - last) - free
        if not free or beyond < 0:
            return 0.0
        delay = min(2.0**beyond, self._limits.longest_login_delay)
        return max(0.0, last + delay - now)

    def _cooled(self, count: int, since: float) -> int:
        """Give what is left of the count: one less for each longest delay that has passed."""
        longest = self._limits.longest_login_delay
        return max(0, count - int(since / longest)) if longest else count


class Registrations:
    """New accounts in the last hour, per address and in all."""

    def __init__(self, limits: Limits) -> None:
        self._per_address = limits.registrations_per_address_and_hour
        self._in_all = limits.registrations_per_hour
        self._hour = 0
        self._made: Counter[str] = Counter()

    def take(self, host: str, now: float) -> bool:
        """Count one more; False, and not counted, where it is too many this hour."""
        hour = int(now // 3600)
        if hour != self._hour:
            self._hour = hour
            self._made.clear()
        group = group_of(host)
        if self._per_address and self._made[group] >= self._per_address:
            return False
        if self._in_all and self._made.total() >= self._in_all:
            return False
        self._made[group] += 1
        return True
