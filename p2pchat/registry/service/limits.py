"""Rate limits of the registry: the numbers, open connections, wrong passwords.

Does no I/O: the time is a parameter. Addresses are grouped by `group_of`. No account is locked by
its name alone, so an attacker who guesses passwords elsewhere cannot lock its owner out.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Final

from p2pchat.net.rate_limit import group_of

_MAX_REMEMBERED: Final = 100_000
"""The most entries of one table; the oldest are dropped first, to bound memory."""

_MAX_DOUBLINGS: Final = 40
_DAY: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits; 0 means no limit. Times in seconds, sizes in bytes."""

    connections_per_address: int = 1024
    new_connections_per_minute: int = 3000
    """From one address."""
    handshakes: int = 512
    """In progress at once, from all addresses."""
    login_timeout: float = 15.0
    """For the TLS handshake, and again from its end to the login."""
    anonymous_links: int = 512
    """Not logged in, at the original listener, which has no login timeout; beyond it the oldest is
    closed.
    """
    frame_timeout: float = 10.0
    """From a frame's first byte to its last."""
    requests_per_second: int = 100
    """From one address, after a burst of `request_burst`."""
    request_burst: int = 1000
    searches_per_minute: int = 600
    """By one account, or from one address where no login is needed."""
    announcements_per_minute: int = 60
    """Ports announced by one account; each is sent to all watchers of the user."""
    transient_logins: int = 32
    """Concurrent logins of one account by one-shot commands."""
    login_tries: int = 10
    """Wrong passwords for one account from one address; each further one doubles the wait."""
    login_tries_per_address: int = 100
    longest_login_delay: float = 300.0
    registrations_per_hour: int = 1000
    registrations_per_hour_and_address: int = 100
    password_queue: int = 1024
    """Password checks waiting, for each rank."""
    send_queue: int = 96 * 1024
    """Unsent bytes of one connection whose client does not read."""
    meets_per_minute: int = 60
    """Circuits that one account asks for."""
    circuits: int = 4096
    """Open at once, of all accounts; beyond it, one that has been idle for a minute is closed."""
    circuits_per_account: int = 32
    """Open at once, that the account has asked for."""
    circuits_per_pair: int = 4
    """Between the same two users; beyond it the oldest is closed."""
    waiting_circuits: int = 512
    """Ends that wait for the other one; beyond it the oldest is closed."""
    circuit_bytes_per_second: int = 1024 * 1024
    """That an account sends in all its circuits, after a burst of four seconds."""
    relay_bytes_per_second: int = 0
    """That all accounts send in all circuits."""
    relay_bytes_per_day: int = 1024 * 1024 * 1024
    """That an account sends in a day; beyond it its circuits end, and new ones are short."""
    box_bytes: int = 16 * 1024 * 1024
    box_runs: int = 1000
    """Of sealed lines in the mailbox of one user's key; beyond them, nothing is left there."""
    pass_bytes_per_day: int = 4 * 1024 * 1024
    pass_runs: int = 200
    """Of sealed lines that one contact leaves in one mailbox: in a day, and at once."""


NO_LIMITS: Final = Limits(**{field.name: 0 for field in fields(Limits)})


class Rank(IntEnum):
    """The priority of a job; jobs that strangers can cause never overtake others.

    Each of a guesser's addresses is a stranger once, and ranks last from then on.
    """

    QUICK = 0
    """Needs no password hash."""
    KNOWN = 1
    """This account has logged in from that address before."""
    STRANGER = 2
    GUESSER = 3
    """A wrong password was tried from that address."""


class ConnectionCount:
    """Counts open connections by address."""

    def __init__(self, per_address: int) -> None:
        self.per_address = per_address
        self._open: Counter[str] = Counter()

    def open(self, host: str) -> bool:
        """Count one more; return False, without counting, if there are too many."""
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
    """Counts wrong passwords, and computes the wait before the next try; each one doubles it.

    They are counted for each pair of account and address, and for each address. A try counts as
    wrong until it succeeds, so that parallel tries gain nothing; success takes it back and clears
    the count of that pair.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._tries: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def begin(self, username: str, host: str, now: float) -> float:
        """Count a try and return 0; or return the seconds to wait, without counting."""
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
        """Return the priority of a try from there; call before `begin`."""
        group = group_of(host)
        if (username, group) in self._known:
            return Rank.KNOWN
        return Rank.GUESSER if self._count(("", group), now) else Rank.STRANGER

    def succeeded(self, username: str, host: str, now: float) -> None:
        """Take back a counted try: the password was right."""
        group = group_of(host)
        self._tries.pop((username, group), None)
        self._add(("", group), -1, now)
        self.note_known(username, host)

    def note_known(self, username: str, host: str) -> None:
        """Record that the account has logged in or was created from there; withdraws no try."""
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
        """Return the remaining count: one less for each longest delay that has passed."""
        count, last = self._tries.get(who, (0, now))
        longest = self.limits.longest_login_delay
        return max(0, count - int((now - last) / longest)) if longest else count


def _forget_oldest(table: OrderedDict[tuple[str, str], Any]) -> None:
    while len(table) > _MAX_REMEMBERED:
        table.popitem(last=False)
