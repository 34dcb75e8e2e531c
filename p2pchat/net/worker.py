"""Blocking work (Argon2id, SQL commits, name resolution) off the loop, its results back on it.

The only place where threads are. Knows nothing of the work; the threads touch no state of the
loop's but by `call_from_thread`.
"""

import itertools
import queue
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Generic, Protocol, TypeVar

from p2pchat.errors import InternalError, P2PError, TimedOut
from p2pchat.net.loop import Loop, Timer

T = TypeVar("T")

_Job = tuple[int, int, Callable[[], None] | None]
"""Rank, number in order of arrival, and what a thread runs; None ends the thread."""


class Worker(Protocol):
    """The interface of a worker to everything above."""

    def submit(
        self,
        job: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[P2PError], None],
        *,
        rank: int = 0,
        patient: bool = False,
    ) -> bool:
        """Run the job off the loop, then call `then(result)` or `failed(error)` on it.

        Of what waits, the lowest rank goes first. `patient`: however long it takes. Return False
        if too much of that rank waits already: neither will be called. An exception that is not
        ours is a bug: the loop contains it, and `failed` gets an InternalError.
        """


class ThreadWorker:
    """A small pool of threads, and a queue that is bounded for each rank (`waiting` 0: it is not).

    `around_thread()` gives what each thread holds for its whole life. `patience`, in seconds: a job
    that has not ended by then has failed, and what comes of it is dropped; while every thread is
    held up by such jobs, no more are taken. Without it a job may take for ever.
    """

    def __init__(
        self,
        loop: Loop,
        *,
        threads: int = 2,
        waiting: int = 2048,
        around_thread: Callable[[], AbstractContextManager[object]] = nullcontext,
        patience: float | None = None,
    ) -> None:
        self._loop = loop
        self._jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._count = itertools.count()
        self._unfinished: Counter[int] = Counter()
        self._stuck = 0
        self._around_thread = around_thread
        self._patience = patience
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        self._started = False
        self.reconfigure(waiting)

    def reconfigure(self, waiting: int) -> None:
        """Queue at most so many jobs of a rank from now on; 0 means no limit."""
        self._capacity = len(self._threads) + waiting if waiting else sys.maxsize

    @property
    def waiting(self) -> int:
        """The number of jobs that have not ended."""
        return self._unfinished.total()

    def submit(
        self,
        job: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[P2PError], None],
        *,
        rank: int = 0,
        patient: bool = False,
    ) -> bool:
        """Run the job on a thread; see Worker."""
        if self._unfinished[rank] >= self._capacity or self._stuck >= len(self._threads):
            return False
        if not self._started:  # one-shot commands mostly need no thread
            self._started = True
            for thread in self._threads:
                thread.start()
        self._unfinished[rank] += 1
        task = _Task(job, then, failed, rank)
        if self._patience is not None and not patient:
            task.deadline = self._loop.call_later(self._patience, partial(self._too_late, task))
        self._put(rank, partial(self._run, task))
        return True

    def close(self, timeout: float | None = None) -> None:
        """Drop what has not begun, wait for what has, end the threads.

        `timeout`: seconds that each thread is waited for; what takes longer ends with us.
        """
        while True:
            try:
                self._jobs.get_nowait()
            except queue.Empty:
                break
        if self._started:
            for _ in self._threads:
                self._put(sys.maxsize, None)
            for thread in self._threads:
                thread.join(timeout)

    def _work(self) -> None:
        with self._around_thread():
            while (job := self._jobs.get()[-1]) is not None:
                job()

    def _put(self, rank: int, run: Callable[[], None] | None) -> None:
        self._jobs.put((rank, next(self._count), run))

    def _run(self, task: "_Task[T]") -> None:
        if task.given_up:
            return
        task.begun = True
        outcome: Callable[[], None]
        try:
            outcome = partial(task.then, task.job())
        except P2PError as error:
            outcome = partial(task.failed, error)
        except Exception as error:  # noqa: BLE001  # contained on the loop, which raises it in tests
            outcome = partial(self._break, task, error)
        self._loop.call_from_thread(partial(self._finish, task, outcome))

    def _break(self, task: "_Task[T]", error: Exception) -> None:
        self._loop.contain(error, "a job of a worker thread")
        task.failed(InternalError("the work could not be done"))

    def _finish(self, task: "_Task[T]", outcome: Callable[[], None]) -> None:
        if task.given_up:
            self._stuck -= task.stuck
            return
        if task.deadline is not None:
            task.deadline.cancel()
        self._unfinished[task.rank] -= 1
        outcome()

    def _too_late(self, task: "_Task[T]") -> None:
        task.given_up = True
        task.stuck = task.begun
        self._stuck += task.stuck
        self._unfinished[task.rank] -= 1
        task.failed(TimedOut("it takes too long, and is not waited for"))


class _Task(Generic[T]):
    """One job: the loop gives it up, or a thread begins it; where both at once, it has begun."""

    def __init__(
        self,
        job: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[P2PError], None],
        rank: int,
    ) -> None:
        self.job = job
        self.then = then
        self.failed = failed
        self.rank = rank
        self.deadline: Timer | None = None
        self.begun = False
        self.given_up = False
        self.stuck = False
