"""A host and a port, and their notation."""

from typing import NamedTuple


class Address(NamedTuple):
    """The address of a socket: a host name or IP address, and a port (0: any free one)."""

    host: str
    port: int

    def at_port(self, port: int | None) -> "Address":
        """Return the same host with another port; None: with this one."""
        return self if port is None else Address(self.host, port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def written_address(text: str) -> Address:
    """Parse an address as written by `str`. Raise ValueError if it is not valid."""
    host, _, port = text.rpartition(":")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))
