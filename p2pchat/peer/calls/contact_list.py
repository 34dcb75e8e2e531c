"""The contact list: who is online, unread and queued lines, and how far each contact is trusted."""

import time
from collections.abc import Collection

from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.store.history import History
from p2pchat.peer.store.profile import KnownContact
from p2pchat.protocol.client.orders import ListedContact


def listed_contacts(
    contacts: Contacts, history: History, online: Collection[str] | None
) -> list[ListedContact]:
    """Return all contacts, sorted by name; `online` is None if unknown. Raise StorageError."""
    unread, waiting, last_heard = history.unread(), history.waiting(), history.last_heard()
    since = history.waiting_since()
    return [
        ListedContact(
            contact.username,
            _trust(contact),
            None if online is None else contact.username in online,
            unread.get(contact.username, 0),
            waiting.get(contact.username, 0),
            last_heard.get(contact.username, 0),
            since.get(contact.username, 0),
            contact.blocked,
            contact.muted_until > time.time(),
        )
        for contact in contacts.all()
    ]


def _trust(contact: KnownContact) -> str:
    """Return how far a contact is trusted, for display."""
    if contact.key is None:
        return "no key yet"
    if contact.invited:
        return "verified by invitation"
    return "verified" if contact.verified else "unverified"
