"""Blocking work runs in threads and returns its results to the loop."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from p2pchat.errors import StorageError, TimedOut
from p2pchat.net.loop import Loop
from p2pchat.net.worker import ThreadWorker


def test_job_runs_in_a_thread_and_its_result_on_the_loop(real_loop: Loop) -> None:
    """The job runs in a thread, its callback on the loop."""
    worker = ThreadWorker(real_loop, threads=1)
    threads: list[int] = []
    done: list[int] = []

    def job() -> int:
        threads.append(threading.get_ident())
        return 5

    def then(result: int) -> None:
        threads.append(threading.get_ident())
        done.append(result)

    assert worker.submit(job, then, lambda _: None)
    real_loop.run_until(lambda: bool(done))
    assert done == [5]
    assert threads[0] != threads[1] == threading.get_ident()
    worker.close()


def test_p2p_error_is_reported_and_a_bug_is_raised(real_loop: Loop) -> None:
    """A P2PError goes to the error callback; any other exception is raised on the loop."""
    worker = ThreadWorker(real_loop, threads=1)
    errors: list[Exception] = []

    def full() -> None:
        raise StorageError("the disk is full")

    worker.submit(full, lambda _: None, errors.append)
    real_loop.run_until(lambda: bool(errors))
    assert isinstance(errors[0], StorageError)

    worker.submit(lambda: 1 // 0, lambda _: None, errors.append)
    with pytest.raises(ZeroDivisionError):
        real_loop.run_until(lambda: False)
    worker.close()


def test_full_pool_refuses_work(real_loop: Loop) -> None:
    """A full pool refuses work instead of queueing it, and accepts it again later."""
    worker = ThreadWorker(real_loop, threads=1, waiting=1)
    go = threading.Event()
    done: list[bool] = []
    assert worker.submit(go.wait, done.append, lambda _: None)
    assert worker.submit(go.wait, done.append, lambda _: None)
    assert not worker.submit(go.wait, done.append, lambda _: None)
    go.set()
    real_loop.run_until(lambda: len(done) == 2)
    assert worker.submit(go.wait, done.append, lambda _: None)
    real_loop.run_until(lambda: len(done) == 3)
    worker.close()


def test_lowest_rank_runs_first(real_loop: Loop) -> None:
    """Jobs run by rank, then in order of submission; a full rank does not block the others."""
    worker = ThreadWorker(real_loop, threads=1, waiting=2)
    go = threading.Event()
    done: list[int] = []
    worker.submit(go.wait, lambda _: None, lambda _: None)
    taken = [
        worker.submit(lambda n=n: n, done.append, lambda _: None, rank=rank)
        for n, rank in enumerate((2, 2, 1, 2, 2, 1))
    ]
    assert taken == [True, True, True, True, False, True][: len(taken)]
    go.set()
    real_loop.run_until(lambda: len(done) == 5)
    assert done == [2, 5, 0, 1, 3]
    worker.close()


def test_close_finishes_running_jobs_and_releases_each_thread(
    real_loop: Loop,
) -> None:
    """Running jobs finish, queued ones are dropped, and each thread releases its resources."""
    ended: list[int] = []
    begun, go = threading.Event(), threading.Event()
    finished: list[str] = []

    @contextmanager
    def hold() -> Iterator[None]:
        yield
        ended.append(threading.get_ident())

    worker = ThreadWorker(real_loop, threads=1, around_thread=hold)

    def job() -> None:
        begun.set()
        go.wait()
        finished.append("first")

    worker.submit(job, lambda _: None, lambda _: None)
    worker.submit(lambda: finished.append("second"), lambda _: None, lambda _: None)
    begun.wait()
    closer = threading.Timer(0, go.set)
    closer.start()
    worker.close()
    closer.join()
    assert finished[0] == "first"
    assert len(ended) == 1


def test_unused_worker_starts_no_thread(real_loop: Loop) -> None:
    """A worker starts no thread before its first job."""
    before = threading.active_count()
    worker = ThreadWorker(real_loop)
    assert threading.active_count() == before
    worker.close()


def test_stuck_job_times_out(real_loop: Loop) -> None:
    """A stuck job and those behind it fail with TimedOut; no work is accepted until a thread is
    free.
    """
    worker = ThreadWorker(real_loop, threads=1, patience=0.05)
    go = threading.Event()
    done: list[object] = []
    errors: list[Exception] = []
    assert worker.submit(go.wait, done.append, errors.append)
    assert worker.submit(lambda: "queued", done.append, errors.append)
    real_loop.run_until(lambda: len(errors) == 2)
    assert all(isinstance(error, TimedOut) for error in errors)
    assert not worker.submit(lambda: "refused", done.append, errors.append)
    go.set()
    while not worker.submit(lambda: "after", done.append, errors.append):
        real_loop.run_once()
    real_loop.run_until(lambda: bool(done))
    assert (done, len(errors), worker.waiting) == (["after"], 2, 0)
    worker.close()
