"""The rules of a chat session, line by line, with a real store and a fake link."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from p2pchat.errors import RemoteProtocolError, StorageError, UsageError
from p2pchat.net.loop import Loop
from p2pchat.peer.chat.chat_session import ChatSession
from p2pchat.peer.store.lines import NewLine, Progress
from p2pchat.peer.store.profile import Profile
from p2pchat.peer.store.thread import Thread
from p2pchat.protocol.client.lines import KeptLine, LineState
from p2pchat.protocol.messages import Message
from p2pchat.protocol.positions import NO_SUM, add_to_sum
from p2pchat.protocol.talk import MAX_JUMP, MAX_NUMBER, Ack, ChatRequest, ChatText, Skip, Sync
from tests.fakes import settle

KEY = b"k" * 32


class Wire:
    """A fake link that records what was sent."""

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
    """A session with bob, and what it reported."""

    def __init__(self, loop: Loop, profile: Profile) -> None:
        self.loop = loop
        self.history = profile.history("r")
        self.thread = self.history.thread("bob", KEY)
        self.kept: list[str] = []
        self.heard: list[str] = []
        self.delivered: list[int] = []
        self.not_kept: list[tuple[str, ...]] = []
        self.renumbered: list[tuple[int, int]] = []
        self.missing: list[tuple[int, bool]] = []
        self.session = ChatSession(self.thread, self, loop.call_soon, clock=lambda: 0)

    def on_kept(self, lines: Sequence[NewLine]) -> None:
        self.kept += [line.text for line in lines]

    def on_heard(self, lines: Sequence[KeptLine]) -> None:
        self.heard += [line.text for line in lines]

    def on_delivered(self, up_to: int) -> None:
        self.delivered.append(up_to)

    def on_renumbered(self, pairs: Sequence[tuple[int, int]]) -> None:
        self.renumbered += pairs

    def on_missing(self, count: int, *, ours: bool) -> None:
        self.missing.append((count, ours))

    def on_not_kept(self, error: StorageError, texts: Sequence[str]) -> None:
        self.not_kept.append(tuple(texts))

    def up(self, last_in: int | None = 0, total: str | None = None) -> Wire:
        """Attach a new link; the remote reports `last_in` lines received, by default ours."""
        wire = Wire()
        self.session.link_up(wire)
        if last_in is not None:
            self.hear(Sync(last_in, self.sum_of(last_in) if total is None else total))
        return wire

    def sum_of(self, last_in: int) -> str:
        """Return the sum of a remote that has received exactly our first lines."""
        ours = [line for line in self.history.lines() if line.outgoing and line.seq <= last_in]
        return add_to_sum(NO_SUM, [line.uid for line in ours])

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
    """Yield an empty profile."""
    with closing(Profile(tmp_path / "p.sqlite3")) as profile:
        yield profile


@pytest.fixture
def ours(loop: Loop, profile: Profile) -> Ours:
    """Return a session that has never had a link."""
    return Ours(loop, profile)


def text(seq: int, said: str = "") -> ChatText:
    return ChatText(said or f"t{seq}", seq, f"u{seq}", 5)


def test_lines_wait_for_the_link_and_its_sync(ours: Ours) -> None:
    """Lines are sent in order after the remote's SYNC and are delivered once acknowledged."""
    ours.say("one", "two")
    wire = ours.up(last_in=None)
    assert wire.said == [Sync(0, NO_SUM)]
    ours.hear(Sync(0, NO_SUM))
    ours.say("three")
    assert wire.numbers() == [1, 2, 3]
    ours.hear(Ack(2))
    assert ours.delivered == [2]
    assert ours.session.waiting == 1
    states = [line.state for line in ours.history.lines()]
    assert states == [LineState.DELIVERED, LineState.DELIVERED, LineState.QUEUED]


def test_new_link_resends_only_missing_lines(ours: Ours, tmp_path: Path) -> None:
    """A new link resends exactly the lines that the remote does not have, even after a restart."""
    ours.say("one", "two", "three")
    ours.up()
    ours.session.link_down()
    with closing(Profile(tmp_path / "p.sqlite3")) as profile:
        again = Ours(ours.loop, profile)
        wire = again.up(last_in=1)
        assert wire.numbers() == [2, 3]
        assert again.delivered == [1]


