"""How much strangers may ask of the registry: the numbers, open connections, wrong passwords.

Pure: "now" is handed in. Addresses count as `group_of` says. Nothing is ever locked by an account's
name alone: an attacker who guesses at it elsewhere does not keep its owner out.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Final

from p2pchat.net.rate_limit import group_of

_MAX_REMEMBERED: Final = 100_000
"""Entries of one table; the oldest are forgotten first, so that memory has an end."""

_MAX_DOUBLINGS: Final = 40
_DAY: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers; 0 is without limit. Times in seconds, sizes in bytes."""

    connections_per_address: int = 1024
    new_connections_per_minute: int = 3000
    """From one address."""
    handshakes: int = 512
    """Under way at once, from everywhere."""
    login_timeout: float = 15.0
    """For the TLS handshake, and again from there to the login."""
    anonymous_links: int = 512
    """At the original listener, where nothing hurries a login: of more, the oldest goes."""
    frame_timeout: float = 10.0
    """From a frame's first byte to its last."""
    requests_per_second: int = 100
    """From one address, after a burst of so many:"""
    request_burst: int = 1000
    searches_per_minute: int = 600
    """By one account, or from one address where no login is needed."""
    announcements_per_minute: int = 60
    """Of ports, by one account; each is told to all who watch the user."""
    transient_logins: int = 32
    """Logins of one account at once that only ask something, as commands do."""
    login_tries: int = 10
    """Wrong passwords for one account from one address; each one more doubles the wait."""
    login_tries_per_address: int = 100
    longest_login_delay: float = 300.0
    registrations_per_hour: int = 1000
    registrations_per_hour_and_address: int = 100
    password_queue: int = 1024
    """Passwords that wait to be checked, of each rank."""
    send_queue: int = 96 * 1024
    """Of one connection whose remote does not read."""


NO_LIMITS: Final = Limits(**{field.name: 0 for field in fields(Limits)})


class Rank(IntEnum):
    """The priority of work; what a stranger can ask for never overtakes other work.

    A guesser's many addresses each come once as strangers, and then queue behind everybody else.
    """

    QUICK = 0
    """Needs no password hash."""
    KNOWN = 1
    """This account has logged in from that address before."""
    STRANGER = 2
    GUESSER = 3
    """A wrong password came from that address."""


class ConnectionCount:
    """Who has how many connections open."""

    def __init__(self, per_address: int) -> None:
        self.per_address = per_address
        self._open: Counter[str] = Counter()

    def open(self, host: str) -> bool:
        """Count one more; return False, uncounted, if there are too many."""
        group = group_of(host)
        if self.per_address and self._open[group] >= self.per_address:
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

    Counted for each account from each address, and for each address. A try counts as wrong from its
    beginning, so that many at once are no way around; a right one takes that back, and clears its
    account's count from there.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._tries: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def begin(self, username: str, host: str, now: float) -> float:
        """Count an attempt and return 0; or do not count it and return the seconds until one is
        allowed.
        """
        group = group_of(host)
        wait = max(
            self._wait((username, group), self.limits.login_tries, now),
            self._wait(("", group), self.limits.login_tries_per_address, now),
        )
        if not wait:
            self._add((username, group), 1, now)
            self._add(("", group), 1, now)
        return wait

    def rank(self, username: str, host: str, now: float) -> Rank:
        """Return the priority of an attempt from there; ask before it begins."""
        group = group_of(host)
        if (username, group) in self._known:
            return Rank.KNOWN
        return Rank.GUESSER if self._count(("", group), now) else Rank.STRANGER

    def succeeded(self, username: str, host: str, now: float) -> None:
        """Take back an attempt that was counted: the password was right."""
        group = group_of(host)
        self._tries.pop((username, group), None)
        self._add(("", group), -1, now)
        self.note_known(username, host)

    def note_known(self, username: str, host: str) -> None:
        """The account has logged in, or was made, from there; no try is taken back by that."""
        group = group_of(host)
        self._known[username, group] = None
        self._known.move_to_end((username, group))
        _forget_oldest(self._known)

    def _add(self, who: tuple[str, str], more: int, now: float) -> None:
        count = max(0, self._count(who, now) + more)
        self._tries.pop(who, None)
        if count:
            self._tries[who] = (count, now)
            _forget_oldest(self._tries)

    def _wait(self, who: tuple[str, str], free: int, now: float) -> float:
        beyond = self._count(who, now) - free
        if not free or beyond < 0:
            return 0.0
        delay = min(2.0 ** min(beyond, _MAX_DOUBLINGS), self.limits.longest_login_delay, _DAY)
        return max(0.0, self._tries[who][1] + delay - now)

    def _count(self, who: tuple[str, str], now: float) -> int:
        """Return what is left of the count: one less for each longest delay that has passed."""
        count, last = self._tries.get(who, (0, now))
        longest = self.limits.longest_login_delay
        return max(0, count - int((now - last) / longest)) if longest else count


def _forget_oldest(table: OrderedDict[tuple[str, str], Any]) -> None:
    while len(table) > _MAX_REMEMBERED:
        table.popitem(last=False)
