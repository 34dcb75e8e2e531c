"""Sessions on real disks do what a small model of the rule does (PROTOCOL, "SYNC").

The model is written from the rule alone, with whole lists of ids instead of sums. After each of
many random steps, both must have the same numbers, queues and lines.
"""

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from p2pchat.net.loop import Loop
from p2pchat.peer.mailbox.runs import Lines, Verdict
from p2pchat.protocol.client.lines import LineState
from p2pchat.protocol.positions import NO_SUM, add_to_sum
from p2pchat.protocol.sealed import Position
from tests.fakes import FakeClock, settle
from tests.peer.mailbox.test_runs import End

Ids = tuple[str, ...]


class Sender(NamedTuple):
    """The disk of a sender: the last position heard, and when; the queue, in order."""

    number: int = 0
    ids: Ids = ()
    heard_at: int = 0
    out: int = 0
    queue: tuple[tuple[int, str], ...] = ()

    def say(self, uid: str) -> "Sender":
        return self._replace(out=self.out + 1, queue=(*self.queue, (self.out + 1, uid)))

    def cancel(self) -> "Sender":
        return self._replace(queue=())

    def hear(self, number: int, ids: Ids, at: int) -> "Sender":
        if at < self.heard_at:
            return self  # it was overtaken by a later one
        taken = tuple(uid for n, uid in self.queue if n <= number)
        if self.number <= number <= self.out and self.ids + taken == ids:
            rest = self.queue[len(taken) :]
            return self._replace(number=number, ids=ids, heard_at=at, queue=rest)
        out, queue = max(number, self.out), self.queue
        if taken:
            queue = tuple((out + i, uid) for i, (_, uid) in enumerate(queue, 1))
            out += len(queue)
        return Sender(number, ids, at, out, queue)


class Receiver(NamedTuple):
    """The disk of a receiver: its position, and what it has shown."""

    number: int = 0
    ids: Ids = ()
    shown: Ids = ()

    def take(self, after: tuple[int, Ids], lines: tuple[tuple[int, str], ...]) -> "Receiver":
        if not lines or lines[-1][0] <= self.number or after[0] > self.number:
            return self
        had = tuple(uid for n, uid in lines if n <= self.number)
        if after[1] + had != self.ids:
            return self
        new = tuple(uid for n, uid in lines if n > self.number)
        shown = self.shown + tuple(uid for uid in new if uid not in self.shown)
        return Receiver(lines[-1][0], self.ids + new, shown)


class Posted(NamedTuple):
    """A run under way, as sessions and as models have it, with the time when it was left."""

    run: Lines
    theirs: Position
    after: tuple[int, Ids]
    lines: tuple[tuple[int, str], ...]
    position: tuple[int, Ids]
    at: int


class Both:
    """One user: a session on a disk, and the models of its two directions."""

    def __init__(self, loop: Loop, folder: Path, name: str) -> None:
        self.end = End(loop, folder, name)
        self.sender, self.receiver = Sender(), Receiver()
        self._copy: tuple[Sender, Receiver] | None = None

    def back_up(self) -> None:
        self.end.back_up()
        self._copy = self.sender, self.receiver

    def restore(self) -> None:
        if self._copy is not None:
            self.end.restore()
            self.sender, self.receiver = self._copy

    def post(self, at: int) -> Posted:
        """Leave what waits, or only the position."""
        run = self.end.session.run_after(0) or Lines(Position(), ())
        if run.lines:
            after = self.sender.number, self.sender.ids
            lines = self.sender.queue
        else:
            after, lines = (0, ()), ()
        position = self.receiver.number, self.receiver.ids
        return Posted(run, self.end.session.position, after, lines, position, at)

    def take(self, posted: Posted) -> Verdict:
        verdict = self.end.session.take_run(
            posted.theirs, posted.at, posted.run.after, posted.run.lines
        )
        self.sender = self.sender.hear(*posted.position, posted.at)
        self.receiver = self.receiver.take(posted.after, posted.lines)
        return verdict

    def check(self) -> None:
        progress = self.end.history.thread("other", b"k" * 32).progress()
        sender, receiver = self.sender, self.receiver
        assert (progress.acked, progress.last_out) == (sender.number, sender.out)
        assert progress.acked_sum == add_to_sum(NO_SUM, sender.ids)
        assert progress.last_in == receiver.number
        assert progress.in_sum == add_to_sum(NO_SUM, receiver.ids)
        lines = self.end.history.lines("other", limit=10_000)
        waiting = sorted((x.seq, x.uid) for x in lines if x.state is LineState.QUEUED)
        assert tuple(waiting) == sender.queue
        assert tuple(line.uid for line in lines if not line.outgoing) == receiver.shown


@pytest.fixture
def loop() -> Iterator[Loop]:
    with closing(Loop(FakeClock(), strict=True)) as made:
        yield made


class Schedule:
    """Two users and the runs under way between them; each step is drawn at random."""

    def __init__(self, loop: Loop, folder: Path, rng: random.Random) -> None:
        self._loop = loop
        self._rng = rng
        self._us = {name: Both(loop, folder, name) for name in ("a", "b")}
        self._under_way: dict[str, list[Posted]] = {"a": [], "b": []}
        self._steps = (
            *[self._say] * 3,
            *[self._post] * 3,
            *[self._take] * 3,
            *(self._cancel, self._back_up, self._restore),
        )
        self._time = 0

    def step(self) -> None:
        """Do something, and compare."""
        self._time += 1
        name = self._rng.choice("ab")
        self._rng.choice(self._steps)(name)
        settle(self._loop)
        self._us[name].check()

    def close(self) -> None:
        for both in self._us.values():
            both.end.profile.close()

    def _say(self, name: str) -> None:
        uid = f"{name}{self._time}"
        self._us[name].end.session.say(uid, uid)
        self._us[name].sender = self._us[name].sender.say(uid)

    def _post(self, name: str) -> None:
        other = "b" if name == "a" else "a"
        self._under_way[other].append(self._us[name].post(self._time))

    def _take(self, name: str) -> None:
        if self._under_way[name]:
            self._us[name].take(self._rng.choice(self._under_way[name]))

    def _cancel(self, name: str) -> None:
        if self._rng.random() < 0.3:
            self._us[name].end.session.give_up()
            self._us[name].sender = self._us[name].sender.cancel()

    def _back_up(self, name: str) -> None:
        self._us[name].back_up()

    def _restore(self, name: str) -> None:
        if self._rng.random() < 0.3:
            self._us[name].restore()


@pytest.mark.parametrize("n", range(8))
def test_sessions_follow_the_model(loop: Loop, tmp_path: Path, n: int) -> None:
    """Runs are lost, repeated and reordered; disks go back; lines are cancelled."""
    seed = random.randrange(2**32)
    print("seed", seed, n)
    with closing(Schedule(loop, tmp_path, random.Random(seed))) as schedule:
        for _ in range(150):
            schedule.step()
