"""Runs a command in the user's shell and returns its output: `/run make test`.

It runs on the screen's machine and in its folder, and only because the user typed it. Knows no
prompt.
"""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from p2pchat.net.loop import READ, Loop
from p2pchat.protocol.text import printable

_MOST_BYTES: Final = 48 * 1024
"""Of the output; a message holds 64 KiB, and non-ASCII text may grow."""

_CHUNK: Final = 16 * 1024


class CommandRun:
    """One run, until `then(block)` is called with its output as a fenced block.

    stdin is empty; stdout and stderr are combined in order. Output beyond a message's size is
    dropped, and ends the command.
    """

    def __init__(self, loop: Loop, command: str, then: Callable[[str], None]) -> None:
        self.command = command
        self._loop = loop
        self._then = then
        self._output = bytearray()
        self._is_cut = False
        self._process = subprocess.Popen(  # noqa: S602  # the user's own command line
            command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._descriptor = self._process.stdout.fileno()
        os.set_blocking(self._descriptor, False)
        loop.watch(self._descriptor, READ, lambda _: self._read())

    def stop(self) -> None:
        """End the command and its child processes; its output so far is used."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return
        room = _MOST_BYTES - len(self._output)
        self._output += data[:room]
        if len(data) > room:
            self._is_cut = True
            self.stop()
        elif not data:
            self._end()

    def _end(self) -> None:
        self._loop.unwatch(self._descriptor)
        assert self._process.stdout is not None
        self._process.stdout.close()
        code = self._process.wait()
        text = printable(self._output.decode("utf-8", "replace")).rstrip("\n")
        notes = ["... (output truncated)"] if self._is_cut else []
        if code and not self._is_cut:
            notes.append(f"(exit code {code})" if code > 0 else f"(ended by signal {-code})")
        lines = [f"$ {self.command}", *([text] if text else []), *notes]
        self._then(fenced("\n".join(lines)))


def fenced(text: str) -> str:
    """Return a text between fences that are longer than any inside it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
