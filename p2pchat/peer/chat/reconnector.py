"""Calls one contact until there is a link, retrying with growing pauses.

Knows neither lines nor chats; the owner decides whether to call.
"""

import random
from collections.abc import Callable
from functools import partial
from typing import Final

from p2pchat.errors import HungUp, P2PError
from p2pchat.net.compartment import Scheduler
from p2pchat.net.link import Link
from p2pchat.peer.calls.calls import ABILITIES, OutgoingCall, pause_after
from p2pchat.peer.reach.ways import Ways
from p2pchat.peer.registry_client.retries import Retries
from p2pchat.protocol.address import Address
from p2pchat.protocol.messages import Abilities
from p2pchat.protocol.talk import ChatRequest

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 60.0
_AFTER_SHORT: Final = 600.0
"""Seconds until users joined only by the registry look for a direct link again."""


class Reconnector:
    """Calls the contact, who must prove `key`, as the user `username`, while `needed()`.

    `invitation()` returns the secret to show to the contact, empty if there is none. `on_call` is
    called with each attempt; then `on_accepted(link, can)`, with what the contact can do, or
    `on_failed(error)`, unless `give_up` was called. After a failure, the next attempt needs
    `call_later` or a new address from `at`.
    """

    def __init__(
        self,
        loop: Scheduler,
        username: str,
        contact: str,
        key: bytes,
        ways: Ways,
        rng: random.Random,
        *,
        invitation: Callable[[], str],
        needed: Callable[[], bool],
        on_call: Callable[[], None],
        on_accepted: Callable[[Link, Abilities], None],
        on_failed: Callable[[P2PError], None],
    ) -> None:
        self.is_online = False
        """Whether the contact is known to be online."""
        self._address: Address | None = None
        self._is_nearby = False  # whether the address is one of the local network
        self._username = username
        self._invitation = invitation
        self._contact = contact
        self._key = key
        self._ways = ways
        self._needed = needed
        self._on_call = on_call
        self._on_accepted = on_accepted
        self._on_failed = on_failed
        self._retries = Retries(loop, rng, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
        self._call: OutgoingCall | None = None
        self._was_relayed = False  # the last link
        self._crossed = False  # whether the contact hung up on our last call in favour of theirs

    @property
    def is_calling(self) -> bool:
        """Whether we wait for the contact's answer."""
        return self._call is not None

    @property
    def address(self) -> Address | None:
        """The contact's address, if it is known and not hidden."""
        return self._address

    @property
    def keeps_its_call(self) -> bool:
        """Whether our call continues if the contact calls at the same time.

        Of two users, the one whose name sorts first keeps its call, but one that has no link yet
        gives way: perhaps only the contact can reach us.
        """
        has_asked = self._call is not None and self._call.has_asked
        return has_asked and self._username < self._contact

    def at(self, address: Address | None, *, is_news: bool = False, nearby: bool = False) -> None:
        """Record that the contact is online at that address; None if it is hidden.

        `is_news`: the contact has just come online there, so that no pause is needed. `nearby`: it
        was found in the local network, and not by the registry.
        """
        if is_news or not self.is_online or self._address != address:
            self.is_online = True
            self._address, self._is_nearby = address, nearby
            self._retries.reset()
            self._retries.stop()
        self.call()

    def away(self) -> None:
        """Record that the contact appears to be offline."""
        self.is_online = False
        self._retries.stop()

    def call(self) -> None:
        """Call now, if a call is needed, the contact is online and no pause is running."""
        busy = self._call is not None or self._retries.waiting
        if busy or not self.is_online or not self._needed():
            return
        connect = partial(
            self._ways.connect,
            self._contact,
            self._address,
            self._key,
            both_at_once=self._was_relayed,
            nearby=self._is_nearby,
        )
        self._call = OutgoingCall(
            self._contact,
            connect,
            ChatRequest(
                self._username, invitation=self._invitation(), to=self._contact, can=ABILITIES
            ),
            on_accepted=self._accepted,
            on_failed=self._failed,
        )
        self._on_call()

    def call_later(self, error: P2PError | None = None) -> None:
        """Call after the next pause, or after the one that `error` requires."""
        instead = None if error is None else pause_after(error)
        self._retries.later(self.call, instead=instead)

    def call_again(self, lost: Link | None) -> None:
        """Call again after the loss of that link; after a short circuit, only much later."""
        is_short = lost is not None and lost.is_short
        self._retries.later(self.call, instead=_AFTER_SHORT if is_short else None)

    def has_crossed(self, error: P2PError) -> bool:
        """Return whether a call failed because the contact's own call is on its way to us.

        Of two users who call each other at once, the one whose name sorts first hangs up on the
        other.
        """
        crossed = isinstance(error, HungUp) and self._contact < self._username
        self._crossed = crossed and not self._crossed
        return self._crossed

    def hurry(self) -> None:
        """End the pause early: the cause of the failure may be gone."""
        self._retries.hurry()

    def rest(self) -> None:
        """Cancel the pause, and the call that would follow it."""
        self._retries.stop()

    def reset(self) -> None:
        """Record that a link works: the next pause is short."""
        self._retries.reset()

    def give_up(self) -> None:
        """Cancel an unanswered call, and do not call again."""
        self._retries.stop()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _accepted(self, link: Link, can: Abilities) -> None:
        self._call = None
        self._was_relayed = link.relayed
        self._on_accepted(link, can)

    def _failed(self, error: P2PError) -> None:
        self._call = None
        self._on_failed(error)
