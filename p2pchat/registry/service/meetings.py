"""Short-lived, single-use tickets that allow two users to be joined by a circuit.

No socket; the time is passed in.
"""

import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from p2pchat.net.rate_limit import RateLimit
from p2pchat.protocol.meeting import TICKET_BYTES, TICKET_LIFETIME
from p2pchat.protocol.messages import Reason
from p2pchat.registry.service.limits import Limits

_DAY: Final = 86400.0
_BURST_S: Final = 4
"""Seconds of the bytes of a circuit that may come at once."""

_MOST_TICKETS: Final = 10_000
"""The oldest are dropped first."""


class Pair(NamedTuple):
    """The users of a circuit, which is counted for the caller."""

    caller: str
    callee: str


class Seat(NamedTuple):
    """One end of an arranged circuit; both have the same `number`."""

    number: int
    pair: Pair
    is_caller: bool

    @property
    def username(self) -> str:
        """The user at this end."""
        return self.pair.caller if self.is_caller else self.pair.callee


class Terms(NamedTuple):
    """What a circuit may carry, in bytes, and how long it lasts, in seconds; 0: without limit."""

    bytes: int
    seconds: float


UNLIMITED: Final = Terms(0, 0)
SHORT: Final = Terms(64 * 1024, 60)
"""Enough for two users to find a direct connection, and for some lines."""

_SHORT_BURST: Final = 2
_SHORT_PER_HOUR: Final = 60
"""Short circuits that one account asks for."""
_SHORT_EVERY: Final = 30.0
"""Seconds after which a pair may have another short circuit: they must not replace a long one."""


class Meetings:
    """The tickets that were given out, and what circuits may use.

    Circuits are counted for the user who has asked for them, bytes for the one who sends them.
    """

    def __init__(self, limits: Limits) -> None:
        self._tickets: OrderedDict[bytes, tuple[Seat, float]] = OrderedDict()
        self._count = 0
        self.relays = True
        """Whether circuits may last; otherwise all are short."""
        self.make_room: Callable[[], bool] = lambda: False
        """Ends an idle circuit if there are too many; returns whether there was one."""
        self._open: Counter[str] = Counter()
        self._meets = RateLimit.per_minute(0)
        self._rate = RateLimit(0, 0)
        self._in_all = RateLimit(0, 0)
        self._daily = RateLimit(0, 0)
        self._short = RateLimit(1 / _SHORT_EVERY, _SHORT_BURST)
        self._short_of = RateLimit.per_hour(_SHORT_PER_HOUR)
        self.reconfigure(limits)

    def reconfigure(self, limits: Limits) -> None:
        """Apply these limits from now on; open circuits stay."""
        self._limits = limits
        self._meets.change(limits.meets_per_minute / 60, limits.meets_per_minute)
        rate = limits.circuit_bytes_per_second
        self._rate.change(rate, rate * _BURST_S)
        in_all = limits.relay_bytes_per_second
        self._in_all.change(in_all, max(in_all // 4, 1) if in_all else 0)
        daily = limits.relay_bytes_per_day
        self._daily.change(daily / _DAY, daily)

    def wait(self, caller: str, now: float) -> float:
        """Count a request for a circuit; return the seconds to wait if there are too many."""
        return self._meets.take(caller, now)

    def terms(self, pair: Pair, now: float) -> Terms:
        """Return the terms of a circuit; it is short if either user has used up the day's bytes."""
        is_short = not self.relays or any(self._daily.wait(user, now) for user in pair)
        return SHORT if is_short else UNLIMITED

    def why_not(self, pair: Pair, now: float) -> Reason | None:
        """Return why the caller can have no further circuit now; None if there can be one."""
        limits, caller = self._limits, pair.caller
        is_short = self.terms(pair, now) is SHORT
        if is_short and (
            self._short.wait(frozenset(pair), now) or self._short_of.wait(caller, now)
        ):
            return Reason.RELAY_FULL if self.relays else Reason.RELAY_OFF
        if limits.circuits and self._open.total() >= limits.circuits and not self.make_room():
            return Reason.RELAY_FULL
        if limits.circuits_per_account and self._open[caller] >= limits.circuits_per_account:
            return Reason.RELAY_FULL
        return None

    def arrange(self, pair: Pair, now: float) -> tuple[bytes, bytes]:
        """Return a ticket for the caller and one for the callee."""
        self._drop_expired(now)
        self._count += 1
        tickets = secrets.token_bytes(TICKET_BYTES), secrets.token_bytes(TICKET_BYTES)
        for ticket, is_caller in zip(tickets, (True, False), strict=True):
            self._tickets[ticket] = Seat(self._count, pair, is_caller), now + TICKET_LIFETIME
        while len(self._tickets) > _MOST_TICKETS:
            self._tickets.popitem(last=False)
        return tickets

    def redeem(self, ticket: bytes, now: float) -> Seat | None:
        """Return the seat that the ticket is for, which is used up; None if it is not valid."""
        self._drop_expired(now)
        seat, _ = self._tickets.pop(ticket, (None, 0.0))
        return seat

    def note_open(self, pair: Pair, now: float) -> Terms:
        """Record that a circuit is open, which counts for the caller; return its terms."""
        self._open[pair.caller] += 1
        terms = self.terms(pair, now)
        if terms is SHORT:
            self._short.take(frozenset(pair), now)
            self._short_of.take(pair.caller, now)
        return terms

    def note_closed(self, caller: str) -> None:
        """Record that a circuit of that caller has ended."""
        self._open[caller] -= 1
        if not self._open[caller]:
            del self._open[caller]

    def count_bytes(
        self, sender: str, count: int, now: float, *, is_short: bool = False
    ) -> float | None:
        """Count bytes that a user sends; return the seconds to wait before more are read.

        None: the day's bytes are used up, and the circuit ends. A short circuit counts for no day.
        """
        if not is_short and self._daily.take(sender, now, count):
            self._daily.overdraw(sender, now, count)  # so that the next circuit is a short one
            return None
        return max(self._rate.overdraw(sender, now, count), self._in_all.overdraw("", now, count))

    def _drop_expired(self, now: float) -> None:
        while self._tickets:
            _, (_, deadline) = next(iter(self._tickets.items()))
            if deadline > now:
                return
            self._tickets.popitem(last=False)
