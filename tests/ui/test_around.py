"""What stands around the line, of a real node."""

from p2pchat.ui.around import around
from p2pchat.ui.chat_app import ChatApp
from tests.peer.test_conversations import friends
from tests.ui.test_chat_app import B, Screen, start
from tests.world import World


def toolbar(app: ChatApp) -> str:
    return "".join(text for _, text in around(app).toolbar)


def test_the_toolbar_tells_who_where_and_with_whom(world: World) -> None:
    """And changes with the node."""
    assert around(ChatApp(Screen())).prompt == "> "
    app, _ = start(world)
    bob = world.person("bob", B)
    assert toolbar(app) == f" in no chat | connected | alice at {world.url.address}"
    assert around(app).prompt == "alice> "
    bob.node.call("alice")
    world.settle()
    assert toolbar(app).startswith(" bob is calling, in no chat |")
    app.submit("/accept")
    world.settle()
    protection = "encrypted, unverified" if world.url.secure else "in clear"
    assert toolbar(app).startswith(f" in chat with bob, {protection} |")
    assert around(app).prompt == "alice to bob> "
    assert around(app).names == (("bob", "online" if world.url.secure else ""),)
    app.foreground.unread["carol"] = 3
    assert toolbar(app).startswith(" carol: 3 unread | in chat with bob")
    app.submit("/dnd")
    assert "not to be disturbed" in toolbar(app)
    world.kill_registry()
    assert "registry lost, next try in" in toolbar(app)


def test_the_last_lines_that_are_not_settled_stand_above(secure_world: World) -> None:
    """So few that a small screen has room for what was said, and the number of the others."""
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
