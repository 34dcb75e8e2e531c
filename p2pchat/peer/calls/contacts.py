"""The contacts at one registry: pinned keys, trust, and who is blocked.

The first key that a user proves is pinned; another one is refused until our user accepts it. A
contact never stops being verified without our user's consent.
"""

import time
from typing import Final

from p2pchat.errors import NoSuchUser, NotTrusted, UsageError, nearest
from p2pchat.peer.calls.invitations import digest_of, new_secret
from p2pchat.peer.store.identity import another_key, impostor, safety_number
from p2pchat.peer.store.profile import KnownContact, Profile
from p2pchat.protocol.client.state import Security
from p2pchat.protocol.messages import Presence, SearchResult

_HINT_EVERY: Final = 24 * 3600
"""Seconds between two hints to verify a contact."""


class Contacts:
    """The contacts of a profile at a registry; `ours` is the profile's public key.

    Every method may raise StorageError.
    """

    def __init__(self, profile: Profile, registry: str, ours: bytes) -> None:
        self._ours = ours
        self._profile = profile
        self._registry = registry
        self._shown: dict[str, bytes] = {}  # keys of these names whose safety numbers were shown
        self._offered: dict[str, bytes] = {}  # refused keys whose safety numbers were shown

    def get(self, username: str) -> KnownContact:
        """Return what is known of a user; an empty contact if nothing is."""
        return self._profile.contact(self._registry, username)

    def all(self) -> list[KnownContact]:
        """Return all contacts, sorted by name.

        At a secure registry, a contact is a user who has a key, or was blocked or muted. A user who
        was only looked up is not a contact.
        """
        known = self._profile.contacts(self._registry)
        if not self._registry.startswith("p2p://"):
            return known
        return [c for c in known if c.key is not None or c.blocked or c.muted_until]

    def no_such_user(self, username: str) -> NoSuchUser:
        """Return the error for a name without an account, suggesting a similar name."""
        known = self._profile.known_names(self._registry)
        near = nearest(username, (name for name in known if name != username))
        return NoSuchUser(
            f"there is no user named {username}", likely=near and f"did you mean {near}?"
        )

    def note(self, username: str) -> None:
        """Remember a name for completion and suggestions."""
        self._profile.note_name(self._registry, username)

    @property
    def known_names(self) -> list[str]:
        """The names of all users met or looked up, sorted."""
        return self._profile.known_names(self._registry)

    def key_to_call(self, username: str, published: bytes | None) -> bytes:
        """Return the key that the contact must prove.

        `published` is the key that the registry gives; it never replaces a pinned one. Raise
        NotTrusted if it differs from the pinned one, or no key is known.
        """
        pinned = self.get(username).key
        if published is None and pinned is None:
            raise NotTrusted(
                f"the registry knows no key of {username}",
                likely=f"{username} has never logged in through its secure listener",
                advice=f"/chat {username} --in-clear (unencrypted)",
            )
        if published is not None and self.note_published(username, published):
            raise another_key(username)
        return pinned or published or b""

    def note_published(self, username: str, key: bytes) -> bool:
        """Record the key the registry publishes; return whether it differs from the pinned one.

        A different key is remembered for `trust`. Only published keys are: a key that a caller
        merely presents is not evidence.
        """
        pinned = self.get(username).key
        if pinned is None or pinned == key:
            return False
        self._note_other(username, key)
        return True

    def meet(self, username: str, found: SearchResult) -> bytes:
        """Pin the key of a user who was looked up, unless one is pinned; return the pinned key.

        Raise NoSuchUser, or NotTrusted if the user has no key or another one, or can only chat in
        clear.
        """
        if found.presence is Presence.NOT_FOUND:
            raise self.no_such_user(username)
        contact = self.get(username)
        if found.in_clear and contact.key is None:
            raise NotTrusted(
                f"{username} can only chat in clear",
                likely=f"{username} uses the original system",
                advice=f"/chat {username} --in-clear (unencrypted)",
            )
        key = self.key_to_call(username, found.key)
        if contact.key is None:
            self._profile.keep_contact(self._registry, contact._replace(key=key))
        return key

    def accept(self, username: str, key: bytes) -> None:
        """Pin the key of a contact after a chat was accepted.

        Raise NotTrusted if another key has been pinned meanwhile.
        """
        contact = self.get(username)
        if contact.key not in {None, key}:
            raise impostor(username)
        if not contact.accepted or contact.invitation:
            accepted = contact._replace(key=key, accepted=True, invitation="")
            self._profile.keep_contact(self._registry, accepted)

    def invite(self, seconds: int) -> str:
        """Return the secret of a new invitation for one friend, valid for that many seconds."""
        secret = new_secret()
        expires_at = int(time.time()) + seconds
        self._profile.keep_invitation(self._registry, digest_of(secret), expires_at)
        return secret

    def follow(self, username: str, key: bytes, secret: str) -> None:
        """Pin the key of a user who has invited us, as verified.

        Raise NotTrusted if another key is pinned.
        """
        contact = self.get(username)
        if contact.key not in {None, key}:
            raise another_key(username)
        invited = contact.invited or not contact.verified
        self._profile.keep_contact(
            self._registry,
            contact._replace(key=key, verified=True, invited=invited, invitation=secret),
        )

    def redeem(self, secret: str, username: str, key: bytes) -> bool:
        """Use an invitation of ours for a user who shows its secret; return whether it is valid.

        Then the user's key is pinned as verified, and the contact accepted. No invitation is valid
        for a user with another pinned key.
        """
        contact = self.get(username)
        if contact.key not in {None, key} or not self._profile.use_invitation(
            self._registry, digest_of(secret), username, key
        ):
            return False
        invited = contact.invited or not contact.verified
        self._profile.keep_contact(
            self._registry,
            contact._replace(key=key, verified=True, invited=invited, accepted=True),
        )
        return True

    def security(self, username: str) -> Security:
        """Return how well an encrypted chat with the contact is protected."""
        return Security.VERIFIED if self.get(username).verified else Security.UNVERIFIED

    def is_to_be_hinted(self, username: str) -> bool:
        """Return whether to hint now that the contact should be verified, and note that it is done.

        True at the first chat with an unverified contact, and then at most once a day.
        """
        contact, now = self.get(username), int(time.time())
        if contact.verified or now - contact.hinted_at < _HINT_EVERY:
            return False
        self._profile.keep_contact(self._registry, contact._replace(hinted_at=now))
        return True

    def other_number(self, username: str) -> str:
        """Return the safety number of the other key that was last refused; `trust` may follow.

        Raise UsageError if there is none.
        """
        key = self.get(username).other_key
        if key is None:
            raise UsageError(f"no other key of {username} has been seen")
        self._offered[username] = key
        return safety_number(self._ours, key)

    def trust(self, username: str) -> None:
        """Pin the key whose number `other_number` returned, as unverified.

        Keys seen since then are ignored. Raise UsageError if no number was returned.
        """
        key = self._offered.pop(username, None)
        if key is None:
            raise UsageError(
                f"look at the number of {username}'s new key first", advice=f"/trust {username}"
            )
        contact = self.get(username)._replace(
            key=key, verified=False, invited=False, other_key=None
        )
        self._profile.keep_contact(self._registry, contact)

    def _note_other(self, username: str, key: bytes) -> None:
        contact = self.get(username)
        if contact.other_key != key:
            self._profile.keep_contact(self._registry, contact._replace(other_key=key))

    def safety_number(self, username: str) -> str:
        """Return the safety number, which the contact must see too.

        Raise UsageError if the contact has no key yet.
        """
        key = self.get(username).key
        if key is None:
            raise UsageError(
                f"you have no key of {username} yet", advice=f"chat with {username} first"
            )
        self._shown[username] = key
        return safety_number(self._ours, key)

    def mark_verified(self, username: str) -> None:
        """Record that the user has compared the safety numbers.

        Raise UsageError if the number was not shown, or the key has changed since.
        """
        contact = self.get(username)
        if contact.key is None or self._shown.pop(username, None) != contact.key:
            raise UsageError(
                f"look at the safety number of {username} first", advice=f"/verify {username}"
            )
        self._profile.keep_contact(self._registry, contact._replace(verified=True, invited=False))

    def mute(self, username: str, seconds: float) -> None:
        """Mute a contact for that many seconds; 0 unmutes.

        Raise UsageError if there is no such contact.
        """
        if username not in self.known_names:
            raise UsageError(f"you have no contact {username}")
        until = int(time.time() + seconds) if seconds else 0
        contact = self.get(username)._replace(muted_until=until)
        self._profile.keep_contact(self._registry, contact)

    def set_files(self, username: str, what: str) -> None:
        """Set how a contact's files are treated: "ask", "never", or accept up to so many bytes.

        Raise UsageError if there is no such contact.
        """
        if username not in self.known_names:
            raise UsageError(f"you have no contact {username}")
        self._profile.keep_contact(self._registry, self.get(username)._replace(files=what))

    def is_muted(self, username: str) -> bool:
        """Return whether a contact is muted now."""
        return self.get(username).muted_until > time.time()

    def block(self, username: str, *, blocked: bool) -> None:
        """Block a contact, or unblock them."""
        contact = self.get(username)._replace(blocked=blocked)
        self._profile.keep_contact(self._registry, contact)
