"""What runs per line, per link or at the start costs as much in a long history as in a short one.

Costs are counted in steps of SQLite's virtual machine, so the machine's load does not matter; a
query that scans a conversation, whatever its plan looks like, takes steps for each of its lines.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from p2pchat.peer.store.lines import NewLine, Progress
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.positions import NO_SUM

SHORT, LONG = 200, 2000
KEY = b"k" * 32


class Counted:
    """A profile with a conversation of `count` lines, and the steps that SQLite has taken."""

    def __init__(self, file: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self._count = count
        self._connections: list[sqlite3.Connection] = []
        with monkeypatch.context() as patch:
            patch.setattr(sqlite3, "connect", self._connected(sqlite3.connect))
            self.profile = Profile(file)
            self.history = self.profile.history("r")
            self.thread = self.history.thread("bob", KEY)
            self._fill()

    def steps(self, act: Callable[["Counted"], object]) -> int:
        """Return how many steps SQLite takes for what `act` does."""
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        connection = self._connections[-1]  # the others were closed when the file was made
        connection.set_progress_handler(count, 1)
        act(self)
        connection.set_progress_handler(None, 1)
        return steps

    def line(self) -> NewLine:
        """Return the next line."""
        self._count += 1
        return _line(self._count)

    def progress(self, **changed: Any) -> Progress:
        """Return the progress that includes all lines so far, with some changes."""
        return Progress(self._count, NO_SUM, self._count, self._count)._replace(**changed)

    def _connected(self, connect: Callable[..., sqlite3.Connection]) -> Callable[..., Any]:
        def recorded(*given: Any, **named: Any) -> sqlite3.Connection:
            self._connections.append(connect(*given, **named))
            return self._connections[-1]

        return recorded

    def _fill(self) -> None:
        lines = [_line(n) for n in range(1, self._count + 1)]
        progress = self.progress(acked=0)
        self.thread.write(progress, said=lines, heard=[n._replace(uid=f"h{n.seq}") for n in lines])
        self.thread.write(self.progress())
        self.history.mark_read("bob", 2**62)


def _line(number: int) -> NewLine:
    return NewLine(number, f"u{number}", number, f"line {number}")


def hear(world: Counted) -> None:
    """Store a received line."""
    line = world.line()
    world.thread.write(world.progress(), heard=[line._replace(uid=f"h{line.seq}")])


def say(world: Counted) -> None:
    """Store a line of ours, and its acknowledgement."""
    line = world.line()
    world.thread.write(world.progress(acked=line.seq - 1), said=[line])
    world.thread.write(world.progress())


def link(world: Counted) -> None:
    """Read what a session needs when its link comes up."""
    progress = world.thread.progress()
    world.thread.unread()
    world.thread.waiting_up_to(progress.last_out)
    world.thread.waiting(progress.last_out, 100)


def begin(world: Counted) -> None:
    """Read what a node needs at its start, and every few seconds."""
    world.history.waiting()
    world.history.waiting_since()
    world.history.unread()
    world.history.last_heard()
    world.history.unread_ids()
    world.history.expired(1)


def read(world: Counted) -> None:
    """Mark the last line as read, find our lines by id, and show the last ones."""
    last = world.history.lines("bob", limit=20)[-1]
    world.history.mark_read("bob", last.id)
    world.history.said_with("bob", ["u7"])
    world.history.incoming(last.id - 3, 10, "bob")


@pytest.mark.parametrize("act", [hear, say, link, begin, read])
@pytest.mark.parametrize("analyzed", [False, True], ids=["fresh", "analyzed"])
def test_cost_does_not_grow_with_the_history(
    act: Callable[[Counted], None],
    analyzed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ten times as many lines cost at most a quarter more steps, with statistics or without."""
    steps = []
    for count in (SHORT, LONG):
        world = Counted(tmp_path / f"{count}.sqlite3", count, monkeypatch)
        with closing(world.profile):
            if analyzed:
                with closing(sqlite3.connect(tmp_path / f"{count}.sqlite3")) as database, database:
                    database.execute("ANALYZE")
            act(world)  # statements that are prepared for the first time read the schema
            steps.append(world.steps(act))
    short, long = steps
    print(f"{act.__name__}: {short} and {long} steps")
    assert 0 < long <= 1.25 * short + 50
