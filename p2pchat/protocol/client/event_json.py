"""Conversion of events to JSON objects and back, for programs, hooks and clients of a node.

EVENTS.md in this folder describes the objects: fields may be added, but not renamed or removed
within a version. Text for users is in `render`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from p2pchat.errors import P2PError
from p2pchat.protocol.address import written_address
from p2pchat.protocol.client import events as e
from p2pchat.protocol.client.failure import Failure, error_of
from p2pchat.protocol.client.file_events import (
    FileDeclined,
    FileDelivered,
    FileFailed,
    FileOffered,
    FileProgress,
    FileReceived,
    FileWaiting,
)
from p2pchat.protocol.client.objects import Object, error_fields, json_object, moment, timestamp
from p2pchat.protocol.client.state import CameBy, LinkPath, Security


def event_object(event: e.Event, now: int) -> Object:
    """Return an event's object; `now` (ms since the epoch) is the time of an event without one."""
    row = _ROWS[type(event)]
    at = event.at if isinstance(event, e.TextReceived) and event.at else now
    fields: Object = {}
    error: Object = {}  # comes last
    for part, name in zip(row.parts, event.__struct_fields__, strict=True):
        (error if part is _ERROR else fields).update(part.write(getattr(event, name)))
    fields |= error
    if fields.get("machine") == "":
        fields["machine"] = fields["registry"]
    return json_object(row.name, at, **fields)


def read_event(fields: Mapping[str, Any]) -> e.Event:
    """Return the event of an object. Raise ValueError if it is unknown or malformed."""
    kind = _KINDS.get(fields.get("event", ""))
    if kind is None:
        raise ValueError("not an event")
    try:
        return kind(*(part.read(fields) for part in _ROWS[kind].parts))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a {fields['event']} event: {error!r}") from None


class _Part(NamedTuple):
    """How one field of an event is written and read."""

    write: Callable[[Any], Object]
    read: Callable[[Mapping[str, Any]], Any]


class _Row(NamedTuple):
    name: str
    parts: tuple[_Part, ...]


def _plain(key: str) -> _Part:
    return _Part(lambda value: {key: value}, lambda fields: fields[key])


def _list(key: str) -> _Part:
    return _Part(lambda values: {key: list(values)}, lambda fields: tuple(fields[key]))


def _address(key: str) -> _Part:
    return _Part(
        lambda value: {key: str(value or "")},
        lambda fields: written_address(fields[key]) if fields[key] else None,
    )


def _read_error(fields: Mapping[str, Any]) -> P2PError | None:
    if not fields["what"]:
        return None
    return error_of(
        Failure(
            fields["exit_code"],
            fields["reason"],
            fields["what"],
            fields["likely"],
            fields["try"],
            fields.get("unsent_bytes", 0),
        )
    )


_FROM: Final = _plain("from")
_TO: Final = _plain("to")
_USER: Final = _plain("user")
_TEXT: Final = _plain("text")
_TRANSFER: Final = _plain("transfer")
_NAME: Final = _plain("name")
_SIZE: Final = _plain("size")
_COUNT: Final = _plain("count")
_REGISTRY: Final = _plain("registry")
_ERROR: Final = _Part(error_fields, _read_error)
_SECURITY: Final = _Part(
    lambda security: {"security": security.name.lower()},
    lambda fields: Security[fields["security"].upper()],
)
_PATH: Final = _Part(lambda path: {"path": path.value}, lambda fields: LinkPath(fields["path"]))
_MACHINE: Final = _Part(
    lambda machine: {"machine": machine},
    lambda fields: "" if fields["machine"] == fields["registry"] else fields["machine"],
)
_RETRY_IN: Final = _Part(
    lambda seconds: {"retry_in": round(seconds, 3)}, lambda fields: fields["retry_in"]
)
_WHERE: Final = _Part(
    lambda ours: {"where": "here" if ours else "there"}, lambda fields: fields["where"] == "here"
)
_SINCE: Final = _Part(lambda at: {"since": timestamp(at)}, lambda fields: moment(fields["since"]))
_BY: Final = _Part(
    lambda by: {"by": by.value}, lambda fields: CameBy(fields.get("by", CameBy.LINK.value))
)
_UNTIL: Final = _Part(
    lambda until: {"until": timestamp(until * 1000)},
    lambda fields: moment(fields["until"]) // 1000,
)
_NUMBERS: Final = _Part(
    lambda pairs: {"numbers": [list(pair) for pair in pairs]},
    lambda fields: tuple((old, new) for old, new in fields["numbers"]),
)
_WRITTEN_AT: Final = _Part(lambda _: {}, lambda fields: moment(fields["at"]) if fields["id"] else 0)

