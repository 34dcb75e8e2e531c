"""The router of the local network: its address, and a port passed on by UPnP.

Linux tells the router's address; elsewhere it is guessed. UPnP needs the optional library
miniupnpc. What uses UPnP blocks and belongs on a worker thread. For PCP and NAT-PMP see
`port_mapping`.
"""

import ipaddress
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

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
        if len(fields) > 2 and int(fields[1], 16) == 0 and int(fields[2], 16):
            return str(ipaddress.IPv4Address(int(fields[2], 16).to_bytes(4, "little")))
    return ""


def _first_of(own_host: str) -> str:
    return str(ipaddress.IPv4Network(f"{own_host}/24", strict=False)[1])


class UpnpPort:
    """A TCP port that the router passes on to us, found and asked for by UPnP."""

    def __init__(self, port: int, lifetime: int) -> None:
        """Ask the router for the same external port, for `lifetime` seconds.

        Raise Unreachable if there is no such router, or it refuses.
        """
        self._router = router = _discover()
        self.lifetime = lifetime
        try:
            host = router.externalipaddress()
            try:
                self._map(port, lifetime)
            except Exception:  # noqa: BLE001  # the library raises nothing more specific
                self._map(port, 0)  # some allow only ports without an end
        except Exception as error:  # noqa: BLE001
            raise Unreachable(f"the router refuses a port by UPnP: {error}") from None
        self.external = Address(str(host), port)

    def _map(self, port: int, lifetime: int) -> None:
        router = self._router
        router.addportmapping(port, "TCP", router.lanaddr, port, "p2pchat", "", lifetime)

    def remove(self) -> None:
        """Take the port back; a router that does not answer keeps it until its time is over."""
        with suppress(Exception):
            self._router.deleteportmapping(self.external.port, "TCP")


def _discover() -> Any:
    """Return the router that answers by UPnP. Raise Unreachable if none does."""
    try:
        import miniupnpc  # optional, and rarely needed
    except ImportError:
        raise Unreachable(_NO_LIBRARY, reason=_NO_LIBRARY) from None
    router = miniupnpc.UPnP()
    router.discoverdelay = _DISCOVERY_MS
    try:
        router.discover()
        router.selectigd()
    except Exception as error:  # the library raises nothing more specific
        raise Unreachable(_NO_IGD, reason=_NO_IGD) from error
    return router
