"""The open chat, and what arrives outside it."""

import pytest

from p2pchat.callbacks import ignore
from p2pchat.errors import UsageError
from p2pchat.protocol.client.events import Overdue, TextReceived
from p2pchat.ui.screen.foreground import Foreground
from tests.peer.chat.test_conversations import friends
from tests.ui.screen.test_chat_app import Screen, start
from tests.world import World, unread_at


def test_unread_lines_are_shown_once_when_a_chat_is_opened(
    secure_world: World,
) -> None:
    """Unread lines are shown in order after a mark, and are read afterwards."""
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
    assert screen.lines[1:] == ["* unread from alice:", "alice: one", "alice: two"]
    assert foreground.unread == {}
    assert unread_at(bob.node) == []


def test_messages_outside_the_open_chat_are_announced_once(secure_world: World) -> None:
    """Messages outside the open chat are announced once and counted; those in it are seen."""
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


def test_do_not_disturb_suppresses_alerts(
    secure_world: World,
) -> None:
    """With do not disturb there is no bell and no notification, only a notice."""
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


def test_muted_contact_raises_no_alert(secure_world: World) -> None:
    """A muted contact raises no alert; an alert of another one contains the text."""
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


def test_failed_and_overdue_lines_raise_an_alert(secure_world: World) -> None:
    """A failed line and one that waits for a day raise an alert that names /outbox."""
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
    app.node.conversations.outbox.cancel("bob", ignore, ignore)
    world.settle()
    assert alerts == [
        "a line to bob has waited for a day: /outbox",
        "a line to bob has failed: /outbox",
    ]
    assert any("/outbox" in line for line in screen.lines)
