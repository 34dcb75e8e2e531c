"""Runs the real `p2p` in processes, and speaks PROTOCOL to it over raw sockets.

Nothing here uses the package: tests check the bytes on the wire and on the streams.
"""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from tests import fork_server
from tests.fork_server import ForkedProcess

P2P = str(Path(sys.executable).with_name("p2p"))


_PATIENCE: Final = 100.0  # less than the timeout of a test, which could not say what is missing
_PAUSE: Final = 0.005

STARTED = (sys.executable, P2P)
"""The command of a Program that is started, never forked: its arguments are in /proc."""

NO_EXTRAS = Path(__file__).with_name("no_extras")
WITH_EXTRAS = {"PYTHONPATH": ""}


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment that is independent of this machine's user.

    Programs run as most users install them, without extras, unless `more` contains WITH_EXTRAS.
    """
    kept = {
        k: v
        for k, v in os.environ.items()  # noqa: TID251  # inherited by the child
        if k in {"PATH", "LANG", "LC_ALL", "VIRTUAL_ENV"}
    }
    ours = {"P2P_HOME": str(home), "HOME": str(home), "LC_ALL": "C.UTF-8"}
    ours["PYTHONWARNINGS"] = "default::ResourceWarning"  # see `end`
    return kept | ours | {"PYTHONPATH": str(NO_EXTRAS)} | more


_BY_CLOCK = """
import sys, time
from pathlib import Path
real, offset = time.time, Path(sys.argv.pop(1))
time.time = lambda: real() + float(offset.read_text("ascii"))
from p2pchat.cli.main import cli
cli(prog_name="p2p")
"""


def by_clock(offset: Path) -> tuple[str, ...]:
    """Return a command for `p2p` with its wall clock ahead by the number of seconds in a file."""
    return sys.executable, "-c", _BY_CLOCK, str(offset)


def start(command: Sequence[str], *, env: dict[str, str], **options: Any) -> subprocess.Popen[Any]:
    """Start a command; `p2p` is forked if `fork_server` is enabled."""
    server = fork_server.server_for(env) if command[0] == P2P else None
    if server is not None:
        return ForkedProcess(server, command[1:], env=env, **options)
    if options.get("start_new_session"):
        options["preexec_fn"] = fork_server.become_session_leader
        options["start_new_session"] = False
    return subprocess.Popen(command, env=env, **options)


class Program:
    """A running `p2p` with pipes as streams; `said` is its stdout so far."""

    command: tuple[str, ...] = (P2P,)

    def __init__(
        self, *arguments: str, env: dict[str, str], command: tuple[str, ...] | None = None
    ) -> None:
        self.command = command or self.command
        self.words = arguments
        self.process: subprocess.Popen[str] = start(
            [*self.command, *arguments],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            bufsize=1,
        )
        self.said: list[str] = []

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read stdout until a line matches; the timeout is that of the test."""
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            self.said.append(line.rstrip("\n"))
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"no {pattern!r} in {self.said}; stderr: {self.end()[1]}")

    def type(self, line: str) -> None:
        """Write a line to stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def write_all(self, text: str) -> None:
        """Write to stdin and close it; blocks until the program has read all of it."""
        assert self.process.stdin is not None
        stdin, self.process.stdin = self.process.stdin, None
        data = memoryview(text.encode())
        with suppress(BrokenPipeError):
            while data:
                data = data[os.write(stdin.fileno(), data) :]
        stdin.close()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended by itself."""
        return self.process.poll() is not None

    def end(self) -> tuple[int, str]:
        """Close stdin and wait for the end; return the exit code and stderr."""
        out, err = self.process.communicate()
        self.said += out.splitlines()
        assert "ResourceWarning" not in err, err
        return self.process.returncode, err

    def kill(self) -> None:
        """Kill the process."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Serve(Program):
    """A running registry. `tcp` and `udp` are the addresses of its original listener; `secure_tcp`,
    `secure_udp` and the `join` link are those of the secure one.
    """

    clock_ahead = 0.0
    """Seconds that its wall clock is ahead of ours."""

    def __init__(
        self,
        data_dir: Path,
        *options: str,
        tcp_port: int = 0,
        udp_port: int = 0,
        secure_port: int = 0,
        env: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        ports = (
            *("--original-port", str(tcp_port), "--original-udp-port", str(udp_port)),
            *("--port", str(secure_port), "--join-host", "127.0.0.1"),
        )
        super().__init__(
            "serve",
            "--data-dir",
            str(data_dir),
            *ports,
            *options,
            env=environment(data_dir / "home", **env),
        )
        self._dialled: list[Raw] = []
        ready = self.wait_for(r"^listening original tcp ([\d.]+):(\d+) udp ([\d.]+):(\d+)$")
        self.tcp = (ready[1], int(ready[2]))
        self.udp = (ready[3], int(ready[4]))
        ready = self.wait_for(r"^listening secure tcp \[::\]:(\d+) udp \[::\]:(\d+)$")
        self.secure_tcp = ("127.0.0.1", int(ready[1]))
        self.secure_udp = ("127.0.0.1", int(ready[2]))
        self.join = self.wait_for(r"^join (p2p://127\.0\.0\.1:\d+#[a-z2-7]{52})$")[1]

    def dial(self) -> "Raw":
        """Return a new connection, which is closed with the registry."""
        raw = Raw(self.tcp)
        self.close_too(raw)
        return raw

    def close_too(self, raw: "Raw") -> None:
        """Close this connection with the registry."""
        self._dialled.append(raw)

    def forget(self, raw: "Raw") -> None:
        """Do not close this connection any more, since it is closed."""
        self._dialled.remove(raw)

    def kill(self) -> None:
        """Kill the registry and close all connections to it."""
        for raw in self._dialled:
            raw.close()
        super().kill()

    @property
    def url(self) -> str:
        """The URL of its original listener."""
        return f"original://{self.tcp[0]}:{self.tcp[1]}?udp={self.udp[1]}"


P = TypeVar("P", bound=Program)


@contextmanager
def running(program: P) -> Iterator[P]:
    """Kill the program at the end of the block."""
    try:
        yield program
    finally:
        program.kill()


def wait_until(condition: Callable[[], bool], *programs: Program) -> None:
    """Look until the condition holds, at what tells nobody of its changes, such as files.

    Raise AssertionError once it can no longer hold, as one of the programs has ended, or much later
    than on any machine.
    """
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        for program in programs:
            if program.has_ended and not condition():
                code, err = program.end()
                raise AssertionError(f"{program.words} has ended ({code}): {err}\n{program.said}")
        assert time.monotonic() < deadline, "it never happens"
        select.select([], [], [], _PAUSE)


def frame(command: str, payload: str | bytes = b"") -> bytes:
    """Return the bytes of a frame, according to PROTOCOL and not to our code."""
    data = payload.encode() if isinstance(payload, str) else payload
    return str(len(data)).ljust(10).encode() + command.ljust(15).encode() + data


class Raw:
    """A raw TCP connection that sends and receives frames."""

    def __init__(self, address: tuple[str, int], source: tuple[str, int] | None = None) -> None:
        self.socket = socket.create_connection(address, timeout=20, source_address=source)

    @classmethod
    def of(cls, sock: socket.socket) -> "Raw":
        """Wrap an accepted connection."""
        raw = cls.__new__(cls)
        raw.socket = sock
        sock.settimeout(20)
        return raw

    def say(self, command: str, payload: str | bytes = b"") -> None:
        """Send a frame."""
        self.socket.sendall(frame(command, payload))

    def hear(self) -> tuple[str, str]:
        """Receive a frame."""
        header = self._exactly(25)
        assert re.fullmatch(rb"\d+ *[A-Z_]+ *", header), header
        return header[10:].decode().rstrip(), self._exactly(int(header[:10])).decode()

    def ask(self, command: str, payload: str | bytes = b"") -> tuple[str, str]:
        """Send a frame and receive one."""
        self.say(command, payload)
        return self.hear()

    def closed_by_remote(self) -> bool:
        """Wait for the end of the connection; return False if data arrives instead."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise AssertionError(f"the connection ended after {data!r}")
            data += piece
        return data
