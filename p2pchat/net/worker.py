"""Runs blocking work (Argon2id, SQL commits, name resolution) off the loop.

Only this module uses threads; they touch the loop's state only by `call_from_thread`.
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

        Jobs with the lowest rank run first. `patient`: no time limit. Return False if too many jobs
        of that rank are queued: neither callback follows. An exception other than a P2PError is a
        bug: the loop contains it, and `failed` gets an InternalError.
        """


class ThreadWorker:
    """A small pool of threads, with a queue bounded for each rank by `waiting` (0: unbounded).

    `around_thread()` is a context that each thread holds while it runs. A job that takes more than
    `patience` seconds has failed, and its result is dropped; while such jobs block all threads, no
    more are accepted. Without `patience`, there is no time limit.
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
        """Queue at most `waiting` jobs of a rank from now on; 0: no limit."""
        self._capacity = len(self._threads) + waiting if waiting else sys.maxsize

    @property
    def waiting(self) -> int:
        """The number of unfinished jobs."""
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
        if not self._started:  # one-shot commands rarely need a thread
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
        """Drop queued jobs, wait for the running ones, and end the threads.

        `timeout`: seconds to wait for each thread; slower ones end with the process.
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
        task.failed(InternalError("the work failed"))

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
        task.failed(TimedOut("it took too long"))


class _Task(Generic[T]):
    """One job. Either the loop gives it up or a thread begins it; if both at once, it has begun."""

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
