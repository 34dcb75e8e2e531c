"""A program in another process: orders are done at the node, and what it wrote there is known."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from p2pchat.errors import NodeEnded
from p2pchat.peer.control.client import ControlClient
from p2pchat.peer.control.server import ControlServer
from p2pchat.protocol.screen import AttachProgram, Fragment
from p2pchat.ui.remote.client import Attached
from p2pchat.ui.remote.program import RemoteProgram
from tests.ui.remote.test_screen import Desk
from tests.world import World


class Program:
    """The other process; `broken`: its stdout is."""

    def __init__(self, desk: Desk, **how: Any) -> None:
        self.desk = desk
        self.broken = False
        self.told: list[dict[str, Any]] = []
        client = ControlClient(desk.world.loop, desk.path)
        self.app = Attached(desk.world.loop, client, self._write)
        self.app.attach(AttachProgram(**how))

    def _write(self, lines: Iterable[Sequence[Fragment]]) -> None:
        if self.broken:
            raise BrokenPipeError
        self.told += [json.loads(text) for line in lines for _, text in line]

    def wait_for(self, event: str) -> dict[str, Any]:
        self.desk.turn(lambda: any(t["event"] == event for t in self.told))
        return next(t for t in self.told if t["event"] == event)


@pytest.fixture
def desk(secure_world: World, tmp_path: Path) -> Iterator[Desk]:
    """Where programs attach."""
    desk = Desk(secure_world, tmp_path / "n.sock")

    def attach(*rest: Any) -> None:
        link, request, on_done = rest
        RemoteProgram(secure_world.loop, link, request, desk.alice.node, desk.screens, on_done)

    desk.control.serve(desk.alice.node, attach, None)
    yield desk
    desk.control.close()
    for _ in range(10):
        secure_world.loop.run_once(0)


def test_orders_and_their_answers(desk: Desk) -> None:
    """As if the node were there; it stays when the program ends."""
    program = Program(desk)
    program.app.submit('{"command":"send","to":"bob","text":"hi","id":1}')
    assert program.wait_for("done")["id"] == 1
    program.wait_for("delivered")
    program.app.end_input()
    desk.turn(lambda: program.app.done)
    assert (program.app.exit_code, program.app.error) == (0, None)
    assert [line.text for line in desk.bob.node.history.lines("alice")] == ["hi"]
    assert desk.screens._watchers == []
    assert desk.alice.node.standing.value == "online"


def test_a_node_that_ends_has_told_nothing_of_some_texts(desk: Desk) -> None:
    """Of the texts of orders, as they would be kept, and only of those to the chat's contact."""
    program = Program(desk, call="bob")
    program.wait_for("chat_started")
    for order in (
        {"command": "send", "to": "bob", "text": "one"},
        {"command": "send", "text": "two"},
        {"command": "send", "to": "carol", "text": "three"},
        {"command": "contacts"},
        {"command": "nonsense", "text": "four"},
    ):
        program.app.submit(json.dumps(order))
    program.app.submit("five")
    desk.control.close()
    desk.turn(lambda: program.app.done)
    error = program.app.error
    assert isinstance(error, NodeEnded)
    assert error.untold == ("one", "two")
    desk.control = ControlServer(desk.world.loop, desk.path)


def test_a_chat_of_its_own_ends_with_it(desk: Desk) -> None:
    """And no other."""
    program = Program(desk, call="bob")
    program.wait_for("chat_started")
    program.app._link.abort()
    conversation = desk.alice.node.conversations.get("bob")
    assert conversation is not None
    desk.turn(lambda: not conversation.wished)


def test_what_was_not_written_is_not_seen(desk: Desk) -> None:
    """A reader that is ended gets it again."""
    reader = Program(desk, seen=True)
    desk.bob.node.call("alice")
    desk.turn(lambda: desk.bob.node.chat("alice") is not None)
    desk.bob.node.say("alice", "one")
    reader.wait_for("seen")
    assert desk.alice.node.unread() == []
    reader.broken = True
    desk.bob.node.say("alice", "two")
    with pytest.raises(BrokenPipeError):
        desk.turn(lambda: False)
    reader.app._link.abort()
    desk.turn(lambda: desk.screens._watchers == [])
    assert [line.text for line in desk.alice.node.unread()] == ["two"]
    again = Program(desk, seen=True)
    assert again.wait_for("message")["text"] == "two"
    again.wait_for("seen")
    assert desk.alice.node.unread() == []


def test_many_orders_at_once(desk: Desk) -> None:
    """No more are on their way than the node takes, and all are answered."""
    program = Program(desk)
    sent = 0
    for n in range(1500):
        desk.turn(lambda: program.app.wants_input)
        program.app.submit(json.dumps({"command": "send", "to": "bob", "text": str(n), "id": n}))
        sent += 1
    program.app.end_input()
    desk.turn(lambda: program.app.done)
    answers = [t["id"] for t in program.told if t["event"] == "done"]
    assert sorted(answers) == list(range(sent))
    assert len(desk.bob.node.history.lines("alice")) == sent
