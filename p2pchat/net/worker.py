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
from functools import partial
from typing import Protocol, TypeVar

from p2pchat.errors import P2PError
from p2pchat.net.loop import Loop

T = TypeVar("T")

_Job = tuple[int, int, Callable[[], None] | None]
"""Rank, number in order of arrival, and what a thread runs; None ends the thread."""


class Worker(Protocol):
    """What the rooms above need of a worker."""

    def submit(
        self,
        job: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[P2PError], None],
        *,
        rank: int = 0,
    ) -> bool:
        """Run the job off the loop, then call `then(result)` or `failed(error)` on it.

        Of what waits, the lowest rank goes first. Gives False where too much of that rank waits
        already: neither will be called. An exception that is not ours is a bug and is raised on
        the loop.
        """


class ThreadWorker:
    """A small pool of threads, and a queue that is bounded for each rank (`waiting` 0: it is not).

    `at_thread_end` is run by each thread before it ends, to give back what it holds.
    """

    def __init__(
        self,
        loop: Loop,
        *,
        threads: int = 2,
        waiting: int = 2048,
        at_thread_end: Callable[[], None] | None = None,
    ) -> None:
        self._loop = loop
        self._jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._count = itertools.count()
        self._capacity = threads + waiting if waiting else sys.maxsize
        self._unfinished: Counter[int] = Counter()
        self._at_thread_end = at_thread_end
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        self._started = False

    def submit(
        self,
        job: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[P2PError], None],
        *,
        rank: int = 0,
    ) -> bool:
        """Run the job on a thread; see Worker."""
        if self._unfinished[rank] >= self._capacity:
            return False
        if not self._started:  # one-shot commands mostly need no thread
            self._started = True
            for thread in self._threads:
                thread.start()
        self._unfinished[rank] += 1
        self._put(rank, partial(self._run, job, then, failed, rank))
        return True

    def close(self) -> None:
        """Drop what has not begun, wait for what has, end the threads."""
        while True:
            try:
                self._jobs.get_nowait()
            except queue.Empty:
                break
        if self._started:
            for _ in self._threads:
                self._put(sys.maxsize, None)
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()[-1]) is not None:
            job()
        if self._at_thread_end is not None:
            self._at_thread_end()

    def _put(self, rank: int, run: Callable[[], None] | None) -> None:
        self._jobs.put((rank, next(self._count), run))

    def _run(
        self,
        job: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[P2PError], None],
        rank: int,
    ) -> None:
        outcome: Callable[[], None]
        try:
            outcome = partial(then, job())
        except P2PError as error:
            outcome = partial(failed, error)
        except BaseException as error:  # noqa: BLE001  # not swallowed: raised on the loop
            outcome = partial(_raise, error)
        self._loop.call_from_thread(partial(self._finish, outcome, rank))

    def _finish(self, outcome: Callable[[], None], rank: int) -> None:
        self._unfinished[rank] -= 1
        outcome()


def _raise(error: BaseException) -> None:
    raise error
