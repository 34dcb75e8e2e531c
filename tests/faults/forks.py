"""Commands of `p2p` as processes forked from one that has imported everything.

A command behaves the same, and hundreds start within seconds. As a program: orders come on stdin,
one per line, as a JSON array of number, stdin and words; `pid number pid` and `code number code` go
out.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.programs import NO_EXTRAS


class Forks:
    """Starts commands in one environment; their output is in numbered files of the folder."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.codes: dict[int, int] = {}
        self.words: dict[int, tuple[str, ...]] = {}
        self.pids: dict[int, int] = {}
        root = Path(__file__).parents[2]
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forks", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env | {"PYTHONPATH": f"{NO_EXTRAS}:{root}"},
            text=True,
            cwd=root,
        )

    def start(self, *words: str, stdin: str = "") -> int:
        """Start a command and return its number once it has a process."""
        assert self._server.stdin is not None
        number = len(self.words)
        self.words[number] = words
        self._server.stdin.write(json.dumps([number, stdin, *words]) + "\n")
        self._server.stdin.flush()
        while number not in self.pids:
            self._read()
        return number

    def wait(self, number: int) -> int:
        """Wait for the end of a command and return its exit code."""
        while number not in self.codes:
            self._read()
        return self.codes[number]

    def signal(self, number: int, which: signal.Signals) -> None:
        """Send a signal to a command unless it has ended."""
        with suppress(ProcessLookupError):  # it has ended, which we have not read yet
            if number not in self.codes:
                os.kill(self.pids[number], which)

    def output(self, number: int) -> str:
        """Return the output of a command on both streams."""
        return (self.folder / f"{number}.out").read_text()

    def close(self) -> None:
        """Kill all running commands."""
        for number in self.pids:
            self.signal(number, signal.SIGKILL)
        for number in self.pids:
            self.wait(number)
        self._server.communicate()

    def _read(self) -> None:
        assert self._server.stdout is not None
        kind, number, value = self._server.stdout.readline().split()
        (self.pids if kind == "pid" else self.codes)[int(number)] = int(value)


def _run(folder: Path, number: int, stdin: str, words: list[str]) -> None:
    """Run the command in this process."""
    out = os.open(folder / f"{number}.out", os.O_WRONLY | os.O_CREAT, 0o600)
    given = folder / f"{number}.in"
    given.write_text(stdin)
    for descriptor, stream in ((os.open(given, os.O_RDONLY), 0), (out, 1), (out, 2)):
        os.dup2(descriptor, stream)
    from p2pchat.cli.main import cli

    cli(words, prog_name="p2p")


class _Server:
    """Forks a process for each order and reports its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers: dict[int, int] = {}
        self._buffer = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(0, selectors.EVENT_READ, self._order)
        ended, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(ended, selectors.EVENT_READ, lambda: os.read(ended, 4096))

    def run(self) -> None:
        """Serve until stdin ends and every process has ended."""
        while self._numbers or 0 in self._selector.get_map():
            for key, _ in self._selector.select():
                key.data()
            self._tell_ends()

    def _order(self) -> None:
        data = os.read(0, 65536)
        if not data:
            self._selector.unregister(0)
        *orders, self._buffer = (self._buffer + data).split(b"\n")
        for order in orders:
            number, stdin, *words = json.loads(order)
            pid = os.fork()
            if not pid:
                _become(self._folder, number, stdin, words)
            self._numbers[pid] = number
            print("pid", number, pid, flush=True)

    def _tell_ends(self) -> None:
        while self._numbers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            print("code", self._numbers.pop(pid), os.waitstatus_to_exitcode(status), flush=True)


def _become(folder: Path, number: int, stdin: str, words: list[Any]) -> None:
    """Run the command and exit with its code, whatever it raises."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code: Any = 70
    try:
        _run(folder, number, stdin, words)
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001  # as the interpreter does
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _Server(Path(sys.argv[1])).run()
