"""JSON objects for programs: common fields, errors and lines. See EVENTS.md."""

import datetime as dt
from typing import Any, Final

from p2pchat.errors import P2PError
from p2pchat.protocol.client.failure import failure_of
from p2pchat.protocol.client.lines import LEFT, KeptLine, ScheduledLine
from p2pchat.protocol.client.orders import MailboxStatus
from p2pchat.protocol.client.transfers import Transfer

VERSION: Final = 1
"""The version of everything that EVENTS.md describes."""

Object = dict[str, Any]


def json_object(name: str, at: int, /, **fields: Any) -> Object:
    """Return an object with the common fields; `fields` may contain another `at`."""
    return {"v": VERSION, "event": name, "at": timestamp(at), **fields}


def kept_object(line: KeptLine, me: str) -> dict[str, Any]:
    """Return the object of a line in the history."""
    sender, receiver = (me, line.username) if line.outgoing else (line.username, me)
    is_left = line.shown_state == LEFT
    return {
        "id": line.id,
        "at": timestamp(line.at),
        "from": sender,
        "to": receiver,
        "text": line.text,
        "state": line.shown_state,
        **({"until": timestamp(line.until * 1000)} if is_left else {}),
    }


def scheduled_object(line: ScheduledLine, me: str) -> dict[str, Any]:
    """Return the object of a scheduled line."""
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


def mailbox_object(status: MailboxStatus) -> Object:
    """Return the object of the state of our mailbox, and of what is left in others."""
    left = [
        {"to": one.username, "lines": one.lines, "until": timestamp(one.until * 1000)}
        for one in status.left
    ]
    return {
        "on": status.on,
        "kept": status.kept,
        "waiting": status.waiting,
        "unreadable": status.unreadable,
        "left": left,
    }


def transfer_object(one: Transfer) -> dict[str, Any]:
    """Return a file transfer as a JSON object."""
    return {
        "transfer": one.id,
        "at": timestamp(one.at),
        "to" if one.outgoing else "from": one.user,
        "name": one.name,
        "size": one.size,
        "files": one.files,
        "state": one.shown_state,
        "done": one.done,
        "speed": int(one.rate or 0),
        "why": one.why,
        "path": one.path,
    }


def error_fields(error: P2PError | None) -> Object:
    """Return the fields that describe an error; for None, the same fields, empty."""
    if error is None:
        return {"what": "", "likely": "", "try": "", "exit_code": 0, "reason": ""}
    failure = failure_of(error)
    fields = {
        "what": failure.what,
        "likely": failure.likely,
        "try": failure.advice,
        "exit_code": failure.code,
        "reason": failure.reason,
    }
    return fields | ({"unsent_bytes": failure.unsent} if failure.unsent else {})


def timestamp(at: int) -> str:
    """Return milliseconds since the epoch as UTC; a contact's clock may be far off."""
    try:
        moment = dt.datetime.fromtimestamp(at / 1000, tz=dt.UTC)
    except (OverflowError, ValueError, OSError):
        moment = dt.datetime.fromtimestamp(0, tz=dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> int:
    """Return the milliseconds since the epoch of a `timestamp`. Raise ValueError if malformed."""
    return round(dt.datetime.fromisoformat(text).timestamp() * 1000)
