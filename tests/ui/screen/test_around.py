"""The text around the line, from a real node."""

import re

from p2pchat.ui.screen.around import around
from p2pchat.ui.screen.chat_app import ChatApp
from p2pchat.ui.text.toolbar import fitted
from tests.peer.chat.test_conversations import friends
from tests.ui.screen.test_chat_app import B, Screen, start
from tests.world import World


def toolbar(app: ChatApp, width: int = 120) -> str:
    now = around(app)
    return "".join(text for _, text in fitted(now.left, now.right, width))


def sides(app: ChatApp) -> list[str]:
    """Return the contact's part of the toolbar and ours."""
    left, right = re.split(" {2,}", toolbar(app).strip())
    return [left, right]


def test_toolbar_shows_contact_account_and_registry(world: World) -> None:
    """The toolbar shows the contact, the account and the registry, and follows the node."""
    assert around(ChatApp(Screen())).prompt == "> "
    app, _ = start(world)
    bob = world.person("bob", B)
    us = f"alice, connected, at {world.url.address}"
    assert sides(app) == ["in no chat", us]
    assert len(toolbar(app)) == 120, "ours ends at the right edge"
    assert around(app).prompt == "alice> "
    bob.node.call("alice")
    world.settle()
    assert sides(app) == ["bob is calling, in no chat", us]
    app.submit("/accept")
    world.settle()
    protection = "encrypted, unverified" if world.url.secure else "in clear"
    assert sides(app) == [f"bob, {protection}", us]
    assert around(app).prompt == "alice to bob> "
    assert around(app).names == (("bob", "online" if world.url.secure else ""),)
    app.foreground.unread["carol"] = 3
    assert sides(app)[0] == f"carol: 3 unread, bob, {protection}"
    app.submit("/dnd")
    world.settle()
    assert sides(app)[1] == f"do not disturb, {us}"
    world.kill_registry()
    assert "registry lost, next try in" in sides(app)[1]


def test_toolbar_shows_a_relayed_chat(secure_world: World) -> None:
    """A chat through the registry is marked, and no longer if the width is small."""
    app, _ = start(secure_world)
    bob = secure_world.person("bob", B)
    secure_world.internet.walled = {bob.host, "10.0.0.2"}
    secure_world.internet.punchable = False
    bob.node.call("alice")
    secure_world.advance(1)
    app.submit("/accept")
    secure_world.settle()
    assert sides(app)[0] == "bob, relayed, encrypted, unverified"
    assert "relayed" not in toolbar(app, 40)


def test_last_unsettled_lines_are_shown(secure_world: World) -> None:
    """The last few unsettled lines are shown, and the number of the others."""
    alice, bob = friends(secure_world)
    alice.node.stop()
    bob.node.stop()
    secure_world.settle()
    app, _ = start(secure_world)
    app.submit("/chat bob")
    secure_world.settle()
    for n in range(8):
        app.submit(f"line {n}")
    secure_world.settle()
    now = around(app)
    assert now.unsettled == tuple((f"line {n}", "queued") for n in range(3, 8))
    assert now.more_unsettled == 3
