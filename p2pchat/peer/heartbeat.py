"""The node's heartbeats: that we are still here, by UDP (PROTOCOL, "HELLO")."""

from collections.abc import Callable

from p2pchat.net.address import Address
from p2pchat.net.endpoints import Network
from p2pchat.net.loop import Loop


class Heartbeat:
    """Say HELLO at once and every `interval` seconds, until closed."""

    def __init__(
        self,
        loop: Loop,
        network: Network,
        to: Address,
        interval: float,
        next_datagram: Callable[[], bytes],
    ) -> None:
        self._loop = loop
        self._to = to
        self._interval = interval
        self._next_datagram = next_datagram
        here = Address("::" if ":" in to.host else "0.0.0.0", 0)  # noqa: S104  # sends only
        self._datagrams = network.open_udp(here, _ignore_datagram)
        self._say()

    def close(self) -> None:
        """Say no more."""
        self._timer.cancel()
        self._datagrams.close()

    def _say(self) -> None:
        self._datagrams.send(self._next_datagram(), self._to)
        self._timer = self._loop.call_later(self._interval, self._say)


def _ignore_datagram(_: bytes, __: Address) -> None:
    """Stand in: the answer tells our public address, which nobody asks for yet."""
