"""The event model: every event has an object, and the table beside the room says which."""

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
    Seen,
    TextReceived,
    Trouble,
    contact_of,
)
from p2pchat.protocol.client.failure import failure_of
from p2pchat.protocol.client.lines import KeptLine, LineState
from p2pchat.protocol.client.objects import error_fields, kept_object, timestamp
from p2pchat.protocol.client.state import Security
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
    Found("bob", Address("::1", 5)),
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
    Trouble(ERROR),
]


def documented(heading: str) -> dict[str, list[str]]:
    """Give the fields that the table whose first column is called so says of each row."""
    table = DOCUMENT.read_text().partition(f"| {heading} |")[2].partition("\n\n")[0]
    rows = [line.split("|") for line in table.split("\n")[2:]]
    return {
        row[1].strip(" `"): re.findall(r"[a-z_]+", row[2].replace("*error*", " ".join(_error())))
        for row in rows
    }


def _error() -> list[str]:
    return list(error_fields(None))


def test_no_event_is_forgotten() -> None:
    """Each class has a name of its own, and an example here."""
    assert set(NAMES) == set(get_args(Event)) == {type(event) for event in EVENTS}
    assert len(set(NAMES.values())) == len(NAMES)


def test_the_table_says_what_is_produced() -> None:
    """Every event with every field, in that order."""
    produced = {}
    for event in EVENTS:
        fields = event_object(event, AT)
        assert list(fields)[:3] == ["v", "event", "at"]
        produced[fields["event"]] = list(fields)[3:]
    assert documented("event") == produced


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_each_is_one_line_of_json(event: Event) -> None:
    """Whatever is in it; and about bob, where it is about somebody."""
    line = json_line(event_object(event, AT))
    assert "\n" not in line
    fields = json.loads(line)
    assert fields["v"] == 1
    assert fields["at"] == "2023-11-14T22:13:20.123Z"
    assert contact_of(event) == ("bob" if {"from", "to", "user"} & set(fields) else "")


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_each_is_the_same_when_it_is_read(event: Event) -> None:
    """Field by field, with its errors."""
    read = read_event(json.loads(json_line(event_object(event, AT))))
    assert type(read) is type(event)
    for name in event.__dataclass_fields__:
        before, after = getattr(event, name), getattr(read, name)
        if isinstance(before, P2PError):
            assert failure_of(after) == failure_of(before)
        else:
            assert after == before, name


@pytest.mark.parametrize(
    "fields", [{}, {"event": "nonsense"}, {"event": "seen"}, {"event": "request", "from": 1}]
)
def test_what_is_no_event_is_refused(fields: dict[str, Any]) -> None:
    """By its name, or because something is missing."""
    with pytest.raises(ValueError, match="not a"):
        read_event(fields)


def test_a_message() -> None:
    """As in the README."""
    assert event_object(TextReceived("bob", "hi", 7, AT), 0) == {
        "v": 1,
        "event": "message",
        "at": "2023-11-14T22:13:20.123Z",
        "from": "bob",
        "text": "hi",
        "id": 7,
        "security": "clear",
    }
    assert event_object(TextReceived("bob", "in clear"), AT)["at"] == timestamp(AT)
    verified = TextReceived("bob", "hi", 7, AT, Security.VERIFIED)
    assert event_object(verified, 0)["security"] == "verified"
    assert event_object(Called("bob", Security.CLEAR), 0)["security"] == "clear"


def test_a_contact_whose_clock_is_mad() -> None:
    """Costs nothing but the time."""
    assert timestamp(10**30) == "1970-01-01T00:00:00.000Z"


def test_a_line_of_the_history() -> None:
    """From whom, to whom, what has become of it."""
    line = KeptLine(1, "bob", True, 1, "", AT, "hi", LineState.QUEUED)
    assert kept_object(line, "alice") == {
        "id": 1,
        "at": timestamp(AT),
        "from": "alice",
        "to": "bob",
        "text": "hi",
        "state": "queued",
    }
