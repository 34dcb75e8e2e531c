"""A line that has been queued for a day is reported once."""

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
    """Yield an empty history."""
    with closing(Profile(tmp_path / "p.sqlite3")) as profile:
        yield profile.history("r")


def test_overdue_lines_are_reported_once_per_contact(loop: Loop, history: History) -> None:
    """Lines are reported after a day, once per contact until none of theirs is queued."""
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
