"""Our own mailbox at the registry: its prekeys and passes are kept up to date.

Every private part is on our disk before the registry gets the public one. Knows neither lines nor
conversations.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from typing import Final

from p2pchat.errors import OnFailed, P2PError, SlowedDown
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.mailbox.sealing import best_kem, new_prekey
from p2pchat.peer.store.identity import Identity
from p2pchat.peer.store.mailbox_store import KeptPrekey, MailboxStore
from p2pchat.protocol.mailbox import (
    MOST_PASSES,
    MOST_PREKEYS_AT_ONCE,
    PASS_BYTES,
    BoxKeys,
    BoxKeysResult,
)
from p2pchat.protocol.messages import Message, Outcome
from p2pchat.protocol.prekeys import MailboxGrant, Prekey

_DAY: Final = 24 * 3600
_ONE_TIME: Final = 50
_FEW: Final = 20
"""One-time prekeys that the registry has after we were there, and so few that it gets more."""

_ONE_TIME_LIFE_S: Final = 56 * _DAY
_LIFE_S: Final = 28 * _DAY
_RENEWED_AFTER_S: Final = 7 * _DAY
"""Of the prekey for when no one-time prekey is left."""

_SHORTEST_PAUSE: Final = 5.0
"""Seconds after a registry has asked us to slow down."""

Ask = Callable[[Message, Callable[[Message], None], OnFailed], None]
"""Sends a request to the registry; one of the functions gets the answer, or why there is none."""

Later = Callable[[float, Callable[[], None]], None]
"""Calls a function after some seconds; 0: at the end of the turn."""


class OwnBox:
    """The mailbox of one account. `wall` returns seconds since the epoch.

    Methods raise StorageError.
    """

    def __init__(
        self,
        store: MailboxStore,
        contacts: Contacts,
        identity: Identity,
        username: str,
        ask: Ask,
        wall: Callable[[], float],
        later: Later,
    ) -> None:
        self._store = store
        self._contacts = contacts
        self._identity = identity
        self._username = username
        self._ask = ask
        self._wall = wall
        self._later = later
        self._grant: MailboxGrant | None = None
        self._there: dict[bytes, KeptPrekey] = {}  # at the registry, as far as we know
        self._is_publishing = 0  # messages with prekeys that are not answered
        self._are_passes_due = False
        self._is_renewal_due = False
        self._must_replace = False  # as the registry has too many prekeys
        self.is_on = store.is_on
        """Whether contacts may leave lines for us."""

    def logged_in(self, grant: MailboxGrant) -> None:
        """Publish what the registry lacks; if it lacks nothing, nothing is sent."""
        self._grant = grant
        self._is_publishing = 0
        now = int(self._wall())
        self._store.delete_old(now, now - (grant.days + 1) * _DAY)
        if not grant.prekeys:
            self._store.note_published(None)  # it has lost them, or never had any
        if self.is_on:
            self._top_up(grant.prekeys)
            self.publish_passes()
        elif grant.prekeys:
            self._close()

    def renew(self) -> None:
        """Publish what has become old, or could not be published before."""
        if self._grant is not None and self.is_on and not self._is_publishing:
            self._top_up(tuple(self._there))
            self.publish_passes()

    def _renew_after_pause(self) -> None:
        self._is_renewal_due = False
        self.renew()

    def offline(self) -> None:
        """Record that the registry cannot be told anything."""
        self._grant = None

    def turn(self, *, on: bool) -> None:
        """Set whether contacts may leave lines for us; runs already there are still received."""
        if on == self.is_on:
            return
        self._store.turn(on=on)
        self.is_on = on
        if self._grant is None:
            return  # the registry is told at the next login
        if on:
            self._top_up(())
            self.publish_passes()
        else:
            self._close()

    def pass_for(self, contact: str, key: bytes) -> bytes:
        """Return the pass for a contact, created and published if necessary.

        Return b"" if our mailbox is off, the registry keeps none, or the contact is not trusted.
        """
        if not self.is_on or self._grant is None or not self.is_trusted(contact, key):
            return b""
        passes = self._store.passes(contact, key)
        if passes.ours is None:
            passes = passes._replace(ours=os.urandom(PASS_BYTES))
            self._store.keep_passes(contact, key, passes)
            self.publish_passes()
        return passes.ours or b""

    def publish_passes(self) -> None:
        """Publish the passes at the end of the turn, if the registry does not have them.

        Those of users who are no longer contacts, or have another key, end.
        """
        if not self._are_passes_due:
            self._are_passes_due = True
            self._later(0, self._publish_passes)

    def note_used(self, number: bytes) -> None:
        """Record that a one-time prekey was used; publish more if few are left."""
        self._there.pop(number, None)
        if len(self._one_time) <= _FEW:
            self.renew()

    def is_trusted(self, username: str, key: bytes) -> bool:
        """Return whether a user is a contact with that pinned key, and not blocked."""
        contact = self._contacts.get(username)
        return contact.accepted and not contact.blocked and contact.key == key

    @property
    def _one_time(self) -> list[KeptPrekey]:
        return [prekey for prekey in self._there.values() if prekey.one_time]

    def _publish_passes(self) -> None:
        self._are_passes_due = False
        if self._grant is None or not self.is_on:
            return
        valid: list[bytes] = []
        for contact, key, permit in self._store.given():
            if self.is_trusted(contact, key):
                valid.append(hashlib.sha256(permit).digest())
            else:
                passes = self._store.passes(contact, key)
                self._store.keep_passes(contact, key, passes._replace(ours=None))
        valid = sorted(valid[-MOST_PASSES:])
        digest = hashlib.sha256(b"".join(valid)).digest()
        if digest != self._store.published_passes:
            self._send((), passes=tuple(valid), then=lambda: self._store.note_published(digest))

    def _top_up(self, numbers: Iterable[bytes]) -> None:
        """Publish new prekeys if few of those are there, and all if we lack any private part."""
        now, kem = int(self._wall()), best_kem()
        ours = {p.number: p for p in self._store.prekeys() if p.kem == kem}
        named = tuple(numbers)
        lacks = any(number not in ours for number in named)  # an older disk, or another KEM
        replace, self._must_replace = lacks or self._must_replace, False
        self._there = {}
        if not replace:
            self._there = {n: ours[n] for n in named if ours[n].expires_at > now}
        new: list[tuple[Prekey, KeptPrekey]] = []
        if len(self._one_time) <= _FEW:
            new += self._new(_ONE_TIME - len(self._one_time), one_time=True)
        if all(p.one_time or p.made_at <= now - _RENEWED_AFTER_S for p in self._there.values()):
            new += self._new(1, one_time=False)
            self._store.note_published(None)  # say the passes again, too: it may have an older disk
        for start in range(0, len(new), MOST_PREKEYS_AT_ONCE):
            some = new[start : start + MOST_PREKEYS_AT_ONCE]
            self._publish(some, replace=replace and not start)

    def _new(self, count: int, *, one_time: bool) -> list[tuple[Prekey, KeptPrekey]]:
        """Return new prekeys, whose private parts are on our disk."""
        assert self._grant is not None
        now, kem = int(self._wall()), best_kem()
        expires_at = now + (_ONE_TIME_LIFE_S if one_time else _LIFE_S)
        made = []
        for _ in range(count):
            public, private = new_prekey(
                self._identity,
                self._grant.registry,
                self._username,
                kem,
                expires_at,
                one_time=one_time,
            )
            kept = KeptPrekey(private.number, kem, private.seed, now, expires_at, one_time)
            made.append((public, kept))
        self._store.keep_prekeys(kept for _, kept in made)
        return made

    def _publish(self, prekeys: list[tuple[Prekey, KeptPrekey]], *, replace: bool) -> None:
        def published() -> None:
            self._there.update({kept.number: kept for _, kept in prekeys})

        self._is_publishing += 1
        self._send(tuple(public for public, _ in prekeys), replace=replace, then=published)

    def _close(self) -> None:
        """Take all prekeys and passes from the registry."""
        self._there.clear()
        self._send((), passes=(), replace=True, then=lambda: self._store.note_published(None))

    def _send(
        self,
        prekeys: tuple[Prekey, ...],
        *,
        passes: tuple[bytes, ...] | None = None,
        replace: bool = False,
        then: Callable[[], None],
    ) -> None:
        is_of_prekeys = bool(prekeys)

        def answered(answer: Message) -> None:
            assert isinstance(answer, BoxKeysResult)
            self._is_publishing = max(0, self._is_publishing - is_of_prekeys)
            if answer.outcome is Outcome.OK:
                then()
            elif is_of_prekeys:
                self._there.clear()
                self._must_replace = True

        def failed(error: P2PError) -> None:
            """Try again once the registry allows it; otherwise the next login, or hour, does."""
            self._is_publishing = max(0, self._is_publishing - is_of_prekeys)
            if isinstance(error, SlowedDown) and not self._is_renewal_due:
                self._is_renewal_due = True
                self._later(max(error.seconds, _SHORTEST_PAUSE), self._renew_after_pause)

        self._ask(BoxKeys(prekeys=prekeys, passes=passes, replace=replace), answered, failed)
