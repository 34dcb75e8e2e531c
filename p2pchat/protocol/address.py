"""A host and a port, and how they are written."""

from typing import NamedTuple


class Address(NamedTuple):
    """Where a socket is or shall be: a host name or IP address, and a port (0: any free one)."""

    host: str
    port: int

    def at_port(self, port: int | None) -> "Address":
        """Return the same host at another port; None: at this one."""
        return self if port is None else Address(self.host, port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def written_address(text: str) -> Address:
    """Return the address that `str` gave. Raise ValueError if it is not valid."""
    host, _, port = text.rpartition(":")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))
