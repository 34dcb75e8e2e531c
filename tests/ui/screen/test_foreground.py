"""What is in front, and what waits behind it."""

import pytest

from p2pchat.errors import UsageError
from p2pchat.protocol.client.events import Overdue, TextReceived
from p2pchat.ui.screen.foreground import Foreground
from tests.peer.chat.test_conversations import friends
from tests.ui.screen.test_chat_app import Screen, start
from tests.world import World, unread_at


def test_missed_lines_are_shown_once_when_their_contact_is_brought_to_front(
    secure_world: World,
) -> None:
    """In their order, after a mark; in the next run they are not unread any more."""
    world = secure_world
    alice, bob = friends(world)
    alice.node.call("bob")
    world.settle()
    for text in ("one", "two"):
        alice.say(text)
    world.settle()
    screen = Screen()
    foreground = Foreground(screen, bob.client())
    foreground.begin()
    assert screen.lines == ["* alice: 2 unread: /chat alice"]
    foreground.bring("alice")
    foreground.bring("alice")
    world.settle()
    assert screen.lines[1:] == ["* unread of alice:", "alice: one", "alice: two"]
    assert foreground.unread == {}
    assert unread_at(bob.node) == []


def test_what_comes_behind_the_front_is_told_once_and_counted(secure_world: World) -> None:
    """Who is in front is seen at once."""
    screen = Screen()
    _, bob = friends(secure_world)
    foreground = Foreground(screen, bob.client())
    foreground.front = "carol"
    for line_id in (1, 2):
        foreground.on_event(TextReceived("alice", "x", line_id))
    foreground.on_event(TextReceived("carol", "x", 3))
    assert screen.lines == ["* alice has written: /chat alice"]
    assert foreground.unread == {"alice": 2}
    assert foreground.next_unread() == "alice"
    foreground.bring("alice")
    with pytest.raises(UsageError, match="nothing is unread"):
        foreground.next_unread()
    foreground.front = "carol"
    foreground.leave("alice")
    assert foreground.front == "carol"
    foreground.leave("carol")
    assert foreground.front is None


def test_what_contacts_say_makes_no_sound_where_nobody_is_to_be_disturbed(
    secure_world: World,
) -> None:
    """No bell and no notification; it counts as unread, and a notice says so."""
    world = secure_world
    alice, bob = friends(world)
    alice.node.stop()
    world.settle()
    app, screen = start(world)
    alerts: list[str] = []
    screen.alert = lambda contact, *_: alerts.append(contact)
    app.submit("/dnd")
    world.settle()
    bob.node.call("alice")
    world.settle()
    bob.say("psst")
    world.settle()
    assert alerts == []
    assert any("bob has written" in line for line in screen.lines)
    app.submit("/dnd")
    world.settle()
    bob.say("hey")
    world.settle()
    assert alerts == ["bob"]


def test_a_muted_contact_draws_no_attention(secure_world: World) -> None:
    """Others do; what was said comes along for the notification that wants it."""
    world = secure_world
    alice, bob = friends(world)
    alice.node.stop()
    world.settle()
    alerts: list[tuple[str, ...]] = []
    app, screen = start(world)
    screen.alert = lambda *told: alerts.append(told)
    app.submit("/mute bob")
    world.settle()
    bob.node.call("alice")
    world.settle()
    bob.say("psst")
    world.settle()
    assert alerts == []
    app.submit("/mute bob off")
    world.settle()
    bob.say("hey")
    world.settle()
    assert alerts == [("bob", "bob has written", "hey")]


def test_a_failed_line_rings_and_names_the_outbox(secure_world: World) -> None:
    """And so does one that waits for a day."""
    world = secure_world
    alice, bob = friends(world)
    alice.node.stop()
    bob.node.stop()
    world.settle()
    alerts: list[str] = []
    app, screen = start(world)
    screen.alert = lambda _contact, sentence, _text: alerts.append(sentence)
    app.submit("/chat bob")
    world.settle()
    app.submit("for later")
    world.settle()
    app.on_event(Overdue("bob", 0))
    app.node.conversations.outbox.cancel("bob")
    world.settle()
    assert alerts == [
        "a line to bob has waited for a day: /outbox",
        "a line to bob has failed: /outbox",
    ]
    assert any("/outbox" in line for line in screen.lines)
