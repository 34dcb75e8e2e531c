"""Each line of ours is shown with what has become of it: queued, sent, delivered, failed."""

from tests.peer.chat.test_conversations import friends
from tests.ui.screen.test_chat_app import AppAtNode, B, Screen, start
from tests.world import World


def chat_with_bob(world: World, *, is_there: bool) -> tuple[AppAtNode, Screen]:
    """Alice is at it, in a chat with a friend who is there, or was."""
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
    """Say something, and stop in the turn in which it is on the wire."""
    app.submit("one")
    for _ in range(50):
        world.loop.run_once(0)
        if app.unsettled:
            break


def test_a_line_turns_from_queued_to_delivered(secure_world: World) -> None:
    """Written to somebody offline; it settles once they have it, in the next run too."""
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


def test_a_line_that_is_on_its_way_is_sent(secure_world: World) -> None:
    """Until the contact's disk has it."""
    world = secure_world
    app, screen = chat_with_bob(world, is_there=True)
    say_on_its_way(world, app)
    assert app.unsettled == [("one", "sent")]
    world.settle()
    assert app.unsettled == []
    assert screen.typed[-1] == ("alice to bob> one", "delivered")


def test_what_is_refused_has_failed(secure_world: World) -> None:
    """And what nobody can be told was not sent."""
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


def test_what_is_cancelled_has_failed(secure_world: World) -> None:
    """It moves up with that mark; what is said later waits as ever."""
    world = secure_world
    app, screen = chat_with_bob(world, is_there=False)
    app.submit("one")
    world.settle()
    app.node.conversations.outbox.cancel("bob")
    world.settle()
    assert app.unsettled == []
    assert screen.typed[-1] == ("alice to bob> one", "failed")
    app.submit("two")
    world.settle()
    assert app.unsettled == [("two", "queued")]


def test_what_is_cancelled_stays_where_it_is_on_its_way(secure_world: World) -> None:
    """Until the contact's disk has it."""
    world = secure_world
    app, screen = chat_with_bob(world, is_there=True)
    say_on_its_way(world, app)
    app.foreground.ours.failed("bob")
    assert app.unsettled == [("one", "sent")]
    world.settle()
    assert screen.typed[-1] == ("alice to bob> one", "delivered")


def test_in_clear_a_line_is_only_sent(original_world: World) -> None:
    """Nothing is acknowledged in that dialect, so no state is claimed."""
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


def test_the_front_that_changes_leaves_lines_as_they_stand(secure_world: World) -> None:
    """They are shown with their states, and stand there again when one comes back."""
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
