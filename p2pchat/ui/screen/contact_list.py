"""The list of contacts: who is online, how many messages are unread, and how many wait.

The same at the prompt, for programs and in the shell.
"""

import datetime as dt
import time
from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple

from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.node import Node
from p2pchat.peer.registry_client.session import SessionState
from p2pchat.peer.store.history import History
from p2pchat.peer.store.profile import KnownContact

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))

_WEEK: Final = 7

NO_CONTACTS: Final = "you have no contacts yet: /chat NAME asks a user for a chat"


class ContactRow(NamedTuple):
    """One contact; `last_at` is when they last said something, in milliseconds since the epoch."""

    contact: KnownContact
    online: bool | None
    """None if it is unknown, because no node of ours is online."""
    unread: int = 0
    waiting: int = 0
    last_at: int = 0
    waiting_since: int = 0
    """When the first line that waits was written, in milliseconds since the epoch."""

    @property
    def trust(self) -> str:
        """Whether there is a key, and whether it was verified."""
        if self.contact.key is None:
            return "no key yet"
        if self.contact.invited:
            return "verified by invitation"
        return "verified" if self.contact.verified else "unverified"

    @property
    def presence(self) -> str:
        """Whether they are online, or else how long ago they said something."""
        if self.online:
            return "online"
        if self.last_at:
            return f"{_ago(self.last_at)} ago"
        return "offline" if self.online is False else ""


def rows_of(node: Node) -> list[ContactRow]:
    """Return a row for each contact that a node knows. Raise StorageError."""
    is_online = node.standing is SessionState.ONLINE
    online = node.conversations.online_contacts if is_online else None
    return rows(node.contacts, node.history, online)


def rows(contacts: Contacts, history: History, online: Collection[str] | None) -> list[ContactRow]:
    """Return a row for each contact; `online` is None if unknown. Raise StorageError."""
    unread, waiting, last_heard = history.unread(), history.waiting(), history.last_heard()
    since = history.waiting_since()
    return [
        ContactRow(
            contact,
            None if online is None else contact.username in online,
            unread.get(contact.username, 0),
            waiting.get(contact.username, 0),
            last_heard.get(contact.username, 0),
            since.get(contact.username, 0),
        )
        for contact in contacts.all()
    ]


def contact_object(row: ContactRow) -> dict[str, Any]:
    """Return a contact as the JSON object for programs."""
    return {
        "user": row.contact.username,
        "online": row.online,
        "unread": row.unread,
        "waiting": row.waiting,
        "trust": "verified" if row.contact.verified else row.trust,
        "blocked": row.contact.blocked,
        "muted": row.contact.muted_until > time.time(),
    }


HEADERS: Final = ("NAME", "PRESENCE", "UNREAD", "OUTBOX", "TRUST")
"""What the cells of a contact are."""


def contact_cells(rows: Iterable[ContactRow]) -> list[tuple[str, ...]]:
    """Return the cells of each: first contacts with unread messages, then those online."""
    ordered = sorted(
        rows, key=lambda row: (not row.unread, not row.online, -row.last_at, row.contact.username)
    )
    return [
        (
            row.contact.username,
            row.presence,
            f"{row.unread} unread" if row.unread else "",
            _waiting(row),
            ", ".join(filter(None, (row.trust, *_marks(row.contact)))),
        )
        for row in ordered
    ]


def contact_lines(rows: Iterable[ContactRow]) -> list[str]:
    """Return the same as aligned lines, for the prompt."""
    cells = contact_cells(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(_columns(line, widths)).rstrip() for line in cells]


def _waiting(row: ContactRow) -> str:
    """Return how many lines wait, and since when."""
    if not row.waiting:
        return ""
    count = f"{row.waiting} wait{'s' if row.waiting == 1 else ''}"
    return f"{count} since {_day(row.waiting_since)}" if row.waiting_since else count


def _day(at: int) -> str:
    """Return when it was as people say it: a time of today, a weekday, or a date."""
    now = dt.datetime.now().astimezone()
    then = dt.datetime.fromtimestamp(at / 1000, tz=dt.UTC).astimezone()
    days = (now.date() - then.date()).days
    if days <= 0:
        return f"{then:%H:%M}"
    return f"{then:%a}" if days < _WEEK else f"{then:%Y-%m-%d}"


def _marks(contact: KnownContact) -> tuple[str, str]:
    """Return what the user has decided about a contact."""
    is_muted = contact.muted_until > time.time()
    return "muted" if is_muted else "", "blocked" if contact.blocked else ""


def _columns(cells: Iterable[str], widths: Iterable[int]) -> list[str]:
    """Return the cells, each as wide as its column, without empty columns."""
    return [cell.ljust(width) for cell, width in zip(cells, widths, strict=True) if width]


def _ago(at: int) -> str:
    seconds = max(0, int(time.time() - at / 1000))
    for unit, name in _UNITS:
        if seconds >= unit:
            return f"{seconds // unit} {name}"
    return "a moment"
