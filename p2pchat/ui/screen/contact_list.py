"""The list of contacts, formatted for the prompt, for programs and for the shell."""

import datetime as dt
import time
from collections.abc import Iterable
from typing import Any, Final

from p2pchat.protocol.client.orders import ListedContact

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))

_WEEK: Final = 7

NO_CONTACTS: Final = "you have no contacts yet: /chat NAME asks a user for a chat"


def presence(contact: ListedContact) -> str:
    """Return whether a contact is online, or else how long ago it last sent something."""
    if contact.online:
        return "online"
    if contact.last_at:
        return f"{_ago(contact.last_at)} ago"
    return "offline" if contact.online is False else ""


def contact_object(contact: ListedContact) -> dict[str, Any]:
    """Return a contact as the JSON object for programs."""
    return {
        "user": contact.username,
        "online": contact.online,
        "unread": contact.unread,
        "waiting": contact.waiting,
        "trust": "verified" if contact.trust.startswith("verified") else contact.trust,
        "blocked": contact.blocked,
        "muted": contact.muted,
    }


HEADERS: Final = ("NAME", "PRESENCE", "UNREAD", "OUTBOX", "TRUST")
"""The headers of a contact's cells."""


def contact_cells(contacts: Iterable[ListedContact]) -> list[tuple[str, ...]]:
    """Return the cells of each contact: first those with unread messages, then those online."""
    ordered = sorted(contacts, key=lambda c: (not c.unread, not c.online, -c.last_at, c.username))
    return [
        (
            contact.username,
            presence(contact),
            f"{contact.unread} unread" if contact.unread else "",
            _waiting(contact),
            ", ".join(filter(None, (contact.trust, *_marks(contact)))),
        )
        for contact in ordered
    ]


def contact_lines(contacts: Iterable[ListedContact]) -> list[str]:
    """Return the cells as aligned lines, for the prompt."""
    cells = contact_cells(contacts)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(_columns(line, widths)).rstrip() for line in cells]


def _waiting(contact: ListedContact) -> str:
    """Return how many lines are queued, and since when."""
    if not contact.waiting:
        return ""
    count = f"{contact.waiting} queued"
    return f"{count} since {_day(contact.waiting_since)}" if contact.waiting_since else count


def _day(at: int) -> str:
    """Return a time in a short form: the time if today, else a weekday or a date."""
    now = dt.datetime.now().astimezone()
    then = dt.datetime.fromtimestamp(at / 1000, tz=dt.UTC).astimezone()
    days = (now.date() - then.date()).days
    if days <= 0:
        return f"{then:%H:%M}"
    return f"{then:%a}" if days < _WEEK else f"{then:%Y-%m-%d}"


def _marks(contact: ListedContact) -> tuple[str, str]:
    """Return the user's settings for a contact."""
    return "muted" if contact.muted else "", "blocked" if contact.blocked else ""


def _columns(cells: Iterable[str], widths: Iterable[int]) -> list[str]:
    """Return the cells, each as wide as its column, without empty columns."""
    return [cell.ljust(width) for cell, width in zip(cells, widths, strict=True) if width]


def _ago(at: int) -> str:
    seconds = max(0, int(time.time() - at / 1000))
    for unit, name in _UNITS:
        if seconds >= unit:
            return f"{seconds // unit} {name}"
    return "a moment"
