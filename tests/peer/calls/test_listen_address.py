"""The address on which a node listens for contacts."""

import pytest

from p2pchat.errors import UsageError
from p2pchat.peer.calls.listen_address import ListenAddress
from p2pchat.protocol.address import Address


class Server:
    """A fake peer server that records where it was opened."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, bool]] = []

    def ensure_open(self, host: str, port: int, *, again: bool) -> Address:
        self.asked.append((host, port, again))
        return Address(host, port or 4000)


@pytest.mark.parametrize(
    ("seen_at", "listens_at"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("10.0.0.5", "0.0.0.0"), ("2001:db8::1", "::")],
)
def test_listens_as_widely_as_the_registry_sees_us(seen_at: str, listens_at: str) -> None:
    """A node that the registry sees on loopback listens on loopback only."""
    server = Server()
    listen_address = ListenAddress(server, None, None, 0)  # type: ignore[arg-type]
    assert listen_address.open(seen_at, False) == (Address(listens_at, 4000), None)


def test_chosen_port_is_kept() -> None:
    """A port chosen by the user is not replaced if it is taken; an error is raised instead."""
    server, clear = Server(), Server()
    listen_address = ListenAddress(server, clear, "10.0.0.5", 7000)  # type: ignore[arg-type]
    assert listen_address.open("127.0.0.1", False) == (Address("10.0.0.5", 7000), 4000)
    with pytest.raises(UsageError, match="port 7000 is taken"):
        listen_address.open("127.0.0.1", True)
