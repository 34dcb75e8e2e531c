"""Each outgoing line is shown with its state: queued, sent, delivered or failed."""

from p2pchat.callbacks import ignore
from tests.peer.chat.test_conversations import friends
from tests.ui.screen.test_chat_app import AppAtNode, B, Screen, start
from tests.world import World


def chat_with_bob(world: World, *, is_there: bool) -> tuple[AppAtNode, Screen]:
    """Return alice's app in a chat with a contact who is online or offline."""
    alice, bob = friends(world)
    alice.node.stop()
    if not is_there:
        bob.node.stop()
    world.settle()
    app, screen = start(world)
    app.submit("/chat bob")
    world.settle()
    return app, screen


def say_on_its_way(world: World, app: AppAtNode) -> None:
    """Say a line and stop in the turn in which it was sent."""
    app.submit("one")
    for _ in range(50):
        world.loop.run_once(0)
        if app.unsettled:
            break


def test_queued_line_becomes_delivered(secure_world: World) -> None:
    """A line to an offline contact settles once they have it, also after a restart."""
    world = secure_world
    app, screen = chat_with_bob(world, is_there=False)
    app.submit("one")
    world.settle()
    assert app.unsettled == [("one", "queued")]
    assert ("alice to bob> one", "queued") not in screen.typed
    app.submit("/quit")
    world.settle()
    assert ("alice to bob> one", "queued") in screen.typed
    app, screen = start(world)
    app.submit("/chat bob")
    world.settle()
    assert app.unsettled == [("one", "queued")]
    world.node("bob", B, "pw", world.home("bob"), lambda _: None).start()
    world.settle()
    assert app.unsettled == []
    assert screen.typed == [("alice> /chat bob", ""), ("alice to bob> one", "delivered")]


def test_line_on_its_way_is_sent(secure_world: World) -> None:
    """A line is `sent` until the contact has stored it."""
    world = secure_world
    app, screen = chat_with_bob(world, is_there=True)
    say_on_its_way(world, app)
    assert app.unsettled == [("one", "sent")]
    world.settle()
    assert app.unsettled == []
    assert screen.typed[-1] == ("alice to bob> one", "delivered")


def test_line_without_a_chat_is_not_sent(secure_world: World) -> None:
    """A line without a chat is marked as not sent; one to a stranger waits for acceptance."""
    world = secure_world
    bob = world.person("bob", B)
    app, screen = start(world)
    app.submit("to nobody")
    world.settle()
    assert screen.typed == [("alice> to nobody", "not sent")]
    app.submit("/chat bob")
    world.settle()
    app.submit("hello")
    world.settle()
    assert app.unsettled == [("hello", "queued")]
    bob.node.accept()
    world.settle()
    assert screen.typed[-1] == ("alice to bob> hello", "delivered")


def test_cancelled_line_is_failed(secure_world: World) -> None:
    """A cancelled line settles as failed, and later lines are queued."""
    world = secure_world
    app, screen = chat_with_bob(world, is_there=False)
    app.submit("one")
    world.settle()
    app.node.conversations.outbox.cancel("bob", ignore, ignore)
    world.settle()
    assert app.unsettled == []
    assert screen.typed[-1] == ("alice to bob> one", "failed")
    app.submit("two")
    world.settle()
    assert app.unsettled == [("two", "queued")]


def test_line_on_its_way_is_not_failed_by_a_cancellation(secure_world: World) -> None:
    """A line that was sent keeps its state until it is delivered."""
    world = secure_world
    app, screen = chat_with_bob(world, is_there=True)
    say_on_its_way(world, app)
    app.foreground.ours.failed("bob")
    assert app.unsettled == [("one", "sent")]
    world.settle()
    assert screen.typed[-1] == ("alice to bob> one", "delivered")


def test_line_in_clear_has_no_state(original_world: World) -> None:
    """In clear nothing is acknowledged, so no state is shown."""
    world = original_world
    bob = world.person("bob", B)
    app, screen = start(world)
    app.submit("/chat bob")
    world.settle()
    bob.node.accept()
    world.settle()
    app.submit("hello")
    world.settle()
    assert screen.typed[-1] == ("alice to bob> hello", "")


def test_unsettled_lines_follow_their_chat(secure_world: World) -> None:
    """Unsettled lines are printed when the chat changes and shown again when it is reopened."""
    world = secure_world
    alice, bob = friends(world)
    carol = world.person("carol", "10.0.0.9")
    alice.node.stop()
    bob.node.stop()
    world.settle()
    app, screen = start(world)
    app.submit("/chat bob")
    world.settle()
    app.submit("one")
    world.settle()
    app.submit("/chat carol")
    world.settle()
    carol.node.accept()
    world.settle()
    assert app.front == "carol"
    assert screen.typed[-1] == ("alice to bob> one", "queued")
    assert app.unsettled == []
    app.submit("/chat bob")
    world.settle()
    assert app.unsettled == [("one", "queued")]
