"""The real `p2p` on a pseudo-terminal, and the screen that a user would see."""

import os
import re
import select
import time
from collections.abc import Callable

import pexpect
import pyte

from tests.programs import P2P

_TIMEOUT = 20
_WHERE_IS_THE_CURSOR = b"\x1b[6n"


class Screen:
    """A terminal with a program in it, among others. Waiting for one reads from all of them, since
    a program may ask its terminal for something and wait for the answer.
    """

    def __init__(
        self,
        *arguments: str,
        env: dict[str, str],
        screens: "list[Screen]",
        columns: int = 80,
        rows: int = 24,
        program: str = P2P,
        tells_cursor: bool = True,
    ) -> None:
        self._screens = screens
        screens.append(self)
        self.ended = False
        self._tells_cursor = tells_cursor
        self.child = pexpect.spawn(
            program,
            list(arguments),
            env={"P2P_TIMESTAMPS": "false", "TERM": "xterm-256color"} | env,
            dimensions=(rows, columns),
            timeout=_TIMEOUT,
            encoding=None,
        )
        self.child.delaybeforesend = None
        self.heard: Callable[[bytes], object] = lambda _: None
        """Told every byte that the program writes."""
        self.screen = pyte.HistoryScreen(columns, rows, history=2000)
        self._stream = pyte.ByteStream(self.screen)

    def type(self, text: str) -> None:
        """Press keys."""
        self.child.send(text.encode())

    def enter(self, line: str) -> None:
        """Type a line and press Enter."""
        self.type(line + "\r")

    @property
    def lines(self) -> list[str]:
        """The lines on the screen, without empty ones."""
        return [line.rstrip() for line in self.screen.display if line.strip()]

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)

    @property
    def toolbar(self) -> str:
        """The last line that is not empty."""
        return self.lines[-1].strip() if self.lines else ""

    @property
    def prompt_line(self) -> str:
        """The line with the cursor."""
        return self.screen.display[self.screen.cursor.y].rstrip()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Read from all programs until the condition holds for this screen."""
        deadline = time.monotonic() + _TIMEOUT
        while not condition():
            running = {
                screen.child.child_fd: screen for screen in self._screens if not screen.ended
            }
            ready, _, _ = select.select(list(running), [], [], _TIMEOUT)
            if not ready or self.ended or time.monotonic() > deadline:
                raise AssertionError(f"the screen never came to be; it is:\n{self.text}")
            for descriptor in ready:
                running[descriptor].read()

    def read(self) -> None:
        """Read what the program has written, and answer as terminals do."""
        try:
            data = os.read(self.child.child_fd, 65536)
        except OSError:  # on Linux: the program has closed its terminal
            data = b""
        if not data:
            self.ended = True
            return
        self.heard(data)
        self._stream.feed(data)
        for _ in range(data.count(_WHERE_IS_THE_CURSOR) if self._tells_cursor else 0):
            cursor = self.screen.cursor
            self.type(f"\x1b[{cursor.y + 1};{cursor.x + 1}R")

    def wait_for(self, pattern: str) -> None:
        """Wait until a line on the screen matches."""
        self.wait_until(lambda: any(re.search(pattern, line) for line in self.lines))

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the window."""
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def close_window(self) -> None:
        """Take the terminal away from the program."""
        self.child.ptyproc.fileobj.close()
        self.ended = True

    def end(self) -> int:
        """Wait for the end of the program and return its exit code."""
        while not self.ended:
            self.read()
        self.child.wait()
        return int(self.child.exitstatus if self.child.exitstatus is not None else -1)

    def kill(self) -> None:
        """Kill the program."""
        self.child.close(force=True)
