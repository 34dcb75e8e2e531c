"""The real registry under a fake service manager."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.app.settings import from_environment
from tests.programs import Program, Serve, environment, running


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[socket.socket, str]]:
    """Yield a manager's socket and its name, which is short enough for a socket address."""
    monkeypatch.chdir(tmp_path)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
        sock.bind("notify")
        sock.settimeout(20)
        yield sock, "notify"


def test_ready_watchdog_and_stopping(tmp_path: Path, manager: tuple[socket.socket, str]) -> None:
    """READY is sent once a listener is open, WATCHDOG while running, STOPPING on SIGTERM."""
    sock, name = manager
    serve = Serve(tmp_path, "--quiet", env={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "200000"})
    with running(serve):
        said = sock.recv(4096).decode()
        assert said.startswith("READY=1\nSTATUS=listening original tcp 127.0.0.1:")
        assert re.search(r"listening secure tcp \[::\]:\d+ udp", said)
        assert "\n" not in said.partition("STATUS=")[2]
        assert serve.dial().ask("SEARCH", "x") == ("SEARCH_RESP", "NOT_FOUND")
        for _ in range(3):
            assert sock.recv(4096) == b"WATCHDOG=1"
        serve.signal(signal.SIGTERM)
        while (said := sock.recv(4096).decode()) == "WATCHDOG=1":
            pass
        assert said == "STOPPING=1\nSTATUS=stopping"
        assert serve.end() == (0, "")


def test_failed_start_is_never_ready(tmp_path: Path, manager: tuple[socket.socket, str]) -> None:
    """A registry that cannot start sends no READY."""
    sock, name = manager
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        program = Program(
            "serve", "--original-port", port, env=environment(tmp_path, NOTIFY_SOCKET=name)
        )
        assert program.end()[0] == 1
    sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        sock.recv(4096)


@pytest.mark.parametrize(
    ("microseconds", "pid", "seconds"),
    [
        ("30000000", "", 30.0),
        ("500000", "{ours}", 0.5),
        ("500000", "1", None),
        ("0", "", None),
        ("x", "", None),
        ("", "", None),
    ],
)
def test_watchdog_applies_to_the_named_process(
    microseconds: str, pid: str, seconds: float | None
) -> None:
    """A watchdog interval for another process is ignored."""
    pid = pid.format(ours=os.getpid())
    given = {"WATCHDOG_USEC": microseconds, "WATCHDOG_PID": pid, "P2P_HOME": "/nowhere"}
    assert from_environment(given).watchdog_s == seconds
