"""The real `p2p` on a pseudo-terminal, and the screen that a user would see."""

import os
import re
import select
import subprocess
import termios
import time
from collections.abc import Callable

import pyte

from tests.programs import P2P, start

_TIMEOUT = 20
_WHERE_IS_THE_CURSOR = b"\x1b[6n"


class Screen:
    """A terminal with a program in it, among others.

    Waiting for one reads from all of them, since a program may ask its terminal for something and
    wait for the answer.
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
        self.terminal, inside = os.openpty()
        """The descriptor of the terminal's own end."""
        termios.tcsetwinsize(self.terminal, (rows, columns))
        self.process: subprocess.Popen[bytes] = start(
            [program, *arguments],
            env={"P2P_TIMESTAMPS": "false", "TERM": "xterm-256color"} | env,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
        os.close(inside)
        self.heard: Callable[[bytes], object] = lambda _: None
        """Told every byte that the program writes."""
        self.screen = pyte.HistoryScreen(columns, rows, history=2000)
        self._stream = pyte.ByteStream(self.screen)

    def type(self, text: str) -> None:
        """Press keys."""
        self.send(text.encode())

    def send(self, data: bytes) -> None:
        """Send any bytes as input."""
        os.write(self.terminal, data)

    @property
    def echoes(self) -> bool:
        """Whether the terminal echoes input itself."""
        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)

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
            running = {screen.terminal: screen for screen in self._screens if not screen.ended}
            ready, _, _ = select.select(list(running), [], [], _TIMEOUT)
            if not ready or self.ended or time.monotonic() > deadline:
                raise AssertionError(f"the screen never came to be; it is:\n{self.text}")
            for descriptor in ready:
                running[descriptor].read()

    def read(self) -> None:
        """Read what the program has written, and answer as terminals do."""
        try:
            data = os.read(self.terminal, 65536)
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
        termios.tcsetwinsize(self.terminal, (rows, columns))

    def close_window(self) -> None:
        """Take the terminal away from the program."""
        os.close(self.terminal)
        self.terminal = -1
        self.ended = True

    def end(self) -> int:
        """Wait for the end of the program and return its exit code."""
        while not self.ended:
            self.read()
        return self.process.wait()

    def kill(self) -> None:
        """Kill the program."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.terminal != -1:
            self.close_window()
