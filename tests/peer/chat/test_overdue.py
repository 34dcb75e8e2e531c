"""A line that has waited for a day is told of once."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.net.loop import Loop
from p2pchat.peer.chat.overdue import OverdueLines
from p2pchat.peer.store.history import History
from p2pchat.peer.store.lines import NewLine, Progress
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.client.events import Event, Overdue
from tests.fakes import FakeClock, advance

DAY = 24 * 3600


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """An empty one."""
    with closing(Profile(tmp_path / "p.sqlite3")) as profile:
        yield profile.history("r")


def test_once_for_each_contact_until_nothing_of_theirs_waits(loop: Loop, history: History) -> None:
    """Lines that wait for less are none, and a delivered one may be followed by another."""
    clock = loop.now
    assert isinstance(clock, FakeClock)
    now = int(clock.time * 1000)
    bob = history.thread("bob", b"k" * 32)
    bob.write(Progress(last_out=1), said=[NewLine(1, "a", now, "x")])
    events: list[Event] = []
    with closing(OverdueLines(loop, history, events.append, wall=clock)):
        advance(loop, DAY - 60)
        assert events == []
        advance(loop, DAY)
        assert events == [Overdue("bob", now)]
        bob.write(Progress(last_out=1, acked=1))
        advance(loop, 3600)
        later = int(clock.time * 1000)
        bob.write(Progress(last_out=2, acked=1), said=[NewLine(2, "b", later, "y")])
        advance(loop, 3 * DAY)
        assert events == [Overdue("bob", now), Overdue("bob", later)]
    assert loop.idle
