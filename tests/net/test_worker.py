"""Blocking work off the loop, its results back on it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from p2pchat.errors import StorageError, TimedOut
from p2pchat.net.loop import Loop
from p2pchat.net.worker import ThreadWorker


def test_work_runs_elsewhere_and_its_result_comes_back(real_loop: Loop) -> None:
    """The job on a thread, what follows on the loop."""
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


def test_an_error_of_ours_is_an_answer_and_a_bug_is_raised(real_loop: Loop) -> None:
    """On the loop, both."""
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


def test_a_full_pool_is_an_answer(real_loop: Loop) -> None:
    """Not a queue without end; and room comes back."""
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


def test_the_lowest_rank_goes_first(real_loop: Loop) -> None:
    """In the order of their coming within a rank; a full rank keeps no other out."""
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


def test_closing_finishes_what_has_begun_and_each_thread_gives_back_what_it_holds(
    real_loop: Loop,
) -> None:
    """What has not begun is dropped."""
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


def test_a_worker_that_was_never_needed_starts_no_thread(real_loop: Loop) -> None:
    """One-shot commands are quick."""
    before = threading.active_count()
    worker = ThreadWorker(real_loop)
    assert threading.active_count() == before
    worker.close()


def test_what_is_held_up_is_given_up(real_loop: Loop) -> None:
    """Its error comes and its result never; nothing more is taken until a thread is free."""
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
