"""The list of contacts: the important ones first, in columns, with what is to be known of each."""

import re
import time
from typing import Any

import pytest

from p2pchat.peer.store.profile import KnownContact
from p2pchat.ui.screen.contact_list import ContactRow, contact_lines
from tests.peer.chat.test_conversations import friends
from tests.ui.screen.test_chat_app import start
from tests.world import World

KEY = b"k" * 32


def known(name: str, **how: Any) -> KnownContact:
    return KnownContact(name, KEY, accepted=True, **how)


def test_unread_then_online_then_the_latest() -> None:
    """Each column as wide as it must be, and none that is empty."""
    now = int(time.time() * 1000)
    rows = [
        ContactRow(known("dave"), online=False),
        ContactRow(known("carol"), online=False, waiting=1, last_at=now - 3 * 3_600_000 - 1000),
        ContactRow(known("bob", verified=True), online=True, unread=2),
        ContactRow(known("erin"), online=True, waiting=4),
        ContactRow(KnownContact("mallory", KEY, blocked=True), online=False, last_at=now - 90_000),
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
            [ContactRow(known("bob"), online=None, waiting=1, waiting_since=since)]
        )
        assert re.fullmatch(rf"bob  1 waits since {shown}  unverified", line)


def test_what_no_node_knows_is_not_claimed() -> None:
    """Without one, nobody is called offline."""
    assert contact_lines([ContactRow(known("bob"), online=None)]) == ["bob  unverified"]
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
    assert screen.lines[-1] == "* bob  online  unverified"
    bob.node.stop()
    world.advance(3)
    app.node.call("bob")
    world.settle()
    app.node.say("bob", "later")
    world.settle()
    app.submit(f"/{word}")
    assert re.fullmatch(r"\* bob  offline  1 waits since \d\d:\d\d  unverified", screen.lines[-1])
    world.kill_registry()
    app.submit(f"/{word}")
    assert re.fullmatch(r"\* bob  1 waits since \d\d:\d\d  unverified", screen.lines[-1])
