"""The router of the local network: its address, and a port passed on by UPnP.

Linux tells the router's address; elsewhere it is guessed. UPnP needs the optional library
miniupnpc. What uses UPnP blocks and belongs on a worker thread. For PCP and NAT-PMP see
`port_mapping`.
"""

import ipaddress
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from p2pchat.errors import Unreachable
from p2pchat.protocol.address import Address

_ROUTES: Final = Path("/proc/net/route")

_DISCOVERY_MS: Final = 1000

_NO_IGD: Final = "no router answers by UPnP"
_NO_LIBRARY: Final = "UPnP is not installed here"


def default_gateway(own_host: str) -> str:
    """Return the IPv4 address of the router that a machine with that address uses.

    Without a routing table to read, it is taken for the first address of the network, as usual.
    """
    with suppress(OSError):
        return _in_table(_ROUTES.read_text()) or _first_of(own_host)
    return _first_of(own_host)


def _in_table(table: str) -> str:
    """Return the router of the first default route in Linux's table; empty if there is none."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        is_default = len(fields) > 7 and not (int(fields[1], 16) or int(fields[7], 16))
        if is_default and int(fields[2], 16):
            return str(ipaddress.IPv4Address(int(fields[2], 16).to_bytes(4, "little")))
    return ""


def _first_of(own_host: str) -> str:
    return str(ipaddress.IPv4Network(f"{own_host}/24", strict=False)[1])


class UpnpPort:
    """A TCP port that the router passes on to us, asked for by UPnP.

    `router` is its address: another machine that claims to be one is not believed. `open` and
    `remove` block.
    """

    def __init__(self, router: str, port: int, lifetime: int) -> None:
        self.lifetime = lifetime
        self.external = Address("", port)
        """The router's own address, once the port is open, and the same port there."""
        self._host = router
        self._router: Any = None
        self._is_given_up = False

    def give_up(self) -> None:
        """Make `open` remove the mapping at once, because the caller has stopped waiting."""
        self._is_given_up = True

    def open(self) -> "UpnpPort":
        """Ask the router for the port, for `lifetime` seconds, and return this.

        Raise Unreachable if there is no such router, or it refuses. Those that open a port only
        for ever are not used: it would outlive a crash.
        """
        self._router = router = self._discover()
        port = self.external.port
        try:
            host = str(router.externalipaddress())
            router.addportmapping(port, "TCP", router.lanaddr, port, "p2pchat", "", self.lifetime)
        except Exception as error:  # noqa: BLE001  # the library raises nothing more specific
            raise Unreachable(f"the router refuses a port by UPnP: {error}") from None
        if self._is_given_up:
            self.remove()
            raise Unreachable("the port is no longer wanted")
        self.external = Address(host, port)
        return self

    def remove(self) -> None:
        """Release the port; a router that does not answer keeps it until it expires."""
        with suppress(Exception):
            self._router.deleteportmapping(self.external.port, "TCP")

    def _discover(self) -> Any:
        """Return the router, if it answers by UPnP. Raise Unreachable if it does not."""
        try:
            import miniupnpc  # optional, and rarely needed
        except ImportError:
            raise Unreachable(_NO_LIBRARY, reason=_NO_LIBRARY) from None
        router = miniupnpc.UPnP()
        router.discoverdelay = _DISCOVERY_MS
        try:
            router.discover()
            url = router.selectigd()
        except Exception as error:  # the library raises nothing more specific
            raise Unreachable(_NO_IGD, reason=_NO_IGD) from error
        if urlsplit(str(url)).hostname != self._host:
            raise Unreachable(_NO_IGD, reason=_NO_IGD)
        return router
