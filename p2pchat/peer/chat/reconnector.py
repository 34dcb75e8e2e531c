"""Calls one contact until there is a link: as soon as it is known where they are, and again, after
growing pauses, when that has failed. Knows no line and no wish: whether to call, it is told.
"""

import random
from collections.abc import Callable
from typing import Final

from p2pchat.errors import HungUp, P2PError
from p2pchat.net.compartment import Scheduler
from p2pchat.net.link import Link
from p2pchat.peer.calls.calls import OutgoingCall, pause_after
from p2pchat.peer.calls.peer_links import PeerLinks
from p2pchat.peer.registry_client.retries import Retries
from p2pchat.protocol.address import Address
from p2pchat.protocol.talk import ChatRequest

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 60.0


class Reconnector:
    """Call the contact, who must prove to hold the key, by the name `username`, while `needed()`.

    `invitation()` gives the secret to show the contact, empty if there is none. `on_call` comes
    with each call; then `on_accepted(link)` or `on_failed(error)`, unless it is given up. After a
    failure no call is made before `call_later`, unless `at` another address.
    """

    def __init__(
        self,
        loop: Scheduler,
        username: str,
        contact: str,
        key: bytes,
        links: PeerLinks,
        rng: random.Random,
        *,
        invitation: Callable[[], str],
        needed: Callable[[], bool],
        on_call: Callable[[], None],
        on_accepted: Callable[[Link], None],
        on_failed: Callable[[P2PError], None],
    ) -> None:
        self.address: Address | None = None
        """Where the contact is; None where they are not known to be online."""
        self._username = username
        self._invitation = invitation
        self._contact = contact
        self._key = key
        self._links = links
        self._needed = needed
        self._on_call = on_call
        self._on_accepted = on_accepted
        self._on_failed = on_failed
        self._retries = Retries(loop, rng, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
        self._call: OutgoingCall | None = None
        self._crossed = False  # our last call was hung up on for theirs

    @property
    def is_calling(self) -> bool:
        """Whether we wait for the contact's answer."""
        return self._call is not None

    def at(self, address: Address) -> None:
        """The contact is online there."""
        if self.address != address:
            self.address = address
            self._retries.reset()
            self._retries.stop()
        self.call()

    def away(self) -> None:
        """The contact is offline, so far as is known."""
        self.address = None
        self._retries.stop()

    def call(self) -> None:
        """Call now, if there is a reason to, the address is known and no pause is due."""
        busy = self._call is not None or self._retries.waiting
        if busy or self.address is None or not self._needed():
            return
        self._call = OutgoingCall(
            self._links,
            self._contact,
            self.address,
            self._key,
            ChatRequest(self._username, invitation=self._invitation()),
            on_accepted=self._accepted,
            on_failed=self._failed,
        )
        self._on_call()

    def call_later(self, error: P2PError | None = None) -> None:
        """Call after the next pause, or after the one that the error asks for."""
        instead = None if error is None else pause_after(error)
        self._retries.later(self.call, instead=instead)

    def has_crossed(self, error: P2PError) -> bool:
        """Return whether a call has failed because the contact's own call is on its way to us.

        Of two who call each other at once, the one whose name sorts first hangs up on the other.
        """
        crossed = isinstance(error, HungUp) and self._contact < self._username
        self._crossed = crossed and not self._crossed
        return self._crossed

    def hurry(self) -> None:
        """End the pause: what made the call fail may be over."""
        self._retries.hurry()

    def rest(self) -> None:
        """Do not call again after the pause of now."""
        self._retries.stop()

    def reset(self) -> None:
        """A link works: the next pause is a short one."""
        self._retries.reset()

    def give_up(self) -> None:
        """End a call that is not answered yet, and do not call again."""
        self._retries.stop()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _accepted(self, link: Link) -> None:
        self._call = None
        self._on_accepted(link)

    def _failed(self, error: P2PError) -> None:
        self._call = None
        self._on_failed(error)
