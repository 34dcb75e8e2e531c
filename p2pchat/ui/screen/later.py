"""Scheduling a text from the prompt or a program: what is needed for it to be sent later."""

import datetime as dt

from p2pchat.errors import UsageError
from p2pchat.peer.node import Node
from p2pchat.peer.store.schedule import scheduled
from p2pchat.protocol.durations import seconds_of
from p2pchat.ui.text.moments import COMING_EXAMPLES, coming_moment_of, is_clock


def time_and_text(typed: str) -> tuple[str, str]:
    """Return when and what of `9:00 text` or `tomorrow 9:00 text`."""
    first, _, rest = typed.partition(" ")
    second, _, text = rest.strip().partition(" ")
    if is_clock(second) and not is_clock(first):
        return f"{first} {second}", text.strip()
    return first, rest.strip()


def schedule_text(node: Node, contact: str, text: str, time: str, expires: str = "") -> dt.datetime:
    """Keep a text for a contact until a time to come; return that time.

    `expires`: a duration after which it is given up. Raise UsageError, StorageError.
    """
    try:
        at = coming_moment_of(time, dt.datetime.now().astimezone())
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"{time!r} is no time to come", advice=COMING_EXAMPLES) from None
    if not node.url.secure:
        raise UsageError("in the original dialect nothing is kept for later")
    if contact != node.username and node.contacts.get(contact).key is None:
        raise UsageError(f"you have no key of {contact} yet", advice=f"/chat {contact} first")
    expires_in = seconds_of(expires) if expires else 0
    node.schedule.add(scheduled(contact, [text], int(at.timestamp() * 1000), expires_in))
    return at