_ROWS: Final[Mapping[type[e.Event], _Row]] = {
    e.LoggedIn: _Row(
        "logged_in",
        (
            _plain("account"),
            _REGISTRY,
            _address("listening"),
            _MACHINE,
        ),
    ),
    e.LoginFailed: _Row("login_failed", (_ERROR,)),
    e.RegistryLost: _Row(
        "registry_lost",
        (
            _ERROR,
            _RETRY_IN,
        ),
    ),
    e.RegistryBack: _Row(
        "registry_back",
        (
            _REGISTRY,
            _MACHINE,
        ),
    ),
    e.RegistryTrusted: _Row(
        "registry_trusted",
        (
            _REGISTRY,
            _plain("fingerprint"),
        ),
    ),
    e.Found: _Row(
        "found",
        (
            _USER,
            _plain("online"),
            _address("address"),
        ),
    ),
    e.SearchFailed: _Row(
        "search_failed",
        (
            _USER,
            _ERROR,
        ),
    ),
    e.Called: _Row(
        "request",
        (
            _FROM,
            _SECURITY,
        ),
    ),
    e.Joined: _Row("joined", (_USER,)),
    e.CallWithdrawn: _Row("request_withdrawn", (_FROM,)),
    e.CallTurnedAway: _Row("request_turned_away", (_FROM,)),
    e.CallerRefused: _Row(
        "caller_refused",
        (
            _FROM,
            _ERROR,
        ),
    ),
    e.Calling: _Row("calling", (_TO,)),
    e.CallFailed: _Row(
        "call_failed",
        (
            _TO,
            _ERROR,
        ),
    ),
    e.ChatStarted: _Row(
        "chat_started",
        (
            _USER,
            _SECURITY,
        ),
    ),
    e.ChatEnded: _Row(
        "chat_ended",
        (
            _USER,
            _ERROR,
            _list("unsent"),
        ),
    ),
    e.TextReceived: _Row(
        "message",
        (
            _FROM,
            _TEXT,
            _plain("id"),
            _WRITTEN_AT,
            _SECURITY,
            _BY,
        ),
    ),
    e.Seen: _Row("seen", (_USER,)),
    e.Said: _Row(
        "said",
        (
            _TO,
            _TEXT,
            _plain("number"),
        ),
    ),
    e.Delivered: _Row(
        "delivered",
        (
            _TO,
            _plain("waiting"),
            _plain("up_to"),
        ),
    ),
    e.Left: _Row(
        "left",
        (
            _TO,
            _plain("up_to"),
            _UNTIL,
        ),
    ),
    e.MailboxWaiting: _Row("mailbox", (_plain("waiting"),)),
    e.Renumbered: _Row(
        "renumbered",
        (
            _TO,
            _NUMBERS,
        ),
    ),
    e.LinesMissing: _Row(
        "lines_missing",
        (
            _USER,
            _COUNT,
            _WHERE,
        ),
    ),
    e.QuotaFull: _Row(
        "quota_full",
        (
            _FROM,
            _plain("lines"),
            _plain("bytes"),
        ),
    ),
    e.OutboxFailed: _Row(
        "outbox_failed",
        (
            _TO,
            _ERROR,
            _COUNT,
        ),
    ),
    e.Overdue: _Row(
        "overdue",
        (
            _TO,
            _SINCE,
        ),
    ),
    e.NotKept: _Row(
        "not_kept",
        (
            _TO,
            _ERROR,
            _list("texts"),
        ),
    ),
    FileOffered: _Row(
        "file_offered",
        (_FROM, _TRANSFER, _NAME, _SIZE, _plain("files"), _plain("taken")),
    ),
    FileProgress: _Row("file_progress", (_USER, _TRANSFER, _plain("done"), _SIZE, _plain("speed"))),
    FileWaiting: _Row("file_waiting", (_USER, _TRANSFER, _NAME, _plain("why"))),
    FileReceived: _Row("file_received", (_FROM, _TRANSFER, _NAME, _plain("path"), _plain("sum"))),
    FileDelivered: _Row("file_delivered", (_TO, _TRANSFER, _NAME, _plain("sum"))),
    FileDeclined: _Row("file_declined", (_TO, _TRANSFER, _NAME)),
    FileFailed: _Row("file_failed", (_USER, _TRANSFER, _NAME, _ERROR)),
    e.ContactAway: _Row(
        "contact_away",
        (
            _USER,
            _ERROR,
        ),
    ),
    e.ContactLost: _Row(
        "contact_lost",
        (
            _USER,
            _ERROR,
        ),
    ),
    e.ContactBack: _Row("contact_back", (_USER,)),
    e.ContactLeft: _Row("contact_left", (_USER,)),
    e.ContactIdle: _Row(
        "contact_idle",
        (
            _USER,
            _plain("idle"),
        ),
    ),
    e.PathChanged: _Row(
        "path",
        (
            _USER,
            _PATH,
        ),
    ),
    e.Trouble: _Row("trouble", (_ERROR,)),
}

_KINDS: Final = {row.name: kind for kind, row in _ROWS.items()}

NAMES: Final[Mapping[type[e.Event], str]] = {kind: row.name for kind, row in _ROWS.items()}
