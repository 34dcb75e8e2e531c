"""A port of the router, kept open for callers while we are online (RFC 6886, RFC 6887).

Only behind a router, and only if the registry is elsewhere. Knows no chats.
"""

from collections.abc import Callable
from typing import Final

from p2pchat.errors import P2PError
from p2pchat.net.address import Kind, is_ip, is_loopback, kind_of
from p2pchat.net.endpoints import Network
from p2pchat.net.loop import Loop, Timer
from p2pchat.net.port_mapping import PortMapping, PortRequest, Router
from p2pchat.protocol.address import Address

_SHORTEST: Final = 60.0
_AGAIN: Final = 900.0
"""Seconds after which a router that has refused is asked again."""

_NEEDED_FROM: Final = (Kind.PRIVATE, Kind.CARRIER)


class PortMapper:
    """The port that the router passes on to our peer server, from `begin` until `close`.

    `on_change(external)` is called with the address at which the world reaches us through the
    router, and None once that is over.
    """

    def __init__(
        self, loop: Loop, network: Network, on_change: Callable[[Address | None], None]
    ) -> None:
        self.external: Address | None = None
        """The address at which others reach us through the router."""
        self._loop = loop
        self._network = network
        self._on_change = on_change
        self._router: Router | None = None
        self._request: PortRequest | None = None
        self._mapping: PortMapping | None = None
        self._timer: Timer | None = None
        self._asked_for = ("", "", 0)  # router, own host, port

    def begin(self, listening: Address, registry_host: str) -> None:
        """Ask for a port to where our peer server listens: we have just logged in.

        That may be in another network than before. A registry on this machine or in the local
        network needs no port.
        """
        place = self._network.gateway()
        is_far = is_ip(registry_host) and kind_of(registry_host) is Kind.GLOBAL
        is_open = not is_loopback(listening.host)
        if place is None or kind_of(place[1]) not in _NEEDED_FROM or not (is_far and is_open):
            self.close()
            return
        host, own_host = place
        port = listening.port
        if self._asked_for == (host, own_host, port) and self._request is not None:
            return  # the answer is on its way
        if self._asked_for != (host, own_host, port):
            self.close()
            self._router = Router(self._loop, self._network, host, own_host)
            self._asked_for = host, own_host, port
        self._ask()

    def close(self) -> None:
        """Release the port."""
        self._stop()
        if self._mapping is not None and self._router is not None:
            self._router.remove(self._mapping)
        self._mapping = self._router = None
        self._asked_for = ("", "", 0)
        self._note(None)

    def _ask(self) -> None:
        self._stop()
        assert self._router is not None
        self._request = self._router.ask(
            self._asked_for[2], self._granted, self._refused, before=self._mapping
        )

    def _granted(self, mapping: PortMapping) -> None:
        self._request = None
        self._mapping = mapping
        self._later(max(mapping.lifetime / 2, _SHORTEST))
        # A router that is itself behind another one is of no use to the world.
        is_public = kind_of(mapping.external.host) is Kind.GLOBAL
        self._note(mapping.external if is_public else None)

    def _refused(self, _: P2PError) -> None:
        self._request = self._mapping = None
        self._later(_AGAIN)
        self._note(None)

    def _later(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self._ask)

    def _note(self, external: Address | None) -> None:
        if external != self.external:
            self.external = external
            self._on_change(external)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._request is not None:
            self._request.close()
            self._request = None
