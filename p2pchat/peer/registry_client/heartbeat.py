"""The node's heartbeats, which keep it online, by UDP (PROTOCOL, "HELLO")."""

import itertools
from collections.abc import Callable
from typing import Final

from p2pchat.errors import RemoteProtocolError
from p2pchat.net.endpoints import Network
from p2pchat.net.loop import Loop, Timer
from p2pchat.protocol.address import Address
from p2pchat.protocol.heartbeat import read_answer, seal_hello
from p2pchat.protocol.messages import Grant

OnAnswer = Callable[[Address], None]


def sealed_hellos(grant: Grant) -> Callable[[], bytes]:
    """Return a function that makes the successive datagrams of a secure login."""
    counter = itertools.count(1)
    return lambda: seal_hello(grant.session, next(counter), grant.hello_key)


_ANSWER_TIMEOUT: Final = 5.0
_TRIES: Final = 3


class Heartbeat:
    """Sends HELLO at once and every `interval` seconds, until closed.

    A secure registry answers: `on_answer` is called with the address from which it saw a HELLO
    come. An unanswered HELLO is repeated soon; after the third, `on_silence` is called. While no
    HELLO was ever answered, a firewall may be the cause: then `on_silence` is called after each
    one, and none is repeated.
    """

    def __init__(
        self,
        loop: Loop,
        network: Network,
        to: Address,
        interval: float,
        next_datagram: Callable[[], bytes],
        on_answer: OnAnswer | None = None,
        on_silence: Callable[[], None] | None = None,
    ) -> None:
        self._loop = loop
        self._to = to
        self._interval = interval
        self._next_datagram = next_datagram
        self._on_answer = on_answer
        self._on_silence = on_silence
        self._was_answered = False
        self._unanswered = 0
        self._answer_timer: Timer | None = None
        here = Address("::" if ":" in to.host else "0.0.0.0", 0)  # noqa: S104  # only sends
        self._datagrams = network.open_udp(here, self._heard)
        self._say()

    def close(self) -> None:
        """Stop sending."""
        self._timer.cancel()
        self._stop_waiting()
        self._datagrams.close()

    def _say(self) -> None:
        self._timer = self._loop.call_later(self._interval, self._say)
        self._unanswered = 0
        self._say_once()

    def _say_once(self) -> None:
        self._datagrams.send(self._next_datagram(), self._to)
        self._stop_waiting()
        if self._on_silence is not None:
            timeout = min(_ANSWER_TIMEOUT, self._interval / (_TRIES + 1))
            self._answer_timer = self._loop.call_later(timeout, self._not_answered)

    def _not_answered(self) -> None:
        assert self._on_silence is not None
        self._unanswered += 1
        if self._unanswered < _TRIES and self._was_answered:
            self._say_once()
        else:
            self._on_silence()

    def _heard(self, datagram: bytes, _: Address) -> None:
        try:
            host, port = read_answer(datagram)[1:]
        except RemoteProtocolError:
            return  # anyone may send us a datagram
        self._was_answered = True
        self._stop_waiting()
        if self._on_answer is not None:
            self._on_answer(Address(host, port))

    def _stop_waiting(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None
