"""The real registry under something that listens as systemd does."""

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
    """A manager's socket, and its name, which is short: the test's own folder may be too long."""
    monkeypatch.chdir(tmp_path)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
        sock.bind("notify")
        sock.settimeout(20)
        yield sock, "notify"


def test_ready_alive_and_stopping(tmp_path: Path, manager: tuple[socket.socket, str]) -> None:
    """Ready once a listener can be dialled; alive all the while; stopping when it is told to."""
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


def test_what_cannot_start_is_never_ready(
    tmp_path: Path, manager: tuple[socket.socket, str]
) -> None:
    """A port that is taken, say."""
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
def test_a_watchdog_is_for_the_process_that_it_names(
    microseconds: str, pid: str, seconds: float | None
) -> None:
    """What another process has passed on does not count."""
    pid = pid.format(ours=os.getpid())
    given = {"WATCHDOG_USEC": microseconds, "WATCHDOG_PID": pid, "P2P_HOME": "/nowhere"}
    assert from_environment(given).watchdog_s == seconds
