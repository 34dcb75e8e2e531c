"""Joining of the circuits that callers request from the registry.

What comes on a circuit is then handled like any incoming connection. Strangers cannot use up what
contacts need.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from p2pchat.errors import P2PError, StorageError
from p2pchat.net.endpoints import Closable
from p2pchat.net.loop import Loop
from p2pchat.net.rate_limit import RateLimit
from p2pchat.net.transport import Wire
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.registry_client.circuits import Circuits
from p2pchat.protocol.meeting import Meeting
from p2pchat.protocol.names import is_plain_username

_OF_A_CONTACT: Final = 10
_OF_A_STRANGER: Final = 3
_OF_STRANGERS: Final = 20
"""Circuits in a minute: with one contact, one stranger, all strangers."""

_STRANGERS_AT_ONCE: Final = 4


class MetCallers:
    """Answers meetings; `take(wire, username)` receives each circuit with the caller's name."""

    def __init__(
        self,
        loop: Loop,
        contacts: Contacts,
        circuits: Circuits,
        take: Callable[[Wire, str], None],
    ) -> None:
        self._loop = loop
        self._contacts = contacts
        self._circuits = circuits
        self._take = take
        self._under_way: dict[str, Closable] = {}
        self._strangers: set[str] = set()  # of those under way
        self._of_contacts = RateLimit.per_minute(_OF_A_CONTACT)
        self._of_one = RateLimit.per_minute(_OF_A_STRANGER)
        self._of_all = RateLimit.per_minute(_OF_STRANGERS)

    def answer(self, meeting: Meeting) -> None:
        """Join the circuit, unless the caller requests too many."""
        name = meeting.username
        if not is_plain_username(name):
            return  # no registry accepts such a name
        try:
            is_contact = self._contacts.get(name).accepted
        except StorageError:
            return  # the caller sees that nobody comes, and may ask again
        if not (self._may_come(name) if is_contact else self._stranger_may_come(name)):
            return
        self._forget(name)
        if not is_contact:
            self._strangers.add(name)
        self._under_way[name] = self._circuits.dial(
            name,
            meeting.ticket,
            meeting.relay,
            partial(self._joined, name),
            partial(self._failed, name),
        )

    def close(self) -> None:
        """Abandon all circuits that are under way."""
        for name in tuple(self._under_way):
            self._forget(name)

    def _may_come(self, name: str) -> bool:
        return not self._of_contacts.take(name, self._loop.now())

    def _stranger_may_come(self, name: str) -> bool:
        others = self._strangers - {name}
        now = self._loop.now()
        return (
            len(others) < _STRANGERS_AT_ONCE
            and not self._of_one.take(name, now)
            and not self._of_all.take("", now)
        )

    def _joined(self, name: str, wire: Wire) -> None:
        self._under_way.pop(name, None)
        self._strangers.discard(name)
        self._take(wire, name)

    def _failed(self, name: str, _: P2PError) -> None:
        self._under_way.pop(name, None)
        self._strangers.discard(name)

    def _forget(self, name: str) -> None:
        """Abandon the circuit with that user, if one is under way."""
        self._strangers.discard(name)
        earlier = self._under_way.pop(name, None)
        if earlier is not None:
            earlier.close()
