"""What a program is told: at its own pace, one contact's if it likes, and what counts as seen."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from p2pchat.peer.events import Called, ContactIdle, RegistryBack, Seen, TextReceived
from p2pchat.ui.program.stream import Stream
from tests.peer.chat.test_conversations import A, B, friends
from tests.world import Person, World


class Reader:
    """Keeps what is written; `slow`: says only by `read` that it is there."""

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
    """She has two unread lines of bob's."""
    alice, bob = friends(secure_world)
    bob.node.call("alice")
    secure_world.settle()
    for text in ("one", "two"):
        bob.say(text)
    secure_world.settle()
    alice.told()
    return alice


def test_a_bystander_changes_nothing(alice: Person) -> None:
    """It is told how much is unread, and what comes stays unread."""
    reader = Reader()
    stream = Stream(reader.write)
    stream.begin(alice.node)
    [unread] = reader.told()
    assert (unread["event"], unread["from"], unread["count"]) == ("unread", "bob", 2)
    stream.show(TextReceived("bob", "two", alice.node.unread()[-1].id))
    assert [told["text"] for told in reader.told()] == ["two"]
    assert len(alice.node.unread()) == 2


def test_who_reads_in_the_persons_place_begins_with_what_is_unread(
    alice: Person, secure_world: World
) -> None:
    """And what was written is seen: not before."""
    reader = Reader(slow=True)
    stream = Stream(reader.write, seen=True)
    stream.begin(alice.node)
    assert [told["text"] for told in reader.told()] == ["one", "two"]
    assert len(alice.node.unread()) == 2
    reader.read()
    assert [line.text for line in alice.node.unread()] == ["two"]
    secure_world.settle()
    assert alice.told() == [Seen("bob")]
    reader.read()
    assert alice.node.unread() == []


def test_one_contacts_only(alice: Person) -> None:
    """Nothing about others, nothing about nobody."""
    reader = Reader()
    stream = Stream(reader.write, only="carol", seen=True)
    stream.begin(alice.node)
    for event in (Called("bob"), RegistryBack("here"), Called("carol")):
        stream.show(event)
    assert [told["from"] for told in reader.told()] == ["carol"]
    assert len(alice.node.unread()) == 2


def test_plain_lines(alice: Person) -> None:
    """The same words as on a screen; a text is seen with its last line."""
    reader = Reader()
    stream = Stream(reader.write, as_json=False, seen=True)
    stream.begin(alice.node)
    stream.show(Called("carol"))
    stream.show(TextReceived("bob", "a\nb"))
    assert reader.lines == [
        "bob: one",
        "bob: two",
        "* carol wants to chat with you: /accept or /reject",
        "bob: a",
        "bob: b",
    ]
    assert alice.node.unread() == []


def test_the_reader_sets_the_pace(alice: Person) -> None:
    """Little is under way at once, the rest waits in order; the end comes when all is written."""
    reader = Reader(slow=True)
    stream = Stream(reader.write)
    ended: list[bool] = []
    stream.begin(alice.node)
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


class TestBehind:
    """A reader that falls behind costs no memory, ends nothing, and misses no message."""

    LINES = 3000

    @pytest.fixture
    def pair(self, secure_world: World) -> tuple[Person, Person]:
        alice, bob = friends(secure_world)
        bob.node.call("alice")
        secure_world.settle()
        alice.told()
        return alice, bob

    def stream(self, alice: Person, reader: Reader, *, seen: bool = False) -> Stream:
        """A stream of alice's node that is told what happens there from now on."""
        stream = Stream(reader.write, seen=seen)
        stream.begin(alice.node)
        hear = alice.node._on_event
        alice.node._on_event = lambda event: (hear(event), stream.show(event))[0]
        return stream

    def say(self, world: World, bob: Person, count: int) -> None:
        for n in range(count):
            bob.say(f"line {n}")
            if n % 100 == 99:
                world.settle()
        world.settle()

    def read_all(self, world: World, reader: Reader) -> list[dict[str, Any]]:
        told = []
        while reader._written:
            reader.read()
            told += reader.told()
            world.settle()
        return told + reader.told()

    @pytest.mark.parametrize("seen", [False, True])
    def test_it_gets_every_message_in_order(
        self, secure_world: World, pair: tuple[Person, Person], seen: bool
    ) -> None:
        """From the history; with `seen` the contact waits, unacknowledged."""
        alice, bob = pair
        reader = Reader(slow=True)
        stream = self.stream(alice, reader, seen=seen)
        self.say(secure_world, bob, self.LINES)
        assert not stream.has_room
        assert len(stream._due) <= 1000
        state = bob.node.chat("alice")
        assert state is not None
        assert (state.waiting > 0) is seen
        told = self.read_all(secure_world, reader)
        messages = [fields["text"] for fields in told if fields["event"] == "message"]
        assert messages == [f"line {n}" for n in range(self.LINES)]
        assert stream.has_room
        assert len(alice.node.unread()) == (0 if seen else self.LINES)
        state = bob.node.chat("alice")
        assert state is not None
        assert state.waiting == 0

    def test_other_events_are_merged_to_the_newest(
        self, secure_world: World, pair: tuple[Person, Person]
    ) -> None:
        """However often something toggles."""
        alice, bob = pair
        reader = Reader(slow=True)
        stream = self.stream(alice, reader)
        self.say(secure_world, bob, 2000)
        for n in range(20_001):
            stream.show(ContactIdle("bob", n % 2 == 0))
            stream.show(RegistryBack("here"))
        assert len(stream._merged) == 2
        told = self.read_all(secure_world, reader)
        others = [f["event"] for f in told if f["event"] != "message"]
        assert others[-2:] == ["contact_idle", "registry_back"]
        assert [f["idle"] for f in told if f["event"] == "contact_idle"] == [True]

    @pytest.mark.parametrize("seen", [False, True])
    def test_what_is_said_in_clear_is_in_no_history_and_waits(
        self, original_world: World, seen: bool
    ) -> None:
        """At the contact, and a little of it here; each comes once, in order."""
        alice, bob = original_world.person("alice", A), original_world.person("bob", B)
        bob.node.call("alice")
        original_world.settle()
        alice.node.accept()
        original_world.settle()
        reader = Reader(slow=True)
        stream = self.stream(alice, reader, seen=seen)
        self.say(original_world, bob, self.LINES)
        assert not stream.has_room
        assert len(stream._due) + len(stream._in_clear) < 2000
        told = self.read_all(original_world, reader)
        messages = [fields["text"] for fields in told if fields["event"] == "message"]
        assert messages == [f"line {n}" for n in range(self.LINES)]
        assert stream.has_room

    def test_a_program_that_ends_lets_its_contacts_go_on(
        self, secure_world: World, pair: tuple[Person, Person]
    ) -> None:
        """What it has not read stays unread for the next one."""
        alice, bob = pair
        stream = self.stream(alice, Reader(slow=True), seen=True)
        self.say(secure_world, bob, self.LINES)
        stream.end()
        secure_world.settle()
        state = bob.node.chat("alice")
        assert state is not None
        assert state.waiting == 0
        assert len(alice.node.unread()) == self.LINES
