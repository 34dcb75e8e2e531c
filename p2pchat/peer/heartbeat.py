"""The node's heartbeats: that we are still here, by UDP (PROTOCOL, "HELLO")."""

import itertools
from collections.abc import Callable
from contextlib import suppress

from p2pchat.errors import RemoteProtocolError
from p2pchat.net.address import Address
from p2pchat.net.endpoints import Network
from p2pchat.net.loop import Loop
from p2pchat.protocol.heartbeat import read_answer, seal_hello
from p2pchat.protocol.messages import Grant

OnAnswer = Callable[[Address], None]


def sealed_hellos(grant: Grant) -> Callable[[], bytes]:
    """Give what makes the datagrams of a secure login, one after the other."""
    counter = itertools.count(1)
    return lambda: seal_hello(grant.session, next(counter), grant.hello_key)


class Heartbeat:
    """Say HELLO at once and every `interval` seconds, until closed.

    `on_answer` is told from which address the registry saw it come, which a secure one says.
    """

    def __init__(
        self,
        loop: Loop,
        network: Network,
        to: Address,
        interval: float,
        next_datagram: Callable[[], bytes],
        on_answer: OnAnswer | None = None,
    ) -> None:
        self._loop = loop
        self._to = to
        self._interval = interval
        self._next_datagram = next_datagram
        self._on_answer = on_answer
        here = Address("::" if ":" in to.host else "0.0.0.0", 0)  # noqa: S104  # sends only
        self._datagrams = network.open_udp(here, self._heard)
        self._say()

    def close(self) -> None:
        """Say no more."""
        self._timer.cancel()
        self._datagrams.close()

    def _say(self) -> None:
        self._datagrams.send(self._next_datagram(), self._to)
        self._timer = self._loop.call_later(self._interval, self._say)

    def _heard(self, datagram: bytes, _: Address) -> None:
        if self._on_answer is None:
            return
        with suppress(RemoteProtocolError):  # anybody may send us a datagram
            self._on_answer(Address(*read_answer(datagram)[1:]))
