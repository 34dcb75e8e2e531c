"""The output of a program: at the reader's pace, of one contact or all, and what is
marked as seen.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from p2pchat.protocol.client.events import Called, RegistryBack, Seen, TextReceived
from p2pchat.ui.program.stream import Stream
from tests.peer.chat.test_conversations import friends
from tests.world import Person, World, unread_at


class Reader:
    """Records lines; if `slow`, each is reported as written only by `read`."""

    def __init__(self, *, slow: bool = False) -> None:
        self.lines: list[str] = []
        self._slow = slow
        self._written: list[Callable[[], None]] = []

    def write(self, line: str, written: Callable[[], None]) -> None:
        self.lines.append(line)
        if self._slow:
            self._written.append(written)
        else:
            written()

    def read(self) -> None:
        self._written.pop(0)()

    def told(self) -> list[dict[str, Any]]:
        lines, self.lines = self.lines, []
        return [json.loads(line) for line in lines]


@pytest.fixture
def alice(secure_world: World) -> Person:
    """Return alice, who has two unread lines of bob."""
    alice, bob = friends(secure_world)
    bob.node.call("alice")
    secure_world.settle()
    for text in ("one", "two"):
        bob.say(text)
    secure_world.settle()
    alice.told()
    return alice


def follow(alice: Person, stream: Stream, **hello: Any) -> None:
    """Write the events of alice's node to the stream from now on."""
    client = alice.client(**hello)
    client.paced = True
    client.on_event = stream.show
    stream.begin(client)


def test_bystander_marks_nothing_as_seen(alice: Person, secure_world: World) -> None:
    """A bystander is told the number of unread lines, and messages stay unread."""
    reader = Reader()
    follow(alice, Stream(reader.write))
    [unread] = reader.told()
    assert (unread["event"], unread["from"], unread["count"]) == ("unread", "bob", 2)
    alice.clients.on_event(TextReceived("bob", "two", unread_at(alice.node)[-1].id))
    secure_world.settle()
    assert [told["text"] for told in reader.told()] == ["two"]
    assert len(unread_at(alice.node)) == 2


def test_reader_for_the_user_starts_with_unread_lines(alice: Person, secure_world: World) -> None:
    """A line counts as seen only once it was written."""
    reader = Reader(slow=True)
    follow(alice, Stream(reader.write, seen=True), seen=True)
    secure_world.settle()
    assert [told["text"] for told in reader.told()] == ["one", "two"]
    assert len(unread_at(alice.node)) == 2
    reader.read()
    secure_world.settle()
    assert [line.text for line in unread_at(alice.node)] == ["two"]
    secure_world.settle()
    assert alice.told() == [Seen("bob")]
    assert [told["event"] for told in reader.told()] == ["seen"]
    reader.read()
    secure_world.settle()
    assert unread_at(alice.node) == []


def test_one_contact_only(alice: Person, secure_world: World) -> None:
    """A stream of one contact has no events of others and no general ones."""
    reader = Reader()
    follow(alice, Stream(reader.write, only="carol", seen=True), only="carol", seen=True)
    for event in (Called("bob"), RegistryBack("here"), Called("carol")):
        alice.clients.on_event(event)
    secure_world.settle()
    assert [told["from"] for told in reader.told()] == ["carol"]
    assert len(unread_at(alice.node)) == 2


def test_plain_lines_have_the_words_of_the_screen(alice: Person, secure_world: World) -> None:
    """Plain lines have the same words as the screen; a text is seen with its last line."""
    reader = Reader()
    follow(alice, Stream(reader.write, as_json=False, seen=True), seen=True)
    secure_world.settle()
    alice.clients.on_event(Called("carol"))
    alice.clients.on_event(TextReceived("bob", "a\nb"))
    secure_world.settle()
    assert reader.lines == [
        "bob: one",
        "bob: two",
        "* carol wants to chat with you: /accept or /reject",
        "bob: a",
        "bob: b",
    ]
    assert unread_at(alice.node) == []


def test_reader_sets_the_pace(alice: Person) -> None:
    """Few lines are under way at once, the rest waits in order, and close() waits for all."""
    reader = Reader(slow=True)
    stream = Stream(reader.write)
    ended: list[bool] = []
    stream.begin(alice.client())
    for n in range(10):
        stream.put("test", n=n, filling="x" * 30_000)
    stream.close(lambda: ended.append(True))
    stream.put("test", n=-1)
    assert len(reader.lines) == 4
    for n in range(11):
        assert not ended
        assert len(reader.lines) - n in {3, 4} or len(reader.lines) == 11
        reader.read()
    assert ended == [True]
    assert [told.get("n") for told in reader.told()] == [None, *range(10)]


def test_hidden_event_does_not_mark_messages_as_seen(alice: Person, secure_world: World) -> None:
    """Events that are not written do not mark unwritten messages as seen."""
    reader = Reader(slow=True)
    stream = Stream(reader.write, only="bob", seen=True)
    follow(alice, stream, only="bob", seen=True)
    secure_world.settle()
    assert len(reader.lines) == 2
    alice.clients.on_event(RegistryBack("here"))
    secure_world.settle()
    stream.close(lambda: None)
    alice.clients.on_event(Called("bob"))
    secure_world.settle()
    assert len(unread_at(alice.node)) == 2
    reader.read()
    secure_world.settle()
    assert len(unread_at(alice.node)) == 1
    reader.read()
    secure_world.settle()
    assert unread_at(alice.node) == []
