"""Verifies the identity of incoming callers.

A known caller must prove the pinned key; any other key must be confirmed by the registry. In clear
nothing can be proved, so a name with a pinned key is not accepted in clear. Knows nothing of chats:
verified callers are handed on.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from p2pchat.errors import P2PError, StorageError
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.net.rate_limit import RateLimit, group_of
from p2pchat.peer.calls.calls import IncomingCall, in_clear_though_known, not_introduced
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.calls.peer_links import PeerLinks
from p2pchat.peer.registry_client.link import SearchUser
from p2pchat.peer.store.identity import another_key, impostor
from p2pchat.peer.store.profile import KnownContact
from p2pchat.protocol.client.events import CallerRefused, Event, Joined
from p2pchat.protocol.messages import SearchResult
from p2pchat.protocol.names import is_plain_username
from p2pchat.protocol.talk import ChatRequest, Reply

INTRODUCTION_TIMEOUT: Final = 20.0
"""Seconds for the registry to say whether a stranger's key is theirs."""

PATIENCE: Final = 150.0
"""Seconds for our user to answer. Our own callers wait less; others could wait for ever."""


class CallerVerification:
    """Callers being verified; each ends in `on_welcome(call)`, or is refused or hung up on."""

    def __init__(
        self,
        loop: Loop,
        username: str,
        contacts: Contacts,
        search: SearchUser,
        limits: PeerLimits,
        *,
        on_welcome: Callable[[IncomingCall], None],
        on_event: Callable[[Event], None],
    ) -> None:
        self._loop = loop
        self._username = username
        self._contacts = contacts
        self._search = search
        self._on_welcome = on_welcome
        self._on_event = on_event
        self._limits = limits
        self._budget = RateLimit.per_minute(limits.calls_per_minute)
        self._budget_of_contacts = RateLimit.per_minute(limits.contact_calls_per_minute)
        self._waiting: set[IncomingCall] = set()

    def take_call(
        self, links: PeerLinks, link: Link, request: ChatRequest, key: bytes | None
    ) -> None:
        """Handle a call on a link whose remote has proved to hold `key` (None: in clear)."""
        call = IncomingCall(links, link, request, key)
        if not request.names(self._username):
            call.hang_up()  # meant for another user, whom somebody has led here
            return
        if key is not None and not is_plain_username(call.contact):
            call.refuse(Reply.REJECT)  # no registry accepts such a name
            return
        self._waiting.add(call)
        call.on_gone = self._waiting.discard
        link.expect(INTRODUCTION_TIMEOUT, f"the caller did not prove in time to be {call.contact}")
        try:
            self._look_at(call, self._contacts.get(call.contact))
        except StorageError as error:
            self._refuse(call, error)

    def close(self) -> None:
        """Close the links of all waiting callers."""
        while self._waiting:
            call = self._waiting.pop()
            if call.key is None:
                call.refuse(Reply.REJECT)
            else:
                call.hang_up()

    def _look_at(self, call: IncomingCall, contact: KnownContact) -> None:
        if self._is_too_much(call, contact):
            self._turn_away(call, Reply.BUSY)
        elif contact.blocked:
            self._turn_away(call, Reply.REJECT)
        elif call.key is None and contact.key is not None:
            self._refuse(call, in_clear_though_known(call.contact))
        elif call.key in {None, contact.key}:
            self._welcome(call)
        else:
            found = partial(self._published, call)
            self._search(call.contact, found, lambda e: self._cannot_ask(call, e.what))

    def _is_too_much(self, call: IncomingCall, contact: KnownContact) -> bool:
        """Return whether a call exceeds a limit. Strangers at one address share one limit."""
        now = self._loop.now()
        if call.key is not None and call.key == contact.key:
            return self._budget_of_contacts.take(call.contact, now) > 0
        pending = self._limits.pending_calls
        too_many = bool(pending) and len(self._waiting) > pending
        return self._budget.take(group_of(call.link.origin), now) > 0 or too_many

    def _published(self, call: IncomingCall, result: SearchResult) -> None:
        """Compare a caller's unknown key with the one that the registry publishes.

        The pinned key is read again: it may have changed while the registry was asked.
        """
        published = call.key is not None and result.key == call.key
        try:
            pinned = self._contacts.get(call.contact).key
            if published and call.key is not None:
                self._contacts.note_published(call.contact, call.key)
        except StorageError as error:
            self._refuse(call, error)
            return
        if pinned == call.key or (pinned is None and published):
            self._welcome(call)
        elif pinned is None:
            self._unknown(call, "it publishes another key for that name")
        else:
            self._refuse(call, (another_key if published else impostor)(call.contact))

    def _cannot_ask(self, call: IncomingCall, why: str) -> None:
        """Close the link without an answer: the registry cannot confirm the caller now."""
        if call in self._waiting:
            self._waiting.discard(call)
            call.hang_up()
            self._on_event(CallerRefused(call.contact, not_introduced(call.contact, why)))

    def _unknown(self, call: IncomingCall, why: str) -> None:
        self._refuse(call, not_introduced(call.contact, why))

    def _welcome(self, call: IncomingCall) -> None:
        if call in self._waiting:  # otherwise one side has already hung up
            self._waiting.discard(call)
            call.link.expect(PATIENCE, f"{call.contact} was not answered")
            try:
                has_joined = self._has_joined(call)
                self._on_welcome(call)
            except P2PError as error:
                call.refuse(Reply.REJECT)
                self._on_event(CallerRefused(call.contact, error))
                return
            if has_joined:
                self._on_event(Joined(call.contact))

    def _has_joined(self, call: IncomingCall) -> bool:
        """Redeem the invitation that a caller shows; return whether it made them a contact.

        That is not so if it is not valid, or if an invitation was redeemed before.
        """
        if not call.invitation or call.key is None or self._contacts.get(call.contact).invited:
            return False
        return self._contacts.redeem(call.invitation, call.contact, call.key)

    def _refuse(self, call: IncomingCall, error: P2PError) -> None:
        if call in self._waiting:
            self._turn_away(call, Reply.REJECT)
            self._on_event(CallerRefused(call.contact, error))

    def _turn_away(self, call: IncomingCall, reply: Reply) -> None:
        self._waiting.discard(call)
        call.refuse(reply)
