"""Lines that travel in runs only, between two who are never online together: once and in order."""

import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.errors import StorageError
from p2pchat.net.loop import Loop
from p2pchat.peer.chat.chat_session import ChatSession
from p2pchat.peer.mailbox.runs import Lines, Verdict, judge, split
from p2pchat.peer.store.lines import NewLine
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.client.lines import KeptLine, LineState
from p2pchat.protocol.positions import add_to_sum
from p2pchat.protocol.sealed import Position, Run, Signed, encode_run, write_signed
from p2pchat.protocol.talk import ChatText
from tests.fakes import FakeClock, settle

KEY = b"k" * 32


class Left(NamedTuple):
    """A run in a box: which one, how far its sender has heard, and the lines."""

    number: int
    theirs: Position
    run: Lines


class End:
    """One of the two: a session on a disk, which may be replaced by an older copy."""

    def __init__(self, loop: Loop, folder: Path, name: str) -> None:
        self.loop = loop
        self.name = name
        self.file = folder / f"{name}.sqlite3"
        self.copy = folder / f"{name}.copy"
        self.taken: set[int] = set()
        self.heard: list[str] = []
        self._open()

    def _open(self) -> None:
        self.profile = Profile(self.file)
        self.history = self.profile.history("r")
        self.session = ChatSession(self.history.thread("other", KEY), self, self.loop.call_soon)

    def on_kept(self, lines: Sequence[NewLine]) -> None:
        """Part of SessionListener."""

    def on_heard(self, lines: Sequence[KeptLine]) -> None:
        self.heard += [line.text for line in lines]

    def on_delivered(self, up_to: int) -> None:
        """Part of SessionListener."""

    def on_renumbered(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Part of SessionListener."""

    def on_missing(self, count: int, *, ours: bool) -> None:
        """Part of SessionListener."""

    def on_not_kept(self, error: StorageError, texts: Sequence[str]) -> None:
        raise error

    def back_up(self) -> None:
        """Copy the disk, with what else belongs to it."""
        self.profile.close()
        shutil.copy(self.file, self.copy)
        self.taken_then = set(self.taken)
        self._open()

    def restore(self) -> None:
        """Go on with the older copy."""
        self.profile.close()
        shutil.copy(self.copy, self.file)
        self.taken = set(self.taken_then)
        self._open()

    def texts(self, *states: LineState) -> list[str]:
        lines = self.history.lines("other", limit=10_000)
        return [line.text for line in lines if line.state in states]


class Mailboxes:
    """Two ends and their boxes, at a registry that may lose, repeat and reorder."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.loop = Loop(FakeClock(), strict=True)
        self.rng = rng
        self.ends = {name: End(self.loop, folder, name) for name in ("a", "b")}
        self.boxes: dict[str, list[Left]] = {"a": [], "b": []}
        self.count = 0

    def say(self, name: str) -> None:
        self.count += 1
        self.ends[name].session.say(f"{name}{self.count}")
        settle(self.loop)

    def leave(self, name: str) -> None:
        """Leave all waiting lines, or only our position if there is none."""
        end, other = self.ends[name], "b" if name == "a" else "a"
        run = end.session.run_after(0)
        runs = [] if run else [Lines(Position(), ())]
        while run is not None:
            runs.append(run)
            run = end.session.run_after(run.lines[-1].seq)
        for run in runs:
            self.count += 1
            self.boxes[other].append(Left(self.count, end.session.position, run))

    def take(self, name: str, left: Left) -> Verdict:
        """Take a run as a node would: those that were taken before are not looked at again."""
        end = self.ends[name]
        if left.number in end.taken:
            return Verdict.KNOWN
        verdict = end.session.take_run(left.theirs, left.number, left.run.after, left.run.lines)
        settle(self.loop)
        if verdict is not Verdict.GAP:
            end.taken.add(left.number)
        return verdict

    def step(self) -> None:
        """Do something of what can happen."""
        name = self.rng.choice("ab")
        box = self.boxes[name]
        match self.rng.randrange(8):
            case 0 | 1:
                self.say(name)
            case 2 | 3:
                self.leave(name)
            case 4 | 5 | 6 if box:
                self.take(name, self.rng.choice(box))  # any, perhaps again
            case 7 if box:
                box.remove(self.rng.choice(box))  # expired, or lost
            case _:
                pass

    def settle(self) -> None:
        """Let both come and go until nothing waits."""
        for _ in range(30):
            for name in ("a", "b"):
                for left in self.boxes[name]:
                    self.take(name, left)
                self.boxes[name].clear()
                self.leave(name)
            if not any(end.session.waiting for end in self.ends.values()):
                return
        raise AssertionError("lines wait for ever")

    def close(self) -> None:
        for end in self.ends.values():
            end.profile.close()
        self.loop.close()


@pytest.fixture
def mailboxes(tmp_path: Path) -> Iterator[Mailboxes]:
    seed = random.randrange(2**32)
    print("seed", seed)
    with closing(Mailboxes(tmp_path, random.Random(seed))) as made:
        yield made


def test_every_line_once_and_in_order(mailboxes: Mailboxes) -> None:
    """Whatever is lost, repeated or reordered on the way."""
    for _ in range(400):
        mailboxes.step()
    mailboxes.settle()
    a, b = mailboxes.ends["a"], mailboxes.ends["b"]
    for sender, receiver in ((a, b), (b, a)):
        said = sender.texts(LineState.DELIVERED)
        assert said
        assert receiver.heard == said
        # An answer that comes after a later one does not look like that of an older disk.
        assert not sender.texts(LineState.QUEUED, LineState.MISSING)


def test_sender_with_an_older_disk(mailboxes: Mailboxes) -> None:
    """What is on its disk arrives once, though numbers were given twice."""
    a, b = mailboxes.ends["a"], mailboxes.ends["b"]
    a.back_up()
    for n in range(300):
        mailboxes.step()
        if n % 60 == 59:
            a.restore()
    mailboxes.settle()
    assert len(b.heard) == len(set(b.heard)), "a line was heard twice"
    assert set(a.texts(LineState.DELIVERED, LineState.MISSING)) <= set(b.heard)
    kept = a.texts(LineState.UNREAD)
    assert len(kept) == len(set(kept))


def test_gap_waits(mailboxes: Mailboxes) -> None:
    """A run that comes before an earlier one is left in the box, and taken after it."""
    for _ in range(2):
        mailboxes.say("a")
        mailboxes.leave("a")
    first, both = mailboxes.boxes["b"]
    ids = [line.id for line in first.run.lines]
    behind = Position(1, add_to_sum(Position().sum, ids))
    later = Left(99, Position(), Lines(behind, both.run.lines[1:]))
    assert mailboxes.take("b", later) is Verdict.GAP
    assert mailboxes.take("b", first) is Verdict.TAKEN
    assert mailboxes.take("b", later) is Verdict.TAKEN
    assert mailboxes.take("b", both) is Verdict.KNOWN
    assert mailboxes.ends["b"].heard == ["a1", "a3"]


def test_number_alone_is_not_enough() -> None:
    """Another copy of the sender's disk may have given the same numbers to other lines."""
    ours = Position(2, add_to_sum(Position().sum, ["one", "two"]))
    lines = [ChatText("x", n, uid, 1) for n, uid in ((1, "one"), (2, "two"), (3, "three"))]
    assert judge(ours, Position(), lines) == (Verdict.TAKEN, lines[2:])
    other = [lines[0], ChatText("y", 2, "other", 1), lines[2]]
    assert judge(ours, Position(), other) == (Verdict.KNOWN, [])
    assert judge(ours, Position(), lines[:2]) == (Verdict.KNOWN, [])
    assert judge(ours, Position(), []) == (Verdict.KNOWN, [])


@given(st.lists(st.integers(0, 65536), max_size=40))
def test_every_run_fits(sizes: list[int]) -> None:
    """Lines of any size; the runs follow each other without a gap."""
    lines = [
        KeptLine(n, "bob", True, n, f"uid{n}", 1, "x" * size, LineState.QUEUED)
        for n, size in enumerate(sizes, 1)
    ]
    acked = Position()
    runs = list(split(acked, lines))
    assert [line.seq for run in runs for line in run.lines] == list(range(1, len(sizes) + 1))
    for run in runs:
        assert run.after.number == run.lines[0].seq - 1
        whole = Run("alice", KEY, run.after, Position(), 1, run.lines, b"p" * 16)
        write_signed(Signed(encode_run(whole), b"s" * 64))
