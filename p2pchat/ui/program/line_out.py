"""Writes lines to a descriptor as its reader accepts them, so that a node never waits for a reader.

The descriptor stays blocking, because other processes may write to the same pipe. So no more is
written at once than fits into a pipe that is ready.
"""

import errno
import os
import select
import stat
from collections import deque
from collections.abc import Callable

from p2pchat.net.loop import READ, WRITE, Loop


class LineOut:
    """Writes lines in order until closed; the descriptor stays open.

    As soon as the reader of a pipe has gone, the loop ends with BrokenPipeError, or
    `on_error(error)` is called. Characters that cannot be encoded are replaced.
    """

    def __init__(
        self,
        loop: Loop,
        descriptor: int,
        *,
        encoding: str = "utf-8",
        on_error: Callable[[OSError], None] | None = None,
    ) -> None:
        self._encoding = encoding
        self._on_error = on_error or loop.end_with
        self._loop = loop
        self._descriptor = descriptor
        self._out = bytearray()
        self._gone_out = 0  # bytes in total
        self._due: deque[tuple[int, Callable[[], None]]] = deque()
        # Nothing can be read from it: ready for READ means that its reader is gone.
        self._idle = READ if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else 0
        self._events = 0
        self._watch()

    def write(self, line: str, written: Callable[[], None]) -> None:
        """Write a line when there is room; call `written` once the reader can read it."""
        self._out += line.encode(self._encoding, "replace") + b"\n"
        self._due.append((self._gone_out + len(self._out), written))
        self._watch()

    def close(self) -> None:
        """Stop writing."""
        self._out.clear()
        self._idle = 0
        self._watch()

    def _ready(self, _: int) -> None:
        if self._out:
            self._send()
        elif self._idle:
            self._idle = 0
            self._on_error(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))
        self._watch()

    def _send(self) -> None:
        try:
            sent = os.write(self._descriptor, self._out[: select.PIPE_BUF])
        except BlockingIOError:  # another writer made it non-blocking and filled it
            return
        except OSError as error:
            self._out.clear()
            self._on_error(error)
            return
        del self._out[:sent]
        self._gone_out += sent
        while self._due and self._due[0][0] <= self._gone_out:
            self._due.popleft()[1]()

    def _watch(self) -> None:
        events = self._idle | (WRITE if self._out else 0)
        if events == self._events:
            return
        if not events:
            self._loop.unwatch(self._descriptor)
        elif not self._events:
            self._loop.watch(self._descriptor, events, self._ready)
        else:
            self._loop.rewatch(self._descriptor, events, self._ready)
        self._events = events
