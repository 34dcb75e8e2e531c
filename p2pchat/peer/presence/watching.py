"""The users that we subscribed to at the registry, and its last report on each.

Reports on other users are ignored. Knows nothing of conversations.
"""

from collections.abc import Callable

from p2pchat.peer.calls.contacts import Contacts
from p2pchat.protocol.messages import MOST_WATCHED_IN_ALL, Presence, PresenceUpdate, SearchResult


class Watching:
    """The watched contacts of one account; `ask(names)` subscribes to them at the registry."""

    def __init__(self, contacts: Contacts, ask: Callable[[list[str]], None]) -> None:
        self._contacts = contacts
        self._ask = ask
        self._names: dict[str, None] = {}  # the most important ones first
        self._sightings: dict[str, SearchResult] = {}
        self._online = False

    @property
    def online_contacts(self) -> list[str]:
        """The watched users who are online."""
        seen = self._sightings.items()
        return [name for name, result in seen if result.presence is Presence.ONLINE]

    def last(self, contact: str) -> SearchResult | None:
        """Return the registry's last report on a watched user."""
        return self._sightings.get(contact)

    def online(self) -> None:
        """Subscribe after a login: a restarted registry has forgotten the subscriptions."""
        self._online, self._names = True, {}

    def offline(self) -> None:
        """Record that we are logged out; the last reports are kept."""
        self._online = False

    def take(self, sighting: PresenceUpdate) -> bool:
        """Record a report of the registry; return False for a user who is not watched."""
        if sighting.username not in self._names:
            return False
        self._sightings[sighting.username] = sighting.result
        return True

    def include(self, contact: str, talking_to: list[str]) -> None:
        """Watch the contact too; see `watch`."""
        if contact not in self._names:
            self.watch(talking_to)

    def watch(self, talking_to: list[str]) -> None:
        """Watch the contacts of open conversations, then other contacts. Raise StorageError."""
        if not self._online:
            return
        names = list(talking_to)
        names += [
            contact.username
            for contact in self._contacts.all()
            if contact.accepted and not contact.blocked and contact.username not in talking_to
        ]
        names = names[:MOST_WATCHED_IN_ALL]
        if names != list(self._names):
            self._names = dict.fromkeys(names)
            watched = set(names)
            self._sightings = {n: seen for n, seen in self._sightings.items() if n in watched}
            self._ask(names)
