"""The ways to a contact's program: by its address, and through the registry. The first one wins.

Way 1 dials the address that the registry gives, if it may be dialled. Way 2 begins a fifth of a
second later: the registry joins a connection of ours with one of the contact's. Whichever first
proves the contact's key is used; the other is closed. Knows neither chats nor calls.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.errors import NotTrusted, OnFailed, P2PError, TimedOut, Unreachable
from p2pchat.net.endpoints import Closable
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop, Timer
from p2pchat.net.transport import Wire
from p2pchat.peer.calls.calls import DIAL_TIMEOUT
from p2pchat.peer.calls.peer_links import SecureLinks
from p2pchat.peer.reach.direct_paths import DirectPaths
from p2pchat.peer.registry_client.circuits import Circuits
from p2pchat.peer.store.identity import impostor
from p2pchat.protocol.address import Address
from p2pchat.protocol.meeting import MeetResult
from p2pchat.protocol.messages import Outcome, Reason
from p2pchat.protocol.text import excerpt

_HEAD_START: Final = 0.2
"""Seconds by which a dial precedes the request for a circuit."""

_PATIENCE: Final = 12.0

MeetUser = Callable[[str, Callable[[MeetResult], None], OnFailed], None]
"""Asks the registry for a circuit with a user."""

_CIRCUIT: Final = "through the registry"

_WRONG_ADDRESS: Final = "not dialled: it is no IP address, or one of this machine"

_NO_CIRCUIT: Final = {
    Reason.OFFLINE: "it cannot be met there",
    Reason.RELAY_OFF: "it passes nothing on",
    Reason.RELAY_FULL: "it has no room for another circuit",
}


class Ways:
    """Find links to contacts.

    `meet(username, then, failed)` asks the registry for a circuit. `may_dial(host)` returns whether
    to dial a host that the registry gives. `is_hidden`: never dial, as the contact would see our
    address.
    """

    def __init__(
        self,
        loop: Loop,
        links: SecureLinks,
        circuits: Circuits,
        meet: MeetUser,
        direct: DirectPaths,
        *,
        may_dial: Callable[[str], bool],
        is_hidden: bool = False,
    ) -> None:
        self.direct = direct
        """The ways from a circuit to a direct connection."""
        self._loop = loop
        self._links = links
        self._circuits = circuits
        self._meet = meet
        self._may_dial = may_dial
        self._is_hidden = is_hidden

    def connect(
        self,
        contact: str,
        address: Address | None,
        key: bytes,
        then: Callable[[Link], None],
        failed: OnFailed,
        *,
        both_at_once: bool = False,
        nearby: bool = False,
    ) -> Closable:
        """Call `then` with a link whose remote has proved `key`, or `failed`, in a later turn.

        `address` None: the registry gives none, as the contact hides it. `both_at_once`: give the
        dial no head start. `nearby`: the address was found in the local network.
        """
        race = _Race(self._loop, contact, key, then, failed)
        by_circuit = partial(self._by_circuit, contact)
        if address is None or self._is_hidden:
            race.begin(_CIRCUIT, by_circuit)
        elif not (nearby or self._may_dial(address.host)):
            race.rule_out(f"at {excerpt(address.host)}", _WRONG_ADDRESS)
            race.begin(_CIRCUIT, by_circuit)
        else:
            race.is_nearby = nearby
            race.begin(f"at {address}", partial(self._links.dial, address, DIAL_TIMEOUT))
            race.begin_later(0.0 if both_at_once else _HEAD_START, _CIRCUIT, by_circuit)
        return race

    def _by_circuit(
        self, contact: str, then: Callable[[Link, bytes | None], None], failed: OnFailed
    ) -> Closable:
        attempt = _CircuitAttempt()

        def answered(result: MeetResult) -> None:
            """Dial the circuit, or report why the registry offers none."""
            if attempt.given_up:
                return
            if result.outcome is not Outcome.OK:
                why = _NO_CIRCUIT.get(result.reason or Reason.OFFLINE, str(result.reason))
                failed(Unreachable(f"no circuit: {why}", reason=why))
                return
            attempt.inner = self._circuits.dial(
                contact, result.ticket, result.relay, joined, no_circuit
            )

        def no_circuit(error: P2PError) -> None:
            """Report that; another key of the registry says nothing of the contact."""
            reason = error.reason if isinstance(error, Unreachable) else ""
            failed(Unreachable(error.what, reason=reason or error.what))

        def joined(wire: Wire) -> None:
            attempt.inner = self._links.shake_as_dialler(wire, then, failed)

        def refused(error: P2PError) -> None:
            if not attempt.given_up:
                failed(error)

        self._meet(contact, answered, refused)
        return attempt


class _CircuitAttempt:
    """A request for a circuit, and what follows from it."""

    def __init__(self) -> None:
        self.inner: Closable | None = None
        self.given_up = False

    def close(self) -> None:
        """Abandon the current step; a link that was handed over stays open."""
        self.given_up = True
        if self.inner is not None:
            self.inner.close()


_Begin = Callable[[Callable[[Link, bytes | None], None], OnFailed], Closable]


class _Race:
    """Ways under way to one contact; `close` abandons them all."""

    def __init__(
        self,
        loop: Loop,
        contact: str,
        key: bytes,
        then: Callable[[Link], None],
        failed: OnFailed,
    ) -> None:
        self._loop = loop
        self._contact = contact
        self._key = key
        self._then = then
        self._failed = failed
        self._ways: dict[str, Closable] = {}
        self._errors: dict[str, P2PError] = {}
        self.is_nearby = False
        """Whether the dialled address was found in the local network."""
        self._start: Timer | None = None  # of the way that has not begun
        self._begin_next: Callable[[], None] = ignore
        self._deadline = loop.call_later(_PATIENCE, self._too_late)

    def begin(self, name: str, begin: _Begin) -> None:
        """Begin a way."""
        self._start = None
        self._ways[name] = begin(partial(self._linked, name), partial(self._way_failed, name))

    def begin_later(self, seconds: float, name: str, begin: _Begin) -> None:
        """Begin a way after so many seconds, or as soon as the others have failed."""
        self._begin_next = partial(self.begin, name, begin)
        self._start = self._loop.call_later(seconds, self._begin_next)

    def rule_out(self, name: str, why: str) -> None:
        """Record why a way is not even begun."""
        self._errors[name] = Unreachable(why, reason=why)

    def close(self) -> None:
        """Abandon all ways; no callback follows."""
        self._deadline.cancel()
        if self._start is not None:
            self._start.cancel()
        ways, self._ways = self._ways, {}
        for way in ways.values():
            way.close()

    def _linked(self, name: str, link: Link, key: bytes | None) -> None:
        if key != self._key:
            link.on_closed = ignore
            link.abort()
            # Anybody in the local network may have passed on an answer from elsewhere.
            is_there = self.is_nearby and name != _CIRCUIT
            wrong = Unreachable("another program", reason="another program answers there")
            self._way_failed(name, wrong if is_there else impostor(self._contact))
            return
        self._ways.pop(name, None)  # so that it is not closed
        self.close()
        self._then(link)

    def _way_failed(self, name: str, error: P2PError) -> None:
        if self._ways.pop(name, None) is None:
            return
        self._errors[name] = error
        if self._start is not None:
            self._start.cancel()
            self._begin_next()
        elif not self._ways:
            self.close()
            self._failed(self._why())

    def _too_late(self) -> None:
        for name in self._ways:
            self._errors.setdefault(name, TimedOut("no answer"))
        self.close()
        self._failed(self._why())

    def _why(self) -> P2PError:
        """Return the reason of all failures: another key matters more than no answer."""
        for error in self._errors.values():
            if isinstance(error, NotTrusted):
                return error
        whys = "; ".join(f"{name}: {_reason(error)}" for name, error in self._errors.items())
        return Unreachable(
            f"cannot reach {self._contact} {whys}",
            likely=f"{self._contact} has just left, or a firewall is between you",
            advice="try again in a minute",
        )


def _reason(error: P2PError) -> str:
    return (isinstance(error, Unreachable) and error.reason) or error.what.rpartition(": ")[2]
