"""The list of contacts: the important ones first, in columns, with what is to be known of each."""

import re
import time

import pytest

from p2pchat.protocol.client.orders import ListedContact
from p2pchat.ui.screen.contact_list import contact_lines
from tests.peer.chat.test_conversations import friends
from tests.ui.screen.test_chat_app import start
from tests.world import World


def test_unread_then_online_then_the_latest() -> None:
    """Each column as wide as it must be, and none that is empty."""
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
        "bob      online     2 unread           verified",
        "erin     online               4 wait   unverified",
        "mallory  1 min ago                     unverified, blocked",
        "carol    3 h ago              1 waits  unverified",
        "dave     offline                       unverified",
    ]


def test_since_when_lines_wait() -> None:
    """As people say it: a weekday, or a date if that is long ago."""
    day = 86_400_000
    now = int(time.time() * 1000)
    for since, shown in ((now - 2 * day, r"[A-Z][a-z]{2}"), (now - 20 * day, r"\d{4}-\d\d-\d\d")):
        (line,) = contact_lines(
            [ListedContact("bob", "unverified", waiting=1, waiting_since=since)]
        )
        assert re.fullmatch(rf"bob  1 waits since {shown}  unverified", line)


def test_what_no_node_knows_is_not_claimed() -> None:
    """Without one, nobody is called offline."""
    assert contact_lines([ListedContact("bob", "unverified")]) == ["bob  unverified"]
    assert contact_lines([]) == []


@pytest.mark.parametrize("word", ["contacts", "who", "names", "list", "friends"])
def test_it_is_shown_at_the_prompt(secure_world: World, word: str) -> None:
    """By whatever word people bring; with a hint where there is nobody."""
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
    assert re.fullmatch(r"\* bob  offline  1 waits since \d\d:\d\d  unverified", screen.lines[-1])
    world.kill_registry()
    app.submit(f"/{word}")
    world.settle()
    assert re.fullmatch(r"\* bob  1 waits since \d\d:\d\d  unverified", screen.lines[-1])
