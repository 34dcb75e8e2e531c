"""A screen in another process: what is typed there is done at the node, and shown there."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from p2pchat.errors import NodeEnded
from p2pchat.net.loop import Loop
from p2pchat.peer.control.client import ControlClient
from p2pchat.peer.control.server import ControlServer
from p2pchat.peer.node import Node
from p2pchat.protocol.screen import Around, Attach, Fragment
from p2pchat.ui.remote.client import Attached
from p2pchat.ui.remote.screen import RemoteScreen
from p2pchat.ui.screen.screens import Screens
from tests.peer.chat.test_conversations import friends
from tests.world import Person, World


class Desk:
    """Alice's node with its control socket, and the screens that look at it."""

    def __init__(self, world: World, path: Path) -> None:
        self.world = world
        self.path = path
        self.alice, self.bob = friends(world)
        self.screens = Screens(world.loop)
        self.control = ControlServer(world.loop, path)
        hear = self.alice.node._on_event

        def told(event: object) -> None:
            hear(event)  # type: ignore[arg-type]
            self.screens.on_event(event)  # type: ignore[arg-type]

        self.alice.node._on_event = told
        self.alice.node.on_room = self.screens.on_room
        attach = partial(self._attach, world.loop, self.alice.node)
        self.control.serve(self.alice.node, attach, None)

    def _attach(self, loop: Loop, node: Node, *rest: object) -> None:
        link, request, on_done = rest
        RemoteScreen(loop, link, request, node, self.screens, on_done)  # type: ignore[arg-type]

    def screen(self, **how: object) -> "Screen":
        client = ControlClient(self.world.loop, self.path)
        screen = Screen(self.world, client)
        screen.app.attach(Attach(**how))  # type: ignore[arg-type]
        self.turn(lambda: bool(screen.app.around.right) or screen.app.done)
        return screen

    def turn(self, until: Callable[[], bool]) -> None:
        for _ in range(2000):
            self.world.loop.run_once(0)
            if until():
                return
        raise AssertionError("it does not happen")


class Screen:
    """The other process: keeps what it is to show."""

    def __init__(self, world: World, client: ControlClient) -> None:
        self.lines: list[str] = []
        self.app = Attached(world.loop, client, self._write)

    def _write(self, lines: Iterable[Sequence[Fragment]]) -> None:
        self.lines += ["".join(text for _, text in line) for line in lines]


@pytest.fixture
def desk(secure_world: World, tmp_path: Path) -> Iterator[Desk]:
    """See Desk."""
    desk = Desk(secure_world, tmp_path / "n.sock")
    yield desk
    desk.control.close()
    for _ in range(10):
        secure_world.loop.run_once(0)


def texts(person: Person, contact: str) -> list[str]:
    return [line.text for line in person.node.history.lines(contact)]


def test_it_is_as_if_the_node_were_here(desk: Desk) -> None:
    """Chat, text and its state, completion, leaving; the node stays."""
    screen = desk.screen(call="bob")
    desk.turn(lambda: screen.app.around.prompt == "alice to bob> ")
    assert ("bob", "online") in screen.app.around.names
    screen.app.submit("hello")
    desk.turn(lambda: "alice to bob> hello  ✓" in screen.lines)
    assert texts(desk.bob, "alice") == ["hello"]
    desk.bob.node.conversations.say("alice", "hi")
    desk.turn(lambda: "bob: hi" in screen.lines)
    screen.app.submit("/nonsense")
    desk.turn(lambda: any("there is no command /nonsense" in line for line in screen.lines))
    screen.app.submit("/quit")
    desk.turn(lambda: screen.app.done)
    assert screen.app.exit_code == 0
    assert screen.app.error is None
    assert desk.alice.node.standing.value == "online"
    assert desk.alice.node.chat("bob") is not None
    assert not desk.alice.node.conversations.get("bob").wished  # type: ignore[union-attr]


def test_a_script_is_told_by_its_exit(desk: Desk) -> None:
    """Everything that it said is delivered when it ends; nobody of that name is exit 5."""
    screen = desk.screen(call="bob", plain=True, overtake=False)
    sent = [f"line {n}" for n in range(3000)]
    waiting = iter(sent)

    def more() -> None:
        while screen.app.wants_input:
            line = next(waiting, None)
            if line is None:
                screen.app.when_input_is_wanted(lambda: None)
                screen.app.end_input()
                return
            screen.app.submit(line)

    screen.app.when_input_is_wanted(more)
    more()
    desk.turn(lambda: screen.app.done)
    assert screen.app.exit_code == 0
    assert texts(desk.bob, "alice") == sent
    nobody = desk.screen(call="nobody", plain=True)
    desk.turn(lambda: nobody.app.done)
    assert nobody.app.exit_code == 5


def test_two_screens_show_the_same_conversation(desk: Desk) -> None:
    """What is said on one is shown on both; leaving one does not leave the chat of the other."""
    one, two = desk.screen(call="bob"), desk.screen(call="bob")
    desk.turn(lambda: two.app.around.prompt == one.app.around.prompt == "alice to bob> ")
    one.app.submit("from one")
    desk.turn(lambda: "alice to bob> from one  ✓" in two.lines)
    desk.turn(lambda: "alice to bob> from one  ✓" in one.lines)
    two.app.submit("/quit")
    desk.turn(lambda: two.app.done)
    one.app.submit("still here")
    desk.turn(lambda: "alice to bob> still here  ✓" in one.lines)


def test_what_was_seen_on_one_screen_is_not_unread_on_the_other(desk: Desk) -> None:
    """The counts are of the person, not of a screen."""
    away, looking = desk.screen(), desk.screen()
    desk.bob.node.call("alice")
    desk.turn(lambda: desk.bob.node.chat("alice") is not None)
    desk.bob.say("hello")

    def unread(screen: Screen) -> bool:
        return any("bob: 1 unread" in piece.forms for piece in screen.app.around.left)

    desk.turn(lambda: unread(away) and unread(looking))
    looking.app.submit("/chat bob")
    desk.turn(lambda: "bob: hello" in looking.lines)
    desk.turn(lambda: not unread(away))


def test_a_node_that_ends_tells_its_screens(desk: Desk) -> None:
    """And which texts it has told nothing of."""
    screen = desk.screen()
    screen.app.submit("lost")
    desk.control.close()
    desk.turn(lambda: screen.app.done)
    error = screen.app.error
    assert isinstance(error, NodeEnded)
    assert error.untold == ("lost",)
    assert not error.all_typed
    desk.control = ControlServer(desk.world.loop, desk.path)


def test_a_screen_that_vanishes_leaves_what_it_alone_had_open(desk: Desk) -> None:
    """As kill -9 does it: the contact sees that nobody is there any more."""
    screen = desk.screen(call="bob")
    desk.turn(lambda: screen.app.around.prompt == "alice to bob> ")
    screen.app._link.abort()
    conversation = desk.alice.node.conversations.get("bob")
    assert conversation is not None
    desk.turn(lambda: not conversation.wished)
    assert desk.screens._watchers == []


def test_an_error_comes_with_its_cause_and_advice(desk: Desk) -> None:
    """As if the command had been the node itself."""
    screen = desk.screen(call="al/ice me")
    desk.turn(lambda: screen.app.done)
    assert screen.app.error is not None
    assert (screen.app.error.exit_code, screen.app.error.what) == (
        2,
        "'al/ice me' is not a valid username",
    )
    assert isinstance(screen.app.around, Around)
