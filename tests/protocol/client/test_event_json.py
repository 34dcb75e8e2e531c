"""The JSON form of events matches the table in EVENTS.md."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from p2pchat.errors import LinkLost, P2PError
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.event_json import NAMES, event_object, read_event
from p2pchat.protocol.client.events import (
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
    Left,
    LinesMissing,
    LoggedIn,
    LoginFailed,
    MailboxWaiting,
    NotKept,
    OutboxFailed,
    Overdue,
    PathChanged,
    QuotaFull,
    RegistryBack,
    RegistryLost,
    RegistryTrusted,
    Renumbered,
    Said,
    SearchFailed,
    Seen,
    TextReceived,
    Trouble,
    contact_of,
)
from p2pchat.protocol.client.failure import failure_of
from p2pchat.protocol.client.file_events import (
    FileDeclined,
    FileDelivered,
    FileFailed,
    FileOffered,
    FileProgress,
    FileReceived,
    FileWaiting,
)
from p2pchat.protocol.client.lines import KeptLine, LineState
from p2pchat.protocol.client.objects import error_fields, kept_object, timestamp
from p2pchat.protocol.client.state import LinkPath, Security
from p2pchat.protocol.text import json_line

DOCUMENT = Path(__file__).parents[3] / "p2pchat" / "protocol" / "client" / "EVENTS.md"
AT = 1_700_000_000_123
ERROR = LinkLost("it broke")

EVENTS: list[Event] = [
    LoggedIn("alice", "p2p://here", Address("127.0.0.1", 5)),
    LoginFailed(ERROR),
    RegistryLost(ERROR, 7.25),
    RegistryBack("p2p://here"),
    RegistryTrusted("p2p://here", "abc"),
    Found("bob", True, Address("::1", 5)),
    Found("bob", True, None),
    Found("bob", False, None),
    SearchFailed("bob", ERROR),
    Called("bob"),
    Joined("bob"),
    CallWithdrawn("bob"),
    CallTurnedAway("bob"),
    CallerRefused("bob", ERROR),
    Calling("bob"),
    CallFailed("bob", ERROR),
    ChatStarted("bob", Security.VERIFIED),
    ChatEnded("bob", None, ("a",)),
    TextReceived("bob", "hi\nthere ✓", 7, AT),
    Seen("bob"),
    Said("bob", "hi", 3),
    Delivered("bob", 0, 3),
    Left("bob", 3, AT // 1000),
    MailboxWaiting(3),
    FileOffered("bob", 3, "photos/", 7, 2),
    FileProgress("bob", 3, 5, 7, 2),
    FileWaiting("bob", 3, "photos/", "bob is not connected"),
    FileReceived("bob", 3, "photos/", "/home/alice/photos", "00" * 32),
    FileDelivered("bob", 3, "photos/", "00" * 32),
    FileDeclined("bob", 3, "photos/"),
    FileFailed("bob", 3, "photos/", P2PError("it has changed")),
    Renumbered("bob", ((1, 5), (2, 6))),
    LinesMissing("bob", 3, ours=True),
    QuotaFull("bob", 20_000, 5),
    OutboxFailed("bob", ERROR, 2),
    Overdue("bob", AT),
    NotKept("bob", ERROR, ("a", "b")),
    ContactAway("bob"),
    ContactLost("bob", None),
    ContactBack("bob"),
    ContactLeft("bob"),
    ContactIdle("bob", idle=True),
    PathChanged("bob", LinkPath.RELAYED),
    Trouble(ERROR),
]


def documented(heading: str) -> dict[str, list[str]]:
    """Return the fields listed for each row of the table whose first column has this heading."""
    table = DOCUMENT.read_text().partition(f"| {heading} |")[2].partition("\n\n")[0]
    rows = [line.split("|") for line in table.split("\n")[2:]]
    return {
        row[1].strip(" `"): re.findall(r"[a-z_]+", row[2].replace("*error*", " ".join(_error())))
        for row in rows
    }


def _error() -> list[str]:
    return list(error_fields(None))


def test_every_event_class_has_a_name_and_an_example() -> None:
    """Every event class has a unique name and an example in `EVENTS`."""
    assert set(NAMES) == set(get_args(Event)) == {type(event) for event in EVENTS}
    assert len(set(NAMES.values())) == len(NAMES)


def test_documented_fields_match_the_json_output() -> None:
    """The table lists every event with exactly the fields it produces, in the same order."""
    produced = {}
    for event in EVENTS:
        fields = event_object(event, AT)
        assert list(fields)[:3] == ["v", "event", "at"]
        produced[fields["event"]] = list(fields)[3:]
    assert documented("event") == produced


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_every_event_is_one_line_of_json(event: Event) -> None:
    """Each event becomes a single JSON line that names its contact, if it has one."""
    line = json_line(event_object(event, AT))
    assert "\n" not in line
    fields = json.loads(line)
    assert fields["v"] == 1
    assert fields["at"] == "2023-11-14T22:13:20.123Z"
    assert contact_of(event) == ("bob" if {"from", "to", "user"} & set(fields) else "")


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_every_event_survives_a_round_trip(event: Event) -> None:
    """An event read back from JSON has the same type, fields and errors."""
    read = read_event(json.loads(json_line(event_object(event, AT))))
    assert type(read) is type(event)
    for name in event.__struct_fields__:
        before, after = getattr(event, name), getattr(read, name)
        if isinstance(before, P2PError):
            assert failure_of(after) == failure_of(before)
        else:
            assert after == before, name


@pytest.mark.parametrize(
    "fields", [{}, {"event": "nonsense"}, {"event": "seen"}, {"event": "request", "from": 1}]
)
def test_malformed_event_is_refused(fields: dict[str, Any]) -> None:
    """An object with an unknown name or a missing or wrong field is refused."""
    with pytest.raises(ValueError, match="not a"):
        read_event(fields)


def test_message_event_has_the_documented_fields() -> None:
    """A received message has the fields shown in the README."""
    assert event_object(TextReceived("bob", "hi", 7, AT), 0) == {
        "v": 1,
        "event": "message",
        "at": "2023-11-14T22:13:20.123Z",
        "from": "bob",
        "text": "hi",
        "id": 7,
        "security": "clear",
        "by": "link",
    }
    assert event_object(TextReceived("bob", "in clear"), AT)["at"] == timestamp(AT)
    verified = TextReceived("bob", "hi", 7, AT, Security.VERIFIED)
    assert event_object(verified, 0)["security"] == "verified"
    assert event_object(Called("bob", Security.CLEAR), 0)["security"] == "clear"


def test_timestamp_beyond_the_calendar_becomes_the_epoch() -> None:
    """A contact's absurd clock costs the timestamp only, not the event."""
    assert timestamp(10**30) == "1970-01-01T00:00:00.000Z"


def test_history_line_names_sender_recipient_and_state() -> None:
    """A history line names its sender, its recipient and its delivery state."""
    line = KeptLine(1, "bob", True, 1, "", AT, "hi", LineState.QUEUED)
    assert kept_object(line, "alice") == {
        "id": 1,
        "at": timestamp(AT),
        "from": "alice",
        "to": "bob",
        "text": "hi",
        "state": "queued",
    }
