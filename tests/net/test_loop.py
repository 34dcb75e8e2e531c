"""The event loop: order within a turn, deadlines on a fake clock, wake-ups, plain files."""

import math
import os
import select
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from p2pchat.errors import TimedOut
from p2pchat.net.loop import READ, WRITE, Loop
from tests.fakes import FakeClock, advance, settle


def test_soon_calls_run_in_order_and_new_ones_in_the_next_turn(loop: Loop) -> None:
    """A call that schedules another one does not starve I/O."""
    said: list[str] = []

    def first() -> None:
        said.append("a")
        loop.call_soon(partial(said.append, "c"))

    loop.call_soon(first)
    loop.call_soon(partial(said.append, "b"))
    loop.run_once(0)
    assert said == ["a", "b"]
    loop.run_once(0)
    assert said == ["a", "b", "c"]


def test_deadlines_fire_in_order_and_not_early(loop: Loop) -> None:
    """Timers fire in order of their deadlines, and a cancelled one does not fire."""
    said: list[str] = []
    loop.call_later(2, partial(said.append, "late"))
    loop.call_later(1, partial(said.append, "early"))
    cancelled = loop.call_later(1.5, partial(said.append, "never"))
    cancelled.cancel()
    advance(loop, 0.9)
    assert said == []
    advance(loop, 0.2)
    assert said == ["early"]
    assert loop.next_deadline() == pytest.approx(loop.now() + 0.9)
    advance(loop, 1)
    assert said == ["early", "late"]
    assert loop.next_deadline() is None
    assert not cancelled.live


def test_infinite_deadline_is_not_stored(loop: Loop) -> None:
    """A deadline at infinity is not stored."""
    never = loop.call_later(math.inf, partial(pytest.fail, "called"))
    assert loop.next_deadline() is None
    assert never.live
    never.cancel()


def test_thread_wakes_the_loop(real_loop: Loop) -> None:
    """A call from another thread runs on the loop's thread, even if the loop waits without a
    deadline.
    """
    called_on: list[int] = []
    here = threading.get_ident()
    thread = threading.Thread(
        target=lambda: real_loop.call_from_thread(lambda: called_on.append(threading.get_ident()))
    )
    thread.start()
    real_loop.run_until(lambda: bool(called_on))
    thread.join()
    assert called_on == [here]


def test_more_wake_ups_than_a_pipe_holds(loop: Loop) -> None:
    """No call is lost and no thread blocks if the wake-up pipe is full."""
    calls: list[int] = []
    for i in range(100_000):
        loop.call_from_thread(partial(calls.append, i))
    loop.run_once(0)
    assert calls == list(range(100_000))


def test_callback_that_a_called_one_queues_is_called(real_loop: Loop) -> None:
    """A wake-up is sent once for many callbacks, and none of them is missed."""
    calls: list[int] = []

    def call(number: int) -> None:
        calls.append(number)
        if number:
            real_loop.call_from_thread(partial(call, number - 1))

    real_loop.call_from_thread(partial(call, 3))
    real_loop.run_until(lambda: len(calls) == 4)
    thread = threading.Thread(target=lambda: real_loop.call_from_thread(partial(call, 2)))
    thread.start()
    real_loop.run_until(lambda: len(calls) == 7)
    thread.join()
    assert calls == [3, 2, 1, 0, 2, 1, 0]


def test_descriptor_is_readable_when_there_is_work(loop: Loop) -> None:
    """The loop's descriptor becomes readable when there is work, so another loop can host it."""
    outer = Loop()
    ready: list[int] = []
    outer.watch(loop.fileno(), READ, ready.append)
    outer.run_once(0)
    assert ready == []
    loop.call_from_thread(lambda: None)
    outer.run_once(0)
    assert ready == [READ]
    outer.unwatch(loop.fileno())
    outer.close()


def test_pipe_is_watched_for_reading_and_writing(loop: Loop) -> None:
    """A watch reports READ or WRITE until it is removed."""
    r, w = os.pipe()
    events: list[tuple[str, int]] = []
    loop.watch(r, READ, lambda e: events.append(("r", e)))
    loop.watch(w, WRITE, lambda e: events.append(("w", e)))
    loop.run_once(0)
    assert events == [("w", WRITE)]
    os.write(w, b"x")
    loop.unwatch(w)
    loop.run_once(0)
    assert events == [("w", WRITE), ("r", READ)]
    loop.unwatch(r)
    assert loop.idle
    os.close(r)
    os.close(w)


def test_plain_file_is_always_ready(loop: Loop, tmp_path: Path) -> None:
    """A plain file, which epoll refuses, is always ready; stdin may be one."""
    (tmp_path / "file").write_text("x")
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    events: list[int] = []
    loop.watch(descriptor, READ, events.append)
    assert not loop.idle
    assert loop.next_deadline() == loop.now()
    loop.run_once()
    assert events == [READ]
    loop.unwatch(descriptor)
    assert loop.idle
    os.close(descriptor)


def test_exception_in_a_callback_is_raised(loop: Loop) -> None:
    """An exception in a callback is raised, and the loop can continue afterwards."""
    said: list[str] = []
    loop.call_soon(partial(divmod, 1, 0))
    loop.call_soon(partial(said.append, "next"))
    with pytest.raises(ZeroDivisionError):
        loop.run_once(0)
    settle(loop)
    assert said == ["next"]


