"""Homes behind routers on the internet in memory: how they translate, and whom they let in.

Names of the rules are those of RFC 4787. The routers here never forget a mapping.
"""

from enum import Enum, auto
from typing import NamedTuple

from p2pchat.protocol.address import Address
from tests.fakes import NO_ANSWER, REFUSED, MemoryInternet, Route


class Mapping(Enum):
    """Which address a router gives to connections of a machine behind it."""

    NONE = auto()
    """Its own: there is only a firewall."""
    SAME = auto()
    """One for all destinations (endpoint-independent)."""
    EACH = auto()
    """Another one for each destination (address- and port-dependent)."""


class Filter(Enum):
    """Who may come in."""

    ANYBODY = auto()
    """At a mapping that there is."""
    ASKED = auto()
    """Only the address and port that was sent to."""
    RESET = auto()
    """As ASKED, but others are refused."""


class Kind(NamedTuple):
    """A kind of home; `levels`: so many such routers, one behind the other.

    `is_open`: every port leads inside at once, as without a router.
    """

    mapping: Mapping
    filter: Filter
    is_open: bool = False
    levels: int = 1


KINDS = {
    "open": Kind(Mapping.NONE, Filter.ANYBODY, is_open=True),
    "firewall": Kind(Mapping.NONE, Filter.ASKED),
    "resetting firewall": Kind(Mapping.NONE, Filter.RESET),
    "forwarded": Kind(Mapping.SAME, Filter.ANYBODY, is_open=True),
    "full cone": Kind(Mapping.SAME, Filter.ANYBODY),
    "nat": Kind(Mapping.SAME, Filter.ASKED),
    "resetting nat": Kind(Mapping.SAME, Filter.RESET),
    "symmetric": Kind(Mapping.EACH, Filter.ASKED),
    "resetting symmetric": Kind(Mapping.EACH, Filter.RESET),
    "open symmetric": Kind(Mapping.EACH, Filter.ANYBODY, is_open=True),
    "carrier": Kind(Mapping.SAME, Filter.ASKED, levels=2),
    "symmetric carrier": Kind(Mapping.EACH, Filter.ASKED, levels=2),
}


class Router:
    """One router, with the address `outside`; of a firewall, the machine's own."""

    def __init__(self, kind: Kind, outside: str, inside: str) -> None:
        self.kind = kind
        self.outside = outside
        self._inside = inside
        self._ports = iter(range(1024, 65536))
        self._by_inside: dict[tuple[Address, Address | None], Address] = {}
        self._by_outside: dict[Address, Address] = {}
        self._asked: set[tuple[Address, Address]] = set()  # our outer address, and to whom

    def out(self, sender: Address, to: Address) -> Address:
        """Return the sender's address outside, when it sends to that one."""
        if self.kind.mapping is Mapping.NONE:
            mapped = sender
        else:
            key = sender, to if self.kind.mapping is Mapping.EACH else None
            if key not in self._by_inside:
                self._by_inside[key] = Address(self.outside, next(self._ports))
                self._by_outside[self._by_inside[key]] = sender
            mapped = self._by_inside[key]
        self._asked.add((mapped, to))
        return mapped

    def into(self, address: Address, sender: Address) -> Address | str:
        """Return where a connection to our outer address leads, or why it does not."""
        inside = self._by_outside.get(address)
        if inside is None and (self.kind.is_open or self.kind.mapping is Mapping.NONE):
            inside = Address(self._inside, address.port)
        may_come = self.kind.filter is Filter.ANYBODY or (address, sender) in self._asked
        if inside is not None and may_come:
            return inside
        return REFUSED if self.kind.filter is Filter.RESET else NO_ANSWER


class NatInternet(MemoryInternet):
    """An internet on which machines are at home behind routers."""

    homes: dict[str, list[Router]]
    """The routers of each machine, the nearest first."""

    _outer: dict[str, Router]
    _count = 0

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.homes = {}
        self._outer = {}

    def settle(self, host: str, kind: Kind) -> None:
        """Put a machine behind routers of that kind."""
        self.homes[host] = []
        inside = host
        for level in range(kind.levels):
            self._count += 1
            number = f"{self._count // 250}.{self._count % 250 + 1}"
            is_last = level == kind.levels - 1
            outside = f"5.6.{number}" if is_last else f"100.64.{number}"
            router = Router(kind, host if kind.mapping is Mapping.NONE else outside, inside)
            self.homes[host].append(router)
            self._outer[router.outside] = router
            inside = router.outside

    def route(self, local: Address, address: Address) -> Route | str:
        """Return how a connection runs, or why it does not; hairpins are dropped."""
        routers = self.homes.get(local.host, [])
        if address.host in {router.outside for router in routers} | {local.host}:
            return NO_ANSWER
        seen = local
        for router in routers:
            seen = router.out(seen, address)
        target = address
        while (router_there := self._outer.get(target.host)) is not None:
            led = router_there.into(target, seen)
            if isinstance(led, str):
                return led
            if led == target:
                break  # a firewall
            target = led
        if target == address and address.host in self.homes and address.host not in self._outer:
            return NO_ANSWER  # a private address of another home
        return Route(seen, target)
