"""A node that runs for weeks forgets what is old, not only when it starts."""

import time
from pathlib import Path

from p2pchat.net.loop import Loop
from p2pchat.peer.lines import NewLine, Progress
from p2pchat.peer.profile import Profile
from p2pchat.peer.retention import Retention
from tests.fakes import FakeClock, advance


def test_old_lines_are_forgotten_every_hour(loop: Loop, tmp_path: Path) -> None:
    """Those that are done and were kept for so long; the time a line claims does not count."""
    clock = loop.now
    assert isinstance(clock, FakeClock)
    profile = Profile(tmp_path / "p.sqlite3")
    history = profile.history("r")
    clock.time = time.time()
    thread = history.thread("bob", b"k" * 32)
    said = [NewLine(1, "a", 5, "done"), NewLine(2, "b", 5, "waits")]
    thread.write(Progress(last_out=2), said=said)
    thread.write(Progress(last_out=2, acked=1))
    retention = Retention(loop, history, days=1, wall=clock)
    advance(loop, 23 * 3600)
    assert [line.text for line in history.lines()] == ["done", "waits"]
    advance(loop, 2 * 3600)
    assert [line.text for line in history.lines()] == ["waits"]
    retention.close()
    assert loop.idle
    profile.close()