def test_wait_for_returns_the_result_or_raises(loop: Loop) -> None:
    """wait_for() returns the result or raises the error of the operation."""

    def answer(then: Callable[[int], None], _: object) -> None:
        loop.call_soon(partial(then, 5))

    assert loop.wait_for(answer) == 5
    with pytest.raises(TimedOut, match="too late"):
        loop.wait_for(lambda _, failed: loop.call_soon(partial(failed, TimedOut("too late"))))


def test_wait_for_times_out(loop: Loop) -> None:
    """wait_for() raises TimedOut after its timeout and leaves no timer behind."""
    clock = loop.now
    assert isinstance(clock, FakeClock)

    def start(*_: object) -> None:
        loop.call_soon(lambda: setattr(clock, "time", clock.time + 3))

    with pytest.raises(TimedOut, match=r"within 2\.5 s"):
        loop.wait_for(start, 2.5)
    assert loop.next_deadline() is None


def test_descriptor_unwatched_in_a_turn_is_not_called_in_it(loop: Loop) -> None:
    """A descriptor that is unwatched is not called in the same turn, even if select reported it."""
    called: list[str] = []
    first, second = os.pipe(), os.pipe()
    ready = {first[0]: "first", second[0]: "second"}

    def close_the_other(descriptor: int) -> None:
        called.append(ready[descriptor])
        other = next(d for d in ready if d != descriptor)
        loop.unwatch(other)

    for r, w in (first, second):
        os.write(w, b"x")
        loop.watch(r, READ, lambda _, r=r: close_the_other(r))
    loop.run_once(0)
    assert len(called) == 1
    loop.unwatch(next(d for d, name in ready.items() if name == called[0]))
    for descriptor in (*first, *second):
        os.close(descriptor)


def test_very_distant_deadline_is_accepted(loop: Loop) -> None:
    """A deadline years away works, although selectors limit their timeout."""
    r, w = os.pipe()
    read: list[int] = []
    loop.call_later(1e9, lambda: None)
    loop.watch(r, READ, read.append)
    os.write(w, b"x")
    loop.run_once()
    assert read == [READ]
    loop.unwatch(r)
    os.close(r)
    os.close(w)


def test_interruption_waits_for_the_running_callback(loop: Loop) -> None:
    """An interruption is raised between callbacks; a second one is raised at once."""
    done: list[str] = []

    def be_interrupted() -> None:
        loop.interrupt()
        done.append("all of it")

    loop.call_soon(be_interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.run_until(lambda: False)
    assert done == ["all of it"]
    with loop.running(), pytest.raises(KeyboardInterrupt):
        loop.interrupt()


def test_interruption_outside_a_turn_is_raised_at_once(loop: Loop) -> None:
    """An interruption while no turn runs, such as at a password prompt, is raised at once."""
    with pytest.raises(KeyboardInterrupt):
        loop.interrupt()


def test_interruption_in_the_last_turn_is_raised_at_its_end(loop: Loop) -> None:
    """An interruption is not left over for a later run of the loop."""
    with pytest.raises(KeyboardInterrupt), loop.running():
        loop.interrupt()
    loop.call_soon(lambda: None)
    loop.run_until(lambda: loop.idle)


def test_signal_wakes_a_running_loop(loop: Loop) -> None:
    """A signal that comes just before the wait, when no handler can run, still ends the wait."""
    handler = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with loop.running():
            assert not _is_ready(loop)
            signal.raise_signal(signal.SIGUSR1)
            assert _is_ready(loop)
            loop.run_once(0)
            assert not _is_ready(loop)
        signal.raise_signal(signal.SIGUSR1)
        assert not _is_ready(loop)
    finally:
        signal.signal(signal.SIGUSR1, handler)


def test_loop_inside_another_hands_signals_back(loop: Loop) -> None:
    """After a loop has run inside another, signals wake the outer one again."""
    handler = signal.signal(signal.SIGUSR1, lambda *_: None)
    inner = Loop()
    try:
        with loop.running():
            with inner.running():
                signal.raise_signal(signal.SIGUSR1)
                assert (_is_ready(inner), _is_ready(loop)) == (True, False)
            signal.raise_signal(signal.SIGUSR1)
            assert _is_ready(loop)
    finally:
        signal.signal(signal.SIGUSR1, handler)
        inner.close()


def test_loop_runs_on_any_thread(loop: Loop) -> None:
    """A loop runs outside the main thread, where Python forbids to handle signals."""
    done: list[str] = []
    loop.call_soon(lambda: done.append("done"))
    thread = threading.Thread(target=loop.run_until, args=(lambda: bool(done),))
    thread.start()
    thread.join()
    assert done == ["done"]


def _is_ready(loop: Loop) -> bool:
    return bool(select.select([loop.fileno()], [], [], 0)[0])


def test_run_for_runs_turns_until_the_time_is_over(loop: Loop) -> None:
    """Callbacks that are due within the time are called, later ones are not."""
    called: list[str] = []
    loop.call_soon(lambda: advance(loop, 1.0))
    loop.call_later(0.5, lambda: called.append("earlier"))
    loop.call_later(1.5, lambda: called.append("later"))
    loop.run_for(1.0)
    assert called == ["earlier"]
