"""Events as JSON objects: the model that `--json`, `p2p listen` and hooks share.

Each object stands on a line of its own. What it may hold is in EVENTS.md beside this file: fields
are added there, and never renamed or taken away while the version stays. Knows no node and no
stream; words for persons are `render`'s.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from p2pchat.errors import P2PError
from p2pchat.peer.events import (
    Called,
    CallerRefused,
    CallFailed,
    Calling,
    CallTurnedAway,
    CallWithdrawn,
    ChatEnded,
    ChatStarted,
    ContactAway,
    ContactBack,
    ContactIdle,
    ContactLeft,
    ContactLost,
    Delivered,
    Event,
    Found,
    Joined,
    LinesMissing,
    LoggedIn,
    LoginFailed,
    NotKept,
    OutboxFailed,
    Overdue,
    QuotaFull,
    RegistryBack,
    RegistryLost,
    RegistryTrusted,
    Renumbered,
    Said,
    SearchFailed,
    Security,
    Seen,
    TextReceived,
    Trouble,
)
from p2pchat.peer.store.lines import KeptLine
from p2pchat.peer.store.schedule import ScheduledLine

VERSION: Final = 1

NAMES: Final[Mapping[type[Event], str]] = {
    LoggedIn: "logged_in",
    LoginFailed: "login_failed",
    RegistryLost: "registry_lost",
    RegistryBack: "registry_back",
    RegistryTrusted: "registry_trusted",
    Found: "found",
    SearchFailed: "search_failed",
    Called: "request",
    Joined: "joined",
    CallWithdrawn: "request_withdrawn",
    CallTurnedAway: "request_turned_away",
    CallerRefused: "caller_refused",
    Calling: "calling",
    CallFailed: "call_failed",
    ChatStarted: "chat_started",
    ChatEnded: "chat_ended",
    TextReceived: "message",
    Seen: "seen",
    Said: "said",
    Delivered: "delivered",
    Renumbered: "renumbered",
    LinesMissing: "lines_missing",
    QuotaFull: "quota_full",
    OutboxFailed: "outbox_failed",
    Overdue: "overdue",
    NotKept: "not_kept",
    ContactAway: "contact_away",
    ContactLost: "contact_lost",
    ContactBack: "contact_back",
    ContactLeft: "contact_left",
    ContactIdle: "contact_idle",
    Trouble: "trouble",
}

_SECURITY: Final = {
    Security.CLEAR: "clear",
    Security.UNVERIFIED: "unverified",
    Security.VERIFIED: "verified",
}


def event_object(event: Event, now: int) -> dict[str, Any]:
    """Return an event's object; `now` in milliseconds since the epoch, for what has no time."""
    at = event.at if isinstance(event, TextReceived) and event.at else now
    return json_object(NAMES[type(event)], at, **_fields(event))


def json_object(name: str, at: int, /, **fields: Any) -> dict[str, Any]:
    """Return an object with what each has; the fields may bring an `at` of their own."""
    return {"v": VERSION, "event": name, "at": timestamp(at), **fields}


def contact_of(fields: Mapping[str, Any]) -> str | None:
    """Return the user that an object is about; empty without one."""
    for name in ("from", "to", "user"):
        if name in fields:
            return str(fields[name])
    return None


def kept_object(line: KeptLine, me: str) -> dict[str, Any]:
    """Return a line of the history."""
    sender, receiver = (me, line.username) if line.outgoing else (line.username, me)
    return {
        "id": line.id,
        "at": timestamp(line.at),
        "from": sender,
        "to": receiver,
        "text": line.text,
        "state": line.state.value,
    }


def scheduled_object(line: ScheduledLine, me: str) -> dict[str, Any]:
    """Return a line that is to be sent later."""
    return {
        "id": 0,
        "at": timestamp(line.written_at),
        "from": me,
        "to": line.username,
        "text": line.text,
        "state": "scheduled",
        "not_before": timestamp(line.not_before),
        "expires_at": timestamp(line.expires_at) if line.expires_at else None,
    }


def error_fields(error: P2PError | None) -> dict[str, Any]:
    """Return what an error says; for None the same fields, empty."""
    if error is None:
        return {"what": "", "likely": "", "try": "", "exit_code": 0}
    return {
        "what": error.what,
        "likely": error.likely,
        "try": error.advice,
        "exit_code": error.exit_code,
    }


def timestamp(at: int) -> str:
    """Return milliseconds since the epoch as UTC; a contact's clock may be far off."""
    try:
        moment = dt.datetime.fromtimestamp(at / 1000, tz=dt.UTC)
    except (OverflowError, ValueError, OSError):
        moment = dt.datetime.fromtimestamp(0, tz=dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(event: Event) -> dict[str, Any]:  # noqa: C901, PLR0911, PLR0912  # a table
    match event:
        case LoggedIn(username, registry, listening, machine):
            return {
                "account": username,
                "registry": registry,
                "listening": str(listening),
                "machine": machine or registry,
            }
        case LoginFailed(error) | Trouble(error):
            return error_fields(error)
        case RegistryLost(error, retry_in):
            return {"retry_in": round(retry_in, 3), **error_fields(error)}
        case RegistryBack(registry, machine):
            return {"registry": registry, "machine": machine or registry}
        case RegistryTrusted(registry, fingerprint):
            return {"registry": registry, "fingerprint": fingerprint}
        case Found(username, address):
            where = "" if address is None else str(address)
            return {"user": username, "online": address is not None, "address": where}
        case SearchFailed(username, error):
            return {"user": username, **error_fields(error)}
        case Called(contact, security):
            return {"from": contact, "security": _SECURITY[security]}
        case CallWithdrawn(contact) | CallTurnedAway(contact):
            return {"from": contact}
        case CallerRefused(contact, error):
            return {"from": contact, **error_fields(error)}
        case Calling(contact):
            return {"to": contact}
        case CallFailed(contact, error):
            return {"to": contact, **error_fields(error)}
        case ChatStarted(contact, security):
            return {"user": contact, "security": _SECURITY[security]}
        case ChatEnded(contact, error, unsent):
            return {"user": contact, "unsent": list(unsent), **error_fields(error)}
        case TextReceived(contact, text, line_id, _, security):
            return {"from": contact, "text": text, "id": line_id, "security": _SECURITY[security]}
        case ContactAway(contact, error):
            return {"user": contact, **error_fields(error)}
        case Joined(contact) | Seen(contact) | ContactBack(contact) | ContactLeft(contact):
            return {"user": contact}
        case ContactIdle(contact, idle):
            return {"user": contact, "idle": idle}
        case ContactLost(contact, error):
            return {"user": contact, **error_fields(error)}
        case Said(contact, text, number):
            return {"to": contact, "text": text, "number": number}
        case Delivered(contact, waiting, up_to):
            return {"to": contact, "up_to": up_to, "waiting": waiting}
        case Renumbered(contact, numbers):
            return {"to": contact, "numbers": [list(pair) for pair in numbers]}
        case LinesMissing(contact, count, ours):
            return {"user": contact, "count": count, "where": "here" if ours else "there"}
        case QuotaFull(contact, lines, size):
            return {"from": contact, "lines": lines, "bytes": size}
        case Overdue(contact, since):
            return {"to": contact, "since": timestamp(since)}
        case OutboxFailed(contact, error, count):
            return {"to": contact, "count": count, **error_fields(error)}
        case NotKept(contact, error, texts):
            return {"to": contact, "texts": list(texts), **error_fields(error)}
