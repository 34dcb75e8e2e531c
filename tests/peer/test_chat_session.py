"""The session's rules, line by line, over a real thread of lines and a wire made of lists."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.errors import RemoteProtocolError, StorageError, UsageError
from p2pchat.net.loop import Loop
from p2pchat.peer.chat_session import ChatSession
from p2pchat.peer.lines import KeptLine, LineState, NewLine, Progress
from p2pchat.peer.profile import Profile
from p2pchat.protocol.messages import Message
from p2pchat.protocol.talk import Ack, ChatRequest, ChatText, Skip, Sync
from tests.fakes import settle

KEY = b"k" * 32


class Wire:
    """What was said on it."""

    def __init__(self) -> None:
        self.said: list[Message] = []
        self.room = 1000

    def send(self, message: Message) -> None:
        self.said.append(message)

    @property
    def has_room(self) -> bool:
        return len(self.said) < self.room

    def numbers(self) -> list[int]:
        return [m.seq for m in self.said if isinstance(m, ChatText)]


class Ours:
    """A session with bob, and what it told."""

    def __init__(self, loop: Loop, profile: Profile) -> None:
        self.loop = loop
        self.history = profile.history("r")
        self.thread = self.history.thread("bob", KEY)
        self.kept: list[str] = []
        self.heard: list[str] = []
        self.delivered: list[int] = []
        self.not_kept: list[tuple[str, ...]] = []
        self.session = ChatSession(self.thread, self, loop.call_soon)

    def on_kept(self, lines: Sequence[NewLine]) -> None:
        self.kept += [line.text for line in lines]

    def on_heard(self, lines: Sequence[KeptLine]) -> None:
        self.heard += [line.text for line in lines]

    def on_delivered(self, up_to: int) -> None:
        self.delivered.append(up_to)

    def on_not_kept(self, error: StorageError, texts: Sequence[str]) -> None:
        self.not_kept.append(tuple(texts))

    def up(self, last_in: int | None = 0) -> Wire:
        """A new link; `last_in` is what the remote says that it has."""
        wire = Wire()
        self.session.link_up(wire)
        if last_in is not None:
            self.hear(Sync(last_in))
        return wire

    def hear(self, *messages: Message) -> None:
        for message in messages:
            self.session.receive(message)
        settle(self.loop)

    def say(self, *texts: str) -> None:
        for text in texts:
            self.session.say(text)
        settle(self.loop)


@pytest.fixture
def profile(tmp_path: Path) -> Iterator[Profile]:
    """A profile of nobody."""
    with closing(Profile(tmp_path / "p.sqlite3")) as profile:
        yield profile


@pytest.fixture
def ours(loop: Loop, profile: Profile) -> Ours:
    """A session that has never had a link."""
    return Ours(loop, profile)


def text(seq: int, said: str = "") -> ChatText:
    return ChatText(said or f"t{seq}", seq, f"u{seq}", 5)


def test_what_is_said_waits_for_the_link_and_for_its_sync(ours: Ours) -> None:
    """Then goes out in order, and is delivered when it is acknowledged."""
    ours.say("one", "two")
    wire = ours.up(last_in=None)
    assert wire.said == [Sync(0)]
    ours.hear(Sync(0))
    ours.say("three")
    assert wire.numbers() == [1, 2, 3]
    ours.hear(Ack(2))
    assert ours.delivered == [2]
    assert ours.session.waiting == 1
    states = [line.state for line in ours.history.lines()]
    assert states == [LineState.DELIVERED, LineState.DELIVERED, LineState.QUEUED]


def test_a_new_link_resends_what_the_remote_does_not_have(ours: Ours, tmp_path: Path) -> None:
    """And nothing else, also after a restart."""
    ours.say("one", "two", "three")
    ours.up()
    ours.session.link_down()
    with closing(Profile(tmp_path / "p.sqlite3")) as profile:
        again = Ours(ours.loop, profile)
        wire = again.up(last_in=1)
        assert wire.numbers() == [2, 3]
        assert again.delivered == [1]


def test_a_line_is_acknowledged_once_it_is_on_the_disk(
    ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before, and told only then; a disk that fails acknowledges nothing."""
    wire = ours.up()
    wire.said.clear()
    ours.session.receive(text(1))
    assert wire.said == []
    assert ours.heard == []
    settle(ours.loop)
    assert wire.said == [Ack(1)]
    assert ours.heard == ["t1"]

    def full(*_: object, **__: object) -> list[KeptLine]:
        raise StorageError("full")

    with monkeypatch.context() as patched:
        patched.setattr(ours.thread, "write", full)
        ours.hear(text(2))
        ours.say("not kept")
    assert wire.said == [Ack(1)]
    assert ours.heard == ["t1"]
    assert ours.not_kept == [(), ("not kept",)]
    ours.session.link_down()
    wire = ours.up()
    assert wire.said[0] == Sync(1)
    ours.say("kept")
    assert wire.numbers() == [1]


