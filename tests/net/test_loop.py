"""The loop: order of a turn, deadlines by a hand-moved clock, wake-up, plain files."""

import math
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from p2pchat.errors import TimedOut
from p2pchat.net.loop import READ, WRITE, Loop
from tests.fakes import FakeClock, advance, settle


def test_soon_calls_run_in_order_and_new_ones_in_the_next_turn(loop: Loop) -> None:
    """A call that calls again does not starve what can be read."""
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


def test_deadlines_come_in_order_and_not_before(loop: Loop) -> None:
    """By the clock that is handed in."""
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


def test_what_is_never_due_is_not_kept(loop: Loop) -> None:
    """A deadline at infinity costs nothing, however many there are."""
    never = loop.call_later(math.inf, partial(pytest.fail, "called"))
    assert loop.next_deadline() is None
    assert never.live
    never.cancel()


def test_a_thread_wakes_the_loop(real_loop: Loop) -> None:
    """Its call runs on the loop's own thread, while the loop waits without a deadline."""
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
    """None is lost, and nobody blocks."""
    calls: list[int] = []
    for i in range(100_000):
        loop.call_from_thread(partial(calls.append, i))
    loop.run_once(0)
    assert calls == list(range(100_000))


def test_its_descriptor_is_readable_when_a_turn_has_something(loop: Loop) -> None:
    """That is how another loop hosts this one."""
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


def test_watching_a_pipe(loop: Loop) -> None:
    """READ and WRITE, changed and ended."""
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


def test_a_plain_file_is_always_ready(loop: Loop, tmp_path: Path) -> None:
    """epoll refuses plain files, but stdin may be one."""
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


def test_a_callback_that_raises_is_not_swallowed(loop: Loop) -> None:
    """Bugs crash, and the loop goes on if somebody runs it on."""
    said: list[str] = []
    loop.call_soon(partial(divmod, 1, 0))
    loop.call_soon(partial(said.append, "next"))
    with pytest.raises(ZeroDivisionError):
        loop.run_once(0)
    settle(loop)
    assert said == ["next"]


def test_wait_for_gives_the_result_or_raises(loop: Loop) -> None:
    """One of the two callbacks, in a later turn."""

    def answer(then: Callable[[int], None], _: object) -> None:
        loop.call_soon(partial(then, 5))

    assert loop.wait_for(answer) == 5
    with pytest.raises(TimedOut, match="too late"):
        loop.wait_for(lambda _, failed: loop.call_soon(partial(failed, TimedOut("too late"))))


def test_wait_for_waits_no_longer_than_it_may(loop: Loop) -> None:
    """And leaves no deadline behind."""
    clock = loop.now
    assert isinstance(clock, FakeClock)

    def start(*_: object) -> None:
        loop.call_soon(lambda: setattr(clock, "time", clock.time + 3))

    with pytest.raises(TimedOut, match=r"within 2\.5 s"):
        loop.wait_for(start, 2.5)
    assert loop.next_deadline() is None


def test_what_was_closed_in_a_turn_is_not_called_in_it(loop: Loop) -> None:
    """Even if select had named both, and even if the number is somebody else's now."""
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


def test_a_deadline_years_away_is_no_trouble(loop: Loop) -> None:
    """A selector takes no timeout of more than some weeks."""
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


def test_an_interruption_waits_for_the_end_of_what_is_being_done(loop: Loop) -> None:
    """It comes where turns are run, as if a callback raised it; the second one does not wait."""
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


def test_an_interruption_while_no_turns_are_run_comes_at_once(loop: Loop) -> None:
    """As while a password is asked for."""
    with pytest.raises(KeyboardInterrupt):
        loop.interrupt()


def test_an_interruption_in_the_last_turn_comes_at_its_end(loop: Loop) -> None:
    """And not to whoever runs turns later."""
    with pytest.raises(KeyboardInterrupt), loop.running():
        loop.interrupt()
    loop.call_soon(lambda: None)
    loop.run_until(lambda: loop.idle)
