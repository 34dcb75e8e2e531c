"""Ways from a circuit to a direct connection: what we offer, and trying what the contact offers.

An end is reached at the port from which it has dialled the circuit, Q: routers have a mapping for
it already. Both ends dial and listen there at once, so that each opens its own firewall for the
other ("hole punching"). Knows neither chats nor who asks; see `chat.upgrade`.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from p2pchat.errors import P2PError
from p2pchat.net.address import Kind, is_ip, kind_of, plain_host
from p2pchat.net.endpoints import Closable, Network
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop, Timer
from p2pchat.net.rate_limit import group_of
from p2pchat.net.transport import Wire
from p2pchat.peer.calls.peer_links import SecureLinks
from p2pchat.protocol.address import Address
from p2pchat.protocol.talk import MOST_PATHS, Paths

_AGAIN: Final = 0.1
"""Seconds after which a refused address is dialled again: the other end may listen by then."""

_MOST_SHAKING: Final = 16
_MOST_OF_ONE: Final = 4
"""Handshakes under way at Q, from all and from one address or IPv6 network."""

_RESPONDER_LATER: Final = 0.5
"""Seconds by which the responder's ordinary dials follow the initiator's."""


def dialable(places: Iterable[tuple[str, int]], ours: Iterable[str]) -> list[Address]:
    """Return the offered addresses that we may dial; `ours` are our own hosts.

    Those of private networks only if we are in one of that kind, and never our own.
    """
    own = set(map(plain_host, ours))
    allowed = {Kind.GLOBAL, *map(kind_of, own)} - {Kind.NOWHERE}
    offered = dict.fromkeys((plain_host(host), port) for host, port in places)
    return [Address(h, p) for h, p in offered if h not in own and kind_of(h) in allowed]


OnDirectLink = Callable[[Link, bytes | None, bool], None]
"""Receives a link, the key that its remote proved, and whether it comes from port Q."""


class DirectPaths:
    """Offer and try direct paths.

    `listen_port()` is the port of our peer server, if any, `mapped()` the address at which a router
    passes connections on to it, if one does. `is_hidden`: there are none, because the
    contact would see our address.
    """

    def __init__(
        self,
        loop: Loop,
        network: Network,
        links: SecureLinks,
        listen_port: Callable[[], int | None],
        mapped: Callable[[], Address | None],
        *,
        lan: bool = True,
        is_hidden: bool = False,
    ) -> None:
        self._loop = loop
        self._network = network
        self._links = links
        self._listen_port = listen_port
        self._mapped = mapped
        self._lan = lan
        self.is_hidden = is_hidden

    def offer(self, circuit: Link) -> Paths:
        """Return where we might be reached directly, by the contact on this circuit."""
        if self.is_hidden:
            return Paths()
        local, seen_as = circuit.local, circuit.seen_as
        hosts = [h for h in dict.fromkeys([local.host, *self._network.own_hosts()]) if is_ip(h)]
        hosts = [host for host in hosts if self._may_tell(host)]
        punch = [(host, local.port) for host in hosts]
        if seen_as is not None and self._may_tell(seen_as.host):
            punch.append((seen_as.host, seen_as.port))
            hosts = list(dict.fromkeys([*hosts, seen_as.host]))
        port = self._listen_port()
        listens = [] if port is None else [(host, port) for host in hosts]
        mapped = self._mapped()
        if mapped is not None:
            listens.insert(0, mapped)
        return Paths(_some(punch), _some(listens))

    def _may_tell(self, host: str) -> bool:
        kind = kind_of(host)
        return kind is Kind.GLOBAL or (self._lan and kind is not Kind.NOWHERE)

    def try_all(
        self, circuit: Link, theirs: Paths, then: OnDirectLink, *, is_initiator: bool
    ) -> Closable:
        """Dial and listen until closed; `then` receives each link whose remote proves a key."""
        ours = [circuit.local.host, *self._network.own_hosts()]
        trial = _Trial(self._loop, self._network, self._links, then, is_initiator=is_initiator)
        trial.listen(circuit.local.port)
        for address in dialable(theirs.punch, ours):
            trial.punch(circuit.local.port, address)
        wait = 0.0 if is_initiator else _RESPONDER_LATER
        for address in dialable(theirs.listens, ours):
            trial.dial_later(wait, address)
        return trial


def _some(places: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Return the places that may be offered, each once."""
    return tuple(p for p in dict.fromkeys(places) if p[1] >= 1024)[:MOST_PATHS]


class _Trial:
    """The dials, listeners and handshakes of one trial."""

    def __init__(
        self,
        loop: Loop,
        network: Network,
        links: SecureLinks,
        then: OnDirectLink,
        *,
        is_initiator: bool,
    ) -> None:
        self._loop = loop
        self._network = network
        self._links = links
        self._then = then
        self._is_initiator = is_initiator
        self._open = True
        self._parts: list[Closable] = []  # listeners, dials and handshakes
        self._shaking: dict[Wire, str] = {}  # at Q, each with the group of its remote
        self._timers: set[Timer] = set()

    def close(self) -> None:
        """Stop everything; links that were handed over stay open."""
        self._open = False
        for timer in self._timers:
            timer.cancel()
        for part in self._parts:
            part.close()
        self._parts.clear()

    def listen(self, port: int) -> None:
        """Listen at the port Q, for every kind of IP that this machine has."""
        for host in ("0.0.0.0", "::"):  # noqa: S104  # the contact comes from anywhere
            try:
                listener = self._network.listen(Address(host, port), self._punched, shared=True)
            except P2PError:
                continue  # no IPv6 here, or IPv4 is covered
            self._parts.append(listener)

    def punch(self, port: int, address: Address) -> None:
        """Dial the address from the port Q, and again whenever it refuses."""

        def refused(_: P2PError) -> None:
            self._later(_AGAIN, partial(self.punch, port, address))

        if self._open:
            dial = self._network.dial(
                address, _DIAL_TIMEOUT, self._punched, refused, from_port=port
            )
            self._parts.append(dial)

    def dial_later(self, seconds: float, address: Address) -> None:
        """Dial the contact's peer server at the address, as any caller would."""
        self._later(seconds, partial(self._dial, address))

    def _dial(self, address: Address) -> None:
        def linked(link: Link, key: bytes | None) -> None:
            self._then(link, key, False)

        self._parts.append(self._links.dial(address, _DIAL_TIMEOUT, linked, _ignored))

    def _punched(self, wire: Wire) -> None:
        """Begin the handshake on a connection of port Q.

        The initiator is the TLS client, whichever end has dialled.
        """
        group, groups = group_of(wire.origin), list(self._shaking.values())
        is_too_much = len(groups) >= _MOST_SHAKING or groups.count(group) >= _MOST_OF_ONE
        if not self._open or is_too_much or wire.local == wire.remote:
            wire.abort()
            return
        self._shaking[wire] = group
        shake = self._links.shake_as_dialler if self._is_initiator else self._links.take

        def linked(link: Link, key: bytes | None) -> None:
            self._shaking.pop(wire, None)
            self._then(link, key, True)

        def failed(_: P2PError) -> None:
            self._shaking.pop(wire, None)

        self._parts.append(shake(wire, linked, failed))

    def _later(self, seconds: float, callback: Callable[[], None]) -> None:
        if self._open:
            timer = self._loop.call_later(seconds, callback)
            self._timers = {each for each in self._timers if each.live} | {timer}


_DIAL_TIMEOUT: Final = 8.0


def _ignored(_: P2PError) -> None:
    """Ignore that an address does not answer: others may."""
