"""`p2p status` for a status bar: one line, repeated when it changes."""

import json

import pytest

from p2pchat.cli.profile.status_format import formatted
from p2pchat.errors import UsageError
from tests.people import People
from tests.programs import Program, running

FIELDS = {
    "user": "alice",
    "standing": None,
    "online": ["bob", "carol"],
    "unread": {"bob": 2, "carol": 3},
    "waiting": {},
    "links": {"bob": "at ..."},
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{unread} {waiting}", "5 0"),
        (
            "{user}: {standing}, {online} online, {links} linked",
            "alice: offline, 2 online, 1 linked",
        ),
        ("{{unread}}", "{unread}"),
        ("", ""),
        ("plain", "plain"),
    ],
)
def test_fields_are_replaced(template: str, text: str) -> None:
    """Fields are replaced by their values; tables and lists by their counts."""
    assert formatted(template, FIELDS) == text


@pytest.mark.parametrize("template", ["{unred}", "{", "}", "{0}", "{}", "{user.__class__}"])
def test_unknown_field_is_refused(template: str) -> None:
    """An invalid template is refused."""
    with pytest.raises(UsageError, match="--format"):
        formatted(template, FIELDS)


def test_status_without_a_node(people: People) -> None:
    """Without a node the status is read from the disk, with exit code 0."""
    assert people.run("alice", "send", "bob", "for later")[0] == 6
    code, said, err = people.run("alice", "status", "--format", "{unread} {waiting} {standing}")
    assert (code, said, err) == (0, ["0 1 offline"], "")
    code, said, _ = people.run("alice", "status", "--json")
    assert (code, json.loads(said[0])["waiting"]) == (0, {"bob": 1})
    assert people.run("alice", "status", "--json", "--format", "x")[0] == 2


def test_watch_prints_changes_only(people: People) -> None:
    """`--watch` prints a line when it changes, and only then."""
    watching = Program(
        "status", "--watch", "--format", "{unread}|{standing}", env=people.env["alice"]
    )
    with running(watching):
        watching.wait_for("0|offline")
        with running(people.start("alice", "--headless")):
            watching.wait_for(r"0\|online")
            assert people.run("bob", "send", "alice", "hello")[0] == 0
            watching.wait_for(r"1\|online")
        watching.wait_for(r"1\|offline")
    assert watching.said == ["0|offline", "0|online", "1|online", "1|offline"]
