"""Whatever the registry does to a mailbox, every line arrives once, in order, or waits.

`P2PCHAT_APART=10000` runs this many schedules. A failing one prints its seeds, and
`P2PCHAT_APART_SEEDS=300:325:1` (from, to, copies) replays it.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest

from p2pchat.peer.chat import chat_session
from p2pchat.peer.chat.chat_session import ChatSession
from p2pchat.peer.mailbox.left_lines import LeftLines
from p2pchat.peer.mailbox.runs import Verdict, judge
from p2pchat.peer.store.mailbox_store import KeptRun
from p2pchat.protocol.positions import add_to_sum
from p2pchat.protocol.sealed import Position
from p2pchat.protocol.talk import ChatText
from tests.scenarios.apart_simulation import ApartSimulation
from tests.scenarios.schedules import first_failure
from tests.scenarios.test_simulation import identify_lines_by_number, threads_of_sessions

_ENVIRONMENT = os.environ  # noqa: TID251  # how many, and which
SCHEDULES = int(_ENVIRONMENT.get("P2PCHAT_APART", "100"))
_CHUNK = 25
_PARTS = 4

Chunk = tuple[int, int, int]
"""The first seed, the one after the last, and whether disks are copied."""


def run_chunk(chunk: Chunk) -> str:
    """Run the schedules of some seeds in one world; return the first failure."""
    return first_failure(lambda folder: ApartSimulation(folder, copies=bool(chunk[2])), chunk)


def chunks(count: int) -> list[Chunk]:
    """Return the seeds of this many schedules; in every second world disks are copied."""
    return [
        (first, min(first + _CHUNK, count), n % 2)
        for n, first in enumerate(range(0, count, _CHUNK))
    ]


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(_PARTS))
def test_every_line_arrives_once_in_order(part: int) -> None:
    """Split into parts that run in parallel."""
    wanted = chunks(SCHEDULES)[part::_PARTS]
    if "P2PCHAT_APART_SEEDS" in _ENVIRONMENT:
        first, last, copies = map(int, _ENVIRONMENT["P2PCHAT_APART_SEEDS"].split(":"))
        wanted = [] if part else [(first, last, copies)]
    for chunk in wanted:
        assert run_chunk(chunk) == ""


def run_here(count: int, near: int = 0) -> str:
    """Run some schedules in this process, from seed `near` on; return the first failure."""
    for chunk in sorted(chunks(count), key=lambda chunk: (chunk[0] - near) % count):
        said = run_chunk(chunk)
        if said:
            return said
    return ""


def forgotten_before_commit(patch: pytest.MonkeyPatch) -> None:
    """A run is called taken, and its prekey deleted, though its lines do not reach the disk."""

    def take_run(
        self: ChatSession, theirs: Position, at: int, after: Position, lines: Any, also: Any
    ) -> Verdict:
        also()
        if lines and lines[-1].seq % 3 == 0:
            return Verdict.TAKEN  # the crash comes before the commit
        return original(self, theirs, at, after, lines, also)

    original = ChatSession.take_run
    patch.setattr(ChatSession, "take_run", take_run)


def gap_taken(patch: pytest.MonkeyPatch) -> None:
    """A run is taken though lines before it are missing."""

    def skipped(ours: Position, after: Position, lines: Any) -> tuple[Verdict, list[ChatText]]:
        if lines and after.number > ours.number:
            return Verdict.TAKEN, list(lines)
        return judge(ours, after, lines)

    patch.setattr(chat_session, "judge", skipped)


def run_by_number(patch: pytest.MonkeyPatch) -> None:
    """What to take of a run is decided by numbers alone."""

    def by_number(ours: Position, after: Position, lines: Any) -> tuple[Verdict, list[ChatText]]:
        if not lines or lines[-1].seq <= ours.number or after.number > ours.number:
            return judge(ours, after, lines)
        return Verdict.TAKEN, [line for line in lines if line.seq > ours.number]

    patch.setattr(chat_session, "judge", by_number)


def blind_answer(patch: pytest.MonkeyPatch) -> None:
    """An answer is believed by its number alone."""

    def take_run(self: ChatSession, theirs: Position, *more: Any) -> Verdict:
        self.flush()
        thread = threads[self]
        ours = thread.progress()
        if ours.acked <= theirs.number <= ours.last_out:
            ids = thread.waiting_up_to(theirs.number)
            theirs = Position(theirs.number, add_to_sum(ours.acked_sum, ids))
        return original(self, theirs, *more)

    threads = threads_of_sessions(patch)
    original = ChatSession.take_run
    patch.setattr(ChatSession, "take_run", take_run)


def lower_answer_ignored(patch: pytest.MonkeyPatch) -> None:
    """An answer with a lower number than the last is ignored, though a disk went back."""

    def take_run(self: ChatSession, theirs: Position, *more: Any) -> Verdict:
        self.flush()
        ours = threads[self].progress()
        if theirs.number < ours.acked:
            theirs = Position(ours.acked, ours.acked_sum)
        return original(self, theirs, *more)

    threads = threads_of_sessions(patch)
    original = ChatSession.take_run
    patch.setattr(ChatSession, "take_run", take_run)


def left_is_delivered(patch: pytest.MonkeyPatch) -> None:
    """A line that was left is called delivered."""

    def add(self: LeftLines, run: KeptRun) -> None:
        original(self, run)
        self._store._store.rows(  # what no part of it does
            "UPDATE line SET state = 'delivered' WHERE outgoing AND state = 'queued' AND seq <= ?",
            (run.last,),
        )

    original = LeftLines.add
    patch.setattr(LeftLines, "add", add)


@pytest.mark.parametrize(
    ("bug", "near"),
    [
        (identify_lines_by_number, 75),
        (forgotten_before_commit, 0),
        (gap_taken, 25),
        (run_by_number, 25),
        (blind_answer, 25),
        (lower_answer_ignored, 25),
        (left_is_delivered, 0),
    ],
)
def test_seeded_bug_is_caught(
    bug: Callable[[pytest.MonkeyPatch], None], near: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checker finds each seeded bug; `near`: where it was last found."""
    bug(monkeypatch)
    said = run_here(500, near)
    print(said)
    assert said
