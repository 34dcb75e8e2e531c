"""What a service manager hears, at a real datagram socket of the test's own."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.net.loop import Loop
from p2pchat.net.sd_notify import ServiceNotifier
from tests.fakes import advance

_ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has such names")


@pytest.fixture(params=["path", pytest.param("abstract", marks=_ON_LINUX)])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[socket.socket, str]]:
    """A service manager's socket, and its name as NOTIFY_SOCKET has it."""
    monkeypatch.chdir(tmp_path)  # a path of the socket's own may be too long for an address
    name = "notify" if request.param == "path" else f"@p2pchat-test-{os.getpid()}"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
        sock.bind(name.replace("@", "\0"))
        sock.setblocking(False)
        yield sock, name


def heard(sock: socket.socket) -> list[str]:
    """Give the datagrams that have come."""
    datagrams = []
    while True:
        try:
            datagrams.append(sock.recv(4096).decode())
        except BlockingIOError:
            return datagrams


def test_ready_and_stopping(loop: Loop, manager: tuple[socket.socket, str]) -> None:
    """A datagram each, with a line for a person."""
    sock, name = manager
    readiness = ServiceNotifier(loop, name)
    readiness.ready("one listener is open")
    readiness.stopping()
    readiness.close()
    assert heard(sock) == ["READY=1\nSTATUS=one listener is open", "STOPPING=1\nSTATUS=stopping"]
    assert loop.next_deadline() is None


def test_signs_of_life_come_twice_as_often_as_they_must(
    loop: Loop, manager: tuple[socket.socket, str]
) -> None:
    """From when it is ready until it is closed, by the loop."""
    sock, name = manager
    readiness = ServiceNotifier(loop, name, watchdog=30.0)
    advance(loop, 60)
    assert heard(sock) == []
    readiness.ready("")
    assert heard(sock) == ["READY=1\nSTATUS=", "WATCHDOG=1"]
    advance(loop, 14)
    assert heard(sock) == []
    advance(loop, 1)
    assert heard(sock) == ["WATCHDOG=1"]
    advance(loop, 30)
    assert heard(sock) == ["WATCHDOG=1", "WATCHDOG=1"]
    readiness.close()
    advance(loop, 60)
    assert heard(sock) == []


def test_where_nobody_asked_nothing_is_said(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    """Nor is anything wrong."""
    readiness = ServiceNotifier(loop, None)
    readiness.ready("")
    readiness.stopping()
    readiness.close()
    assert caplog.records == []


def test_a_manager_that_does_not_listen_ends_nothing(
    loop: Loop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in the log."""
    ServiceNotifier(loop, str(tmp_path / "nobody")).ready("")
    assert "cannot report READY=1 to the service manager" in caplog.text
