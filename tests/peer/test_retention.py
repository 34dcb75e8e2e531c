"""A node that runs for weeks forgets what is old, not only when it starts."""

from pathlib import Path

from p2pchat.net.loop import Loop
from p2pchat.peer.lines import NewLine, Progress
from p2pchat.peer.profile import Profile
from p2pchat.peer.retention import Retention
from tests.fakes import FakeClock, advance


def test_old_lines_are_forgotten_every_hour(loop: Loop, tmp_path: Path) -> None:
    """Those that are done, when they are as old as was said."""
    clock = loop.now
    assert isinstance(clock, FakeClock)
    profile = Profile(tmp_path / "p.sqlite3")
    history = profile.history("r")
    now = int(clock() * 1000)
    thread = history.thread("bob", b"k" * 32)
    said = [NewLine(1, "a", now, "done"), NewLine(2, "b", now, "waits")]
    thread.write(Progress(0, 2), said=said)
    thread.write(Progress(0, 2, 1))
    retention = Retention(loop, history, days=1, wall=clock)
    advance(loop, 23 * 3600)
    assert [line.text for line in history.lines()] == ["done", "waits"]
    advance(loop, 2 * 3600)
    assert [line.text for line in history.lines()] == ["waits"]
    retention.close()
    assert loop.idle
    profile.close()