def test_line_is_acknowledged_once_it_is_on_disk(
    ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line is acknowledged and reported only after it is stored; a failed write does neither."""
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
    assert wire.said[0] == Sync(1, add_to_sum(NO_SUM, ["u1"]))
    ours.say("kept")
    assert wire.numbers() == [1]


def test_repeated_line_is_acknowledged_but_not_reported(ours: Ours) -> None:
    """A line that is received again is acknowledged and not reported again."""
    wire = ours.up()
    ours.hear(text(1), text(2))
    wire.said.clear()
    ours.hear(text(1), text(2), text(3))
    assert ours.heard == ["t1", "t2", "t3"]
    assert wire.said == [Ack(3)]


@pytest.mark.parametrize(
    ("before", "message", "why"),
    [
        ([], text(2), "line 2 came instead of 1"),
        ([], ChatText("no number"), "lacks a number"),
        ([], text(1, "x" * 70_000), "too long"),
        ([], Ack(1), "never sent"),
        ([], Sync(0, NO_SUM), "twice"),
        ([], ChatText("no id", 1), "or an id"),
        ([], Skip(MAX_JUMP + 1), "implausibly"),
        ([], ChatRequest("bob"), "not allowed"),
        ([text(1)], text(3), "line 3 came instead of 2"),
    ],
)
def test_violation_closes_the_link_only(
    ours: Ours, before: list[Message], message: Message, why: str
) -> None:
    """A violation closes the link; lines received before it are kept."""
    ours.up()
    ours.hear(*before)
    with pytest.raises(RemoteProtocolError, match=why):
        ours.session.receive(message)
    settle(ours.loop)
    assert len(ours.heard) == len(before)


def test_dropped_lines_are_skipped(ours: Ours) -> None:
    """Lines that were given up or deleted are skipped, so the remote does not wait for them."""
    ours.say("one", "two")
    ours.history.drop_queued("bob")
    ours.say("three")
    wire = ours.up()
    assert wire.said == [Sync(0, NO_SUM), Skip(2), ChatText("three", 3, *_rest(wire, 2))]
    ours.session.link_down()
    ours.history.drop_queued("bob")
    wire = ours.up()
    assert wire.said == [Sync(0, NO_SUM), Skip(3)]
    ours.hear(Skip(9), text(10))
    assert ours.heard == ["t10"]
    assert ours.thread.progress().last_in == 10


def _rest(wire: Wire, index: int) -> tuple[str, int]:
    said = wire.said[index]
    assert isinstance(said, ChatText)
    return said.id, said.at


def test_restored_own_disk_renumbers_waiting_lines(ours: Ours) -> None:
    """If the remote has more of our lines than we know, waiting lines are renumbered after them."""
    ours.say("one", "two")
    wire = ours.up(last_in=10, total="5" * 32)
    assert wire.numbers() == [11, 12]
    assert ours.renumbered == [(1, 11), (2, 12)]
    assert ours.delivered == []
    assert ours.thread.progress().last_out == 12
    ours.hear(Ack(12))
    assert ours.delivered == [12]
    ours.say("three")
    assert wire.numbers() == [11, 12, 13]
    ours.session.link_down()
    total = add_to_sum("5" * 32, [line.uid for line in ours.history.lines()])
    assert ours.up(13, total).numbers() == []
    assert ours.delivered == [12, 13]


def test_position_with_another_sum_acknowledges_nothing(ours: Ours) -> None:
    """A position whose sum differs acknowledges nothing, since it counts other lines."""
    ours.say("one", "two", "three")
    theirs = add_to_sum(NO_SUM, ["other 1", "other 2"])
    wire = ours.up(last_in=2, total=theirs)
    assert ours.delivered == []
    assert wire.numbers() == [4, 5, 6]
    ours.hear(Ack(6))
    assert [line.state for line in ours.history.lines()] == [LineState.DELIVERED] * 3


def test_id_of_the_last_line_is_not_enough(ours: Ours) -> None:
    """A position acknowledges nothing if only its last line is ours."""
    ours.say("one", "two")
    second = ours.history.lines()[1].uid
    wire = ours.up(last_in=2, total=add_to_sum(NO_SUM, ["other", second]))
    assert ours.delivered == []
    assert wire.numbers() == [3, 4]


def test_restored_remote_disk_reports_missing_lines(ours: Ours) -> None:
    """Delivered lines are not sent again unasked; both sides are told how many may be missing."""
    ours.say("one", "two", "three")
    ours.up()
    ours.hear(Ack(3))
    ours.session.link_down()
    wire = ours.up(last_in=1)
    assert wire.said == [Sync(0, NO_SUM), Skip(3, missing=2)]
    assert ours.missing == [(2, False)]
    assert [line.state for line in ours.history.lines()] == [
        LineState.DELIVERED,
        LineState.MISSING,
        LineState.MISSING,
    ]
    ours.hear(Ack(3))
    ours.say("four")
    assert wire.numbers() == [4]
    ours.hear(Skip(7, missing=2), text(8))
    assert ours.missing == [(2, False), (2, True)]
    assert ours.heard == ["t8"]


def test_delivered_lines_are_not_resent_to_an_empty_remote(ours: Ours) -> None:
    """A thief of the contact's key cannot fetch earlier lines by reporting an empty position."""
    ours.say(*map(str, range(50)))
    ours.up()
    ours.hear(Ack(50))
    ours.session.link_down()
    for _ in range(3):
        wire = ours.up(0, NO_SUM)
        assert wire.numbers() == []
        ours.session.link_down()


def test_implausible_numbers_close_the_link(ours: Ours) -> None:
    """Implausible line numbers close the link and have no effect on later ones, even after a
    restart.
    """
    ours.up()
    ours.hear(Skip(MAX_JUMP))
    with pytest.raises(RemoteProtocolError, match="implausibl"):
        ours.session.receive(Skip(MAX_NUMBER))
    settle(ours.loop)
    ours.session.link_down()
    wire = ours.up(last_in=None)
    assert wire.said == [Sync(MAX_JUMP, NO_SUM)]
    with pytest.raises(RemoteProtocolError, match="implausibl"):
        ours.session.receive(Sync(MAX_JUMP + 1, NO_SUM))
    ours.session.link_down()
    ours.say("still")
    assert ours.up(0, NO_SUM).numbers() == [1]


def test_exhausted_line_numbers_are_reported(ours: Ours) -> None:
    """If a contact uses up all line numbers, saying another line raises a clear error."""
    while (last := ours.thread.progress().last_out) < MAX_NUMBER:
        ours.session._progress = ours.session._next = ours.session._progress._replace(
            last_out=max(last, MAX_NUMBER - MAX_JUMP)
        )
        ours.up(MAX_NUMBER, "5" * 32)
        ours.session.link_down()
    with pytest.raises(UsageError, match="out of line numbers"):
        ours.session.say("one more")
    settle(ours.loop)
    assert ours.up(MAX_NUMBER, "5" * 32).numbers() == []


def test_waiting_lines_are_not_renumbered_past_the_last_number(ours: Ours) -> None:
    """A position near the end of the range leaves room for waiting lines, or closes the link."""
    ours.say("one", "two", "three")
    last = MAX_NUMBER - 2
    ours.session._progress = ours.session._next = ours.session._progress._replace(
        last_out=last - MAX_JUMP
    )
    ours.session.link_up(Wire())
    with pytest.raises(RemoteProtocolError, match="implausibl"):
        ours.session.receive(Sync(last, "5" * 32))
    ours.session.link_down()
    assert all(line.seq <= MAX_NUMBER for line in ours.history.lines())
    assert [line.text for line in ours.history.lines()] == ["one", "two", "three"]


def test_link_without_room_is_not_filled(ours: Ours) -> None:
    """Lines are sent only while the link has room, and in order."""
    ours.say(*map(str, range(300)))
    wire = Wire()
    wire.room = 11
    ours.session.link_up(wire)
    ours.hear(Sync(0, NO_SUM))
    assert wire.numbers() == list(range(1, 11))
    ours.say("last")
    wire.room = 1000
    ours.session.go_on()
    assert wire.numbers() == list(range(1, 302))


def test_too_long_text_is_refused(ours: Ours) -> None:
    """A text above the limit is refused before it is stored."""
    with pytest.raises(UsageError, match="65537 bytes"):
        ours.session.say("x" * 65537)
    settle(ours.loop)
    assert ours.thread.progress() == Progress()


def test_lines_of_one_turn_share_a_transaction(ours: Ours, monkeypatch: pytest.MonkeyPatch) -> None:
    """All lines of one turn are written in one transaction."""
    wire = ours.up()
    writes = []
    write: Callable[..., list[KeptLine]] = ours.thread.write
    monkeypatch.setattr(ours.thread, "write", lambda *a, **k: (writes.append(1), write(*a, **k))[1])
    ours.hear(*map(text, range(1, 101)))
    ours.say(*map(str, range(100)))
    assert len(writes) == 2
    assert wire.said.count(Ack(100)) == 1


def test_only_acknowledgements_do_not_wait_for_the_disk(
    ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines of both sides and what is skipped are on disk at once; the next SYNC has the rest."""
    waited: list[bool] = []
    write = Thread.write

    def recorded(
        self: Thread, progress: Progress, *, durable: bool = True, **more: Any
    ) -> list[KeptLine]:
        waited.append(durable)
        return write(self, progress, durable=durable, **more)

    monkeypatch.setattr(Thread, "write", recorded)
    ours.up()
    for step in (
        lambda: ours.say("one"),
        lambda: ours.hear(Ack(1)),
        lambda: ours.hear(ChatText("hi", 1, "a", 1)),
        lambda: ours.hear(Skip(5)),
    ):
        step()
    assert waited == [True, False, True, True]