def test_what_comes_again_is_acknowledged_and_not_told(ours: Ours) -> None:
    """They did not know that we have it."""
    wire = ours.up()
    ours.hear(text(1), text(2))
    wire.said.clear()
    ours.hear(text(1), text(2), text(3))
    assert ours.heard == ["t1", "t2", "t3"]
    assert wire.said == [Ack(3)]


@pytest.mark.parametrize(
    ("before", "message", "why"),
    [
        ([], text(2), "line 2 came where 1 is due"),
        ([], ChatText("no number"), "no number"),
        ([], text(1, "x" * 70_000), "too long"),
        ([], Ack(1), "was not sent"),
        ([], Sync(0), "twice"),
        ([], ChatRequest("bob"), "no place"),
        ([text(1)], text(3), "line 3 came where 2 is due"),
    ],
)
def test_violations(ours: Ours, before: list[Message], message: Message, why: str) -> None:
    """Cost the link; what was right before is kept."""
    ours.up()
    ours.hear(*before)
    with pytest.raises(RemoteProtocolError, match=why):
        ours.session.receive(message)
    settle(ours.loop)
    assert len(ours.heard) == len(before)


def test_lines_that_are_gone_are_skipped(ours: Ours) -> None:
    """Given up or deleted: the remote need not wait for them."""
    ours.say("one", "two")
    ours.history.drop_queued("bob")
    ours.say("three")
    wire = ours.up()
    assert wire.said == [Sync(0), Skip(2), ChatText("three", 3, *_rest(wire, 2))]
    ours.session.link_down()
    ours.history.drop_queued("bob")
    wire = ours.up()
    assert wire.said == [Sync(0), Skip(3)]
    ours.hear(Skip(9), text(10))
    assert ours.heard == ["t10"]
    assert ours.thread.progress().last_in == 10


def _rest(wire: Wire, index: int) -> tuple[str, int]:
    said = wire.said[index]
    assert isinstance(said, ChatText)
    return said.id, said.at


def test_an_older_copy_of_our_disk(ours: Ours) -> None:
    """They have more of us than we know: what waits is numbered after that."""
    ours.say("one", "two")
    wire = ours.up(last_in=10)
    assert wire.numbers() == [11, 12]
    assert ours.thread.progress().last_out == 12
    ours.hear(Ack(12))
    ours.say("three")
    assert wire.numbers() == [11, 12, 13]


def test_an_older_copy_of_their_disk(ours: Ours) -> None:
    """What was delivered already is sent again, from the history."""
    ours.say("one", "two")
    ours.up()
    ours.hear(Ack(2))
    ours.session.link_down()
    assert ours.up(last_in=0).numbers() == [1, 2]


def test_a_link_without_room_is_not_filled(ours: Ours) -> None:
    """The rest follows when there is room, in order."""
    ours.say(*map(str, range(300)))
    wire = Wire()
    wire.room = 11
    ours.session.link_up(wire)
    ours.hear(Sync(0))
    assert wire.numbers() == list(range(1, 11))
    ours.say("last")
    wire.room = 1000
    ours.session.go_on()
    assert wire.numbers() == list(range(1, 302))


def test_a_text_too_long_is_refused(ours: Ours) -> None:
    """Before it is kept."""
    with pytest.raises(UsageError, match="65537 bytes"):
        ours.session.say("x" * 65537)
    settle(ours.loop)
    assert ours.thread.progress() == Progress()


def test_many_lines_of_a_turn_are_one_transaction(
    ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many come at once."""
    wire = ours.up()
    writes = []
    write: Callable[..., list[KeptLine]] = ours.thread.write
    monkeypatch.setattr(ours.thread, "write", lambda *a, **k: (writes.append(1), write(*a, **k))[1])
    ours.hear(*map(text, range(1, 101)))
    ours.say(*map(str, range(100)))
    assert len(writes) == 2
    assert wire.said.count(Ack(100)) == 1
