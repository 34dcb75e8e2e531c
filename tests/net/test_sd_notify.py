"""Notifications to a service manager, received on a real datagram socket."""

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
    """Yield a service manager's socket and its name as in NOTIFY_SOCKET."""
    monkeypatch.chdir(tmp_path)  # the full path may be too long for a socket address
    name = "notify" if request.param == "path" else f"@p2pchat-test-{os.getpid()}"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
        sock.bind(name.replace("@", "\0"))
        sock.setblocking(False)
        yield sock, name


def heard(sock: socket.socket) -> list[str]:
    """Return the datagrams received so far."""
    datagrams = []
    while True:
        try:
            datagrams.append(sock.recv(4096).decode())
        except BlockingIOError:
            return datagrams


def test_ready_and_stopping_are_sent(loop: Loop, manager: tuple[socket.socket, str]) -> None:
    """READY and STOPPING are each one datagram with a status line."""
    sock, name = manager
    readiness = ServiceNotifier(loop, name)
    readiness.ready("one listener is open")
    readiness.stopping()
    readiness.close()
    assert heard(sock) == ["READY=1\nSTATUS=one listener is open", "STOPPING=1\nSTATUS=stopping"]
    assert loop.next_deadline() is None


def test_watchdog_signals_are_sent_at_half_the_interval(
    loop: Loop, manager: tuple[socket.socket, str]
) -> None:
    """Watchdog signals are sent from ready() until close(), twice per interval."""
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


def test_nothing_is_sent_without_a_notify_socket(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    """Without NOTIFY_SOCKET nothing is sent and nothing is logged."""
    readiness = ServiceNotifier(loop, None)
    readiness.ready("")
    readiness.stopping()
    readiness.close()
    assert caplog.records == []


def test_missing_manager_is_only_logged(
    loop: Loop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A manager that does not listen is logged and ends nothing."""
    ServiceNotifier(loop, str(tmp_path / "nobody")).ready("")
    assert "cannot report READY=1 to the service manager" in caplog.text
