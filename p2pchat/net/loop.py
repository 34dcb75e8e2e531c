"""The event loop: a selector, timers, and wake-ups from other threads and signal handlers.

A host can nest it by `fileno` and `next_deadline`; otherwise use `run_until`.

A callback that raises is a bug. It must not affect more than the part in which it happened
(ARCHITECTURE, "Bulkheads"): the part passes the exception to `contain`, which logs and counts it,
and closes itself. In a long-running process (`containing`), the loop contains all other exceptions.
A strict loop, as in tests, raises all of them.
"""

import heapq
import itertools
import logging
import math
import selectors
import signal
import socket
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar

from p2pchat.callbacks import ignore
from p2pchat.errors import P2PError, TimedOut

T = TypeVar("T")
Callback = Callable[[], None]
Ready = Callable[[int], None]

_LONGEST_WAIT = 86400.0  # selectors reject timeouts of more than some weeks

_log = logging.getLogger(__name__)

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE


class Timer:
    """A call that is due at a deadline unless cancelled."""

    __slots__ = ("_callback", "deadline")

    def __init__(self, deadline: float, callback: Callback) -> None:
        self.deadline = deadline
        self._callback: Callback | None = callback

    @property
    def live(self) -> bool:
        """Whether the call is still due."""
        return self._callback is not None

    def cancel(self) -> None:
        """Cancel the call; does nothing after it."""
        self._callback = None

    def fire(self) -> None:
        """Call, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Loop:
    """The event loop; everything in a process happens in one of its turns.

    `clock` returns monotonic seconds; tests pass one that they advance by hand. `strict`: raise
    bugs instead of containing them.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, strict: bool = False
    ) -> None:
        self.now = clock
        self.contained = 0
        """The number of bugs contained."""
        self.at_close: set[Callback] = set()
        """Callbacks that close open descriptors when the loop ends.

        Their owners may be gone, as with a lingering wire or a program that fails.
        """
        self.lingering: OrderedDict[object, Callback] = OrderedDict()
        """Callbacks that end closed connections whose remotes have not closed, oldest first."""
        self._strict = strict
        self._contains_all = False
        self._fatal: BaseException | None = None
        self._selector = selectors.DefaultSelector()
        self._soon: deque[Callback] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = itertools.count()
        self._plain_files: dict[int, Ready] = {}
        self._unwatched: set[int] = set()
        self._from_threads: deque[Callback] = deque()
        self._is_waking = False
        self._is_running = False
        self._interrupted = self._interruption_due = False
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self.watch(self._wake_in.fileno(), READ, self._woken)

    def contain(self, error: Exception, where: str) -> None:
        """Log and count a bug that broke `where`; raise it if the loop is strict."""
        if self._strict:
            raise error
        self.contained += 1
        _log.error("bug in %s", where, exc_info=error)

    @contextmanager
    def containing(self) -> Iterator[None]:
        """Contain all bugs meanwhile, for a process that should survive them.

        A command that waits for one result should not: it could wait for ever.
        """
        self._contains_all = True
        try:
            yield
        finally:
            self._contains_all = False

    def end_with(self, error: BaseException) -> None:
        """Raise the error at the end of this turn, from `run_once` or `run_until`."""
        self._fatal = self._fatal or error

    def fileno(self) -> int:
        """Return a descriptor that is readable while a turn has something to read or write.

        epoll and kqueue have one; on other systems this raises AttributeError.
        """
        return self._selector.fileno()

    def call_soon(self, callback: Callback) -> None:
        """Call at the end of this turn; between turns, or from such a call, at that of the next."""
        self._soon.append(callback)

    def call_at(self, deadline: float, callback: Callback) -> Timer:
        """Call once `now()` has reached the deadline; at infinity, never."""
        timer = Timer(deadline, callback)
        if deadline < math.inf:
            heapq.heappush(self._timers, (deadline, next(self._count), timer))
        return timer

    def call_later(self, timeout: float, callback: Callback) -> Timer:
        """Call after `timeout` seconds."""
        return self.call_at(self.now() + timeout, callback)

    def call_from_thread(self, callback: Callback) -> None:
        """Call on the loop's own thread; for worker threads and signal handlers."""
        self._from_threads.append(callback)
        if not self._is_waking:  # cleared before the callbacks are called, so none is missed
            self._is_waking = True
            with suppress(OSError):  # already full of wake-ups, or the loop is closed
                self._wake_out.send(b"\0")

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt from a turn of its own, so that no other callback is cut short.

        Raise it at once if no turns are run, or at the second call. For signal handlers.
        """
        if self._interrupted or not self._is_running:
            raise KeyboardInterrupt
        self._interrupted = self._interruption_due = True
        self.call_from_thread(self._interrupt)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Mark the loop as running, here or in a host's loop; `interrupt` then waits for a turn.

        While it runs, a signal wakes it, whichever thread receives the signal.
        """
        before, self._is_running = self._is_running, True
        try:
            with self._waking_at_signals():
                yield
        finally:
            self._is_running = before
        if not before:
            self._interrupt()  # it came in the last turn

    @contextmanager
    def _waking_at_signals(self) -> Iterator[None]:
        """Wake the loop on signals inside this context, if it runs on the main thread.

        A Python signal handler runs only after the selector has returned. A signal that arrives
        just before the wait, or on another thread, does not interrupt the wait.
        """
        try:
            before = signal.set_wakeup_fd(self._wake_out.fileno(), warn_on_full_buffer=False)
        except ValueError:  # signals need the main thread
            yield
            return
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)

    def watch(self, descriptor: int, events: int, ready: Ready) -> None:
        """Call `ready(events)` in each turn in which the descriptor is ready for READ or WRITE.

        Accepts plain files too (a redirected stdin), which epoll refuses; they are always ready.
        """
        try:
            self._selector.register(descriptor, events, ready)
        except PermissionError:
            self._plain_files[descriptor] = ready

    def rewatch(self, descriptor: int, events: int, ready: Ready) -> None:
        """Watch for other events."""
        self._selector.modify(descriptor, events, ready)

    def unwatch(self, descriptor: int) -> None:
        """Stop watching; call before closing the descriptor."""
        if self._plain_files.pop(descriptor, None) is None:
            self._selector.unregister(descriptor)
            self._unwatched.add(descriptor)

    def next_deadline(self) -> float | None:
        """Return when the next turn is due if no descriptor becomes ready."""
        if self._soon or self._plain_files:
            return self.now()
        while self._timers and not self._timers[0][2].live:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _until_next(self) -> float | None:
        """Return the seconds until a turn is due."""
        deadline = self.next_deadline()
        return None if deadline is None else min(max(0.0, deadline - self.now()), _LONGEST_WAIT)

    def run_once(self, timeout: float | None = None) -> None:
        """Run one turn, after waiting at most `timeout` seconds (None: without limit)."""
        until = self._until_next()
        if until is not None:
            timeout = until if timeout is None else min(timeout, until)
        self._unwatched.clear()
        # A process that was stopped may wake without events (EINTR). Select again, so that data
        # that arrived in time is handled before timers fire.
        ready = self._selector.select(timeout) or self._selector.select(0)
        now = self.now()  # read early, as the process may also be stopped during the turn
        for key, events in ready:
            # an earlier call may have closed it, and its number may be reused
            if key.fd not in self._unwatched:
                try:
                    key.data(events)
                except Exception as error:  # noqa: BLE001  # raised again unless all is contained
                    self._escaped(error, key.data)
                    self._stop_watching(key.fd)
        if self._plain_files:
            self._read_plain_files()
        while self._timers and self._timers[0][0] <= now:
            self._call(heapq.heappop(self._timers)[2].fire)
        for _ in range(len(self._soon)):
            self._call(self._soon.popleft())
        self._raise_fatal()

    def _raise_fatal(self) -> None:
        if self._fatal is not None:
            fatal, self._fatal = self._fatal, None
            raise fatal

    def _stop_watching(self, descriptor: int) -> None:
        """Stop watching a descriptor whose callback failed, as it could fail again in each turn."""
        if descriptor not in self._unwatched:
            self.unwatch(descriptor)

    def _call(self, callback: Callback) -> None:
        try:
            callback()
        except Exception as error:  # noqa: BLE001  # raised again unless all is contained
            self._escaped(error, callback)

    def _escaped(self, error: Exception, callback: object) -> None:
        """Handle an exception that no part of the program has contained."""
        if not self._contains_all:
            raise error
        self.contain(error, f"the callback {getattr(callback, '__qualname__', callback)}")

    def _read_plain_files(self) -> None:
        for descriptor, ready in tuple(self._plain_files.items()):
            if descriptor in self._plain_files:
                self._call(partial(ready, READ))

    def run_until(self, done: Callable[[], bool]) -> None:
        """Run turns until `done()`."""
        with self.running():
            while not done():
                self.run_once()

    def run_for(self, seconds: float) -> None:
        """Run turns for so many seconds."""
        timer = self.call_later(seconds, ignore)
        self.run_until(lambda: not timer.live)

    def wait_for(
        self,
        start: Callable[[Callable[[T], None], Callable[[P2PError], None]], None],
        timeout: float = math.inf,
    ) -> T:
        """Call `start(then, failed)`, run turns until one is called; return or raise its argument.

        Raise TimedOut after so many seconds; the caller must then end what was started.
        """
        results: list[T] = []
        errors: list[P2PError] = []
        late = TimedOut(f"no answer came within {timeout:g} s")
        timer = self.call_later(timeout, lambda: errors.append(late))
        try:
            start(results.append, errors.append)
            self.run_until(lambda: bool(results or errors))
        finally:
            timer.cancel()
        if errors:
            raise errors[0]
        return results[0]

    @property
    def idle(self) -> bool:
        """Whether nothing is watched or due soon: all sockets are closed and all data sent."""
        watched = len(self._selector.get_map()) - 1  # without our own wake-up
        return not (watched or self._plain_files or self._soon)

    def close(self) -> None:
        """Close the loop's own descriptors and those that their owners left open."""
        for close in tuple(self.at_close):
            close()
        self.unwatch(self._wake_in.fileno())
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    def _interrupt(self) -> None:
        if self._interruption_due:
            self._interruption_due = False
            raise KeyboardInterrupt

    def _woken(self, _: int) -> None:
        while True:
            try:
                if len(self._wake_in.recv(4096)) < 4096:
                    break
            except BlockingIOError:
                break
        self._is_waking = False
        while self._from_threads:
            self._call(self._from_threads.popleft())
