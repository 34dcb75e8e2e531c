"""The list of contacts: ordered by importance, in columns."""

import re
import time

import pytest

from p2pchat.protocol.client.orders import ListedContact
from p2pchat.ui.screen.contact_list import contact_lines
from tests.peer.chat.test_conversations import friends
from tests.ui.screen.test_chat_app import start
from tests.world import World


def test_unread_then_online_then_latest() -> None:
    """Columns are as wide as needed, and empty ones are left out."""
    now = int(time.time() * 1000)
    rows = [
        ListedContact("dave", "unverified", online=False),
        ListedContact(
            "carol", "unverified", online=False, waiting=1, last_at=now - 3 * 3_600_000 - 1000
        ),
        ListedContact("bob", "verified", online=True, unread=2),
        ListedContact("erin", "unverified", online=True, waiting=4),
        ListedContact("mallory", "unverified", online=False, last_at=now - 90_000, blocked=True),
    ]
    assert contact_lines(rows) == [
        "bob      online     2 unread            verified",
        "erin     online               4 queued  unverified",
        "mallory  1 min ago                      unverified, blocked",
        "carol    3 h ago              1 queued  unverified",
        "dave     offline                        unverified",
    ]


def test_waiting_since_is_a_weekday_or_a_date() -> None:
    """The time since lines are queued is a weekday, or a date if long ago."""
    day = 86_400_000
    now = int(time.time() * 1000)
    for since, shown in ((now - 2 * day, r"[A-Z][a-z]{2}"), (now - 20 * day, r"\d{4}-\d\d-\d\d")):
        (line,) = contact_lines(
            [ListedContact("bob", "unverified", waiting=1, waiting_since=since)]
        )
        assert re.fullmatch(rf"bob  1 queued since {shown}  unverified", line)


def test_presence_is_omitted_without_a_node() -> None:
    """Without a node, no contact is called offline."""
    assert contact_lines([ListedContact("bob", "unverified")]) == ["bob  unverified"]
    assert contact_lines([]) == []


@pytest.mark.parametrize("word", ["contacts", "who", "names", "list", "friends"])
def test_contacts_command_and_its_synonyms(secure_world: World, word: str) -> None:
    """The list is shown for each synonym of /contacts."""
    world = secure_world
    alice, bob = friends(world)
    alice.node.stop()
    world.settle()
    app, screen = start(world)
    app.submit(f"/{word}")
    world.settle()
    assert screen.lines[-1] == "* bob  online  unverified"
    bob.node.stop()
    world.advance(3)
    app.node.call("bob")
    world.settle()
    app.node.say("bob", "later")
    world.settle()
    app.submit(f"/{word}")
    world.settle()
    assert re.fullmatch(r"\* bob  offline  1 queued since \d\d:\d\d  unverified", screen.lines[-1])
    world.kill_registry()
    app.submit(f"/{word}")
    world.settle()
    assert re.fullmatch(r"\* bob  1 queued since \d\d:\d\d  unverified", screen.lines[-1])
