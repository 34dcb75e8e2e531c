"""A running node deletes old lines, not only when it starts."""

import time
from pathlib import Path

import pytest

from p2pchat.errors import StorageError
from p2pchat.net.loop import Loop
from p2pchat.peer.store.lines import NewLine, Progress
from p2pchat.peer.store.profile import Profile
from p2pchat.peer.store.retention import Retention
from tests.fakes import FakeClock, advance


def test_old_lines_are_deleted_every_hour(loop: Loop, tmp_path: Path) -> None:
    """Finished lines are deleted after the retention time, measured from when they were stored."""
    clock = loop.now
    assert isinstance(clock, FakeClock)
    profile = Profile(tmp_path / "p.sqlite3")
    history = profile.history("r")
    clock.time = time.time()
    failed: list[StorageError] = []
    thread = history.thread("bob", b"k" * 32)
    said = [NewLine(1, "a", 5, "done"), NewLine(2, "b", 5, "waits")]
    thread.write(Progress(last_out=2), said=said)
    thread.write(Progress(last_out=2, acked=1))
    retention = Retention(loop, history, 1, failed.append, wall=clock)
    advance(loop, 23 * 3600)
    assert [line.text for line in history.lines()] == ["done", "waits"]
    advance(loop, 2 * 3600)
    assert [line.text for line in history.lines()] == ["waits"]
    retention.close()
    assert loop.idle
    assert failed == []
    profile.close()


def test_failing_disk_is_reported_and_retried(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed deletion is reported and retried an hour later."""
    profile = Profile(tmp_path / "p.sqlite3")
    history = profile.history("r")
    failed: list[StorageError] = []
    tried: list[int] = []

    def fail(before: int) -> None:
        tried.append(before)
        raise StorageError("the disk is full")

    retention = Retention(loop, history, 1, failed.append)
    monkeypatch.setattr(history, "forget_before", fail)
    advance(loop, 3 * 3600)
    assert len(failed) == len(tried) == 3
    retention.close()
    profile.close()
