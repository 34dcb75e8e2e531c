"""A conversation as plain lines, for pipes, screen readers and tests.

A message is `bob: text`; every other line starts with `* `.
"""

import codecs
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from io import UnsupportedOperation
from typing import IO, Final

from p2pchat.callbacks import ignore
from p2pchat.net.loop import READ, Loop
from p2pchat.ui.program.line_out import LineOut
from p2pchat.ui.screen.typed_ahead import TakesInput

_READ_BYTES: Final = 65536

_MOST_WAITING: Final = 256 * 1024
_MOST_DROPPED_BEYOND: Final = 4 * 1024 * 1024
"""The most characters that a PacedWriter buffers for a slow reader."""

_MAX_LINE: Final = 1024 * 1024
"""The most characters of a line; a longer one is neither sent nor stored."""


class LineWriter:
    """Writes each line to a text stream at once; `out` is None if stdout is closed.

    If writing fails, `fail(error)` is called, with a BrokenPipeError if the reader has gone, and
    further lines are ignored. A closed terminal is detected by the end of its input or SIGHUP, not
    here.
    """

    def __init__(self, out: IO[str] | None, fail: Callable[[OSError], None]) -> None:
        self._out = out
        self._fail = fail

    def write(self, lines: Iterable[Iterable[tuple[str, str]]]) -> None:
        """Write the text of each line's fragments, without styles."""
        if self._out is None:
            return
        try:
            for line in lines:
                self._out.write("".join(text for _, text in line) + "\n")
                self._out.flush()
        except OSError as error:
            self._out = None
            if error.errno != errno.EIO:
                self._fail(error)


class PacedWriter:
    """Writes lines as the reader accepts them, so that the node never waits for it.

    `on_behind(True)` is called when much text is waiting, `on_behind(False)` when it is not any
    more. Beyond several megabytes text is dropped; messages stay unread while the writer is behind,
    so they are shown later. If writing fails, the loop ends with the error, unless the terminal has
    been closed, and further lines are ignored.
    """

    def __init__(self, out: IO[str] | None, loop: Loop) -> None:
        self._loop = loop
        self._waiting = 0
        self._behind = False
        self.on_behind: Callable[[bool], None] = ignore
        descriptor = _descriptor_of(out)
        self._at_once = LineWriter(out if descriptor is None else None, loop.end_with)
        self._out = None
        if descriptor is not None and out is not None:
            encoding = getattr(out, "encoding", None) or "utf-8"
            self._out = LineOut(loop, descriptor, encoding=encoding, on_error=self._failed)

    def write(self, lines: Iterable[Iterable[tuple[str, str]]]) -> None:
        """Write the text of each line's fragments, without styles."""
        if self._out is None:
            self._at_once.write(lines)
            return
        for line in lines:
            text = "".join(text for _, text in line)
            if self._waiting > _MOST_DROPPED_BEYOND:
                return
            self._waiting += len(text)
            self._out.write(text, partial(self._written, len(text)))
        self._tell_whether_behind()

    def flush(self) -> None:
        """Run the loop until everything is written."""
        self._loop.run_until(lambda: not self._waiting)

    def close(self) -> None:
        """Stop writing."""
        if self._out is not None:
            self._out.close()
            self._out = None

    def _written(self, size: int) -> None:
        self._waiting -= size
        self._tell_whether_behind()

    def _tell_whether_behind(self) -> None:
        behind = self._waiting > (_MOST_WAITING // 2 if self._behind else _MOST_WAITING)
        if behind != self._behind:
            self._behind = behind
            self.on_behind(behind)

    def _failed(self, error: OSError) -> None:
        self.close()
        self._waiting = 0
        if error.errno != errno.EIO:  # a closed terminal, reported by SIGHUP or end of input
            self._loop.end_with(error)


def _descriptor_of(out: IO[str] | None) -> int | None:
    try:
        return None if out is None else out.fileno()
    except UnsupportedOperation:
        return None


class LineInput:
    """Reads lines from a descriptor (a pipe, a terminal or a file) without blocking."""

    def __init__(self, loop: Loop, descriptor: int, app: TakesInput) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._app = app
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._partial = ""
        self._too_long = False  # skipping the rest of a dropped line
        self._watching = False
        self._ended = False
        app.when_input_is_wanted(self._read_on)
        self._read_on()

    def close(self) -> None:
        """Stop reading; the descriptor stays open."""
        self._ended = True
        self._pause()

    def _read_on(self) -> None:
        if not self._watching and not self._ended:
            self._watching = True
            self._loop.watch(self._descriptor, READ, self._ready)

    def _pause(self) -> None:
        if self._watching:
            self._watching = False
            self._loop.unwatch(self._descriptor)

    def _ready(self, _: int) -> None:
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except OSError:  # write-only, as nohup makes it, or a terminal that was closed
            data = b""
        lines = (self._partial + self._decoder.decode(data, final=not data)).split("\n")
        self._partial = lines.pop()
        for line in lines:
            self._enter(line.removesuffix("\r"))
        if len(self._partial) > _MAX_LINE:
            self._partial, self._too_long = "", True
        if not data:
            self.close()
            if self._partial or self._too_long:
                self._enter(self._partial)
            self._app.end_input()
        elif not self._app.wants_input:
            self._pause()

    def _enter(self, line: str) -> None:
        if self._too_long:
            self._too_long = False
            self._app.refuse_line(f"a line of more than {_MAX_LINE} characters was not sent")
        else:
            self._app.submit(line)


@contextmanager
def ended_with_reader(loop: Loop, descriptor: int) -> Iterator[None]:
    """End the loop with BrokenPipeError as soon as the reader of a pipe has gone.

    For a program that may write nothing for a long time.
    """
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        yield
        return

    no_reader = BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
    loop.watch(descriptor, READ, lambda _: loop.end_with(no_reader))
    try:
        yield
    finally:
        loop.unwatch(descriptor)


def run(loop: Loop, app: TakesInput, descriptor: int | None) -> None:
    """Run the loop with lines from the descriptor (None: without input) until the app is done."""
    lines = LineInput(loop, descriptor, app) if descriptor is not None else None
    if lines is None:
        app.end_input()
    try:
        loop.run_until(lambda: app.done)
    finally:
        if lines is not None:
            lines.close()
