"""Sockets with a name in the file system: their owner's alone, and stale ones are taken over."""

import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from p2pchat.errors import BindError, Unreachable
from p2pchat.net.loop import Loop
from p2pchat.net.transport import Wire
from p2pchat.net.unix_socket import UnixListener, dial_unix


@pytest.mark.parametrize("depth", [0, 200], ids=["short", "long"])
def test_two_processes_of_one_owner_talk(real_loop: Loop, tmp_path: Path, depth: int) -> None:
    """Mode 0600; the name goes with the listener, and may be longer than an address of unix(7)."""
    path = tmp_path / "a folder far below".ljust(depth, "-") / "node.sock"
    path.parent.mkdir()
    came: list[Wire] = []
    listener = UnixListener(real_loop, path, came.append)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    wire = dial_unix(real_loop, path)
    real_loop.run_until(lambda: bool(came))
    heard: list[bytes] = []
    came[0].on_data = heard.append
    wire.write(b"hello")
    real_loop.run_until(lambda: bool(heard))
    assert heard == [b"hello"]
    wire.close()
    came[0].close()
    listener.close()
    assert not path.exists()
    with pytest.raises(Unreachable):
        dial_unix(real_loop, path)


def test_the_name_of_a_dead_process_is_taken_over(real_loop: Loop, tmp_path: Path) -> None:
    """It is there, and nobody listens."""
    path = tmp_path / "node.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.exists()
    with pytest.raises(Unreachable):
        dial_unix(real_loop, path)
    UnixListener(real_loop, path, lambda _: None).close()


def test_a_path_that_cannot_be_is_named(real_loop: Loop, tmp_path: Path) -> None:
    """Too long for a file, or in no folder."""
    for path in (tmp_path / ("x" * 300), tmp_path / "nowhere" / "node.sock"):
        with pytest.raises((BindError, OSError)):
            UnixListener(real_loop, path, lambda _: None)


@pytest.mark.skipif(
    os.geteuid() != 0 or not hasattr(socket, "SO_PEERCRED"), reason="needs another user"
)
def test_another_user_is_hung_up_on(real_loop: Loop) -> None:
    """Even where somebody has opened the folder and the socket to all."""
    came: list[Wire] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "node.sock"
        listener = UnixListener(real_loop, path, came.append)
        Path(folder).chmod(0o755)
        path.chmod(0o666)
        child = os.fork()
        if not child:
            os.setuid(65534)
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(path))
                os._exit(0 if sock.recv(1) == b"" else 1)
        ends: list[int] = []

        def has_ended() -> bool:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                ends.append(os.waitstatus_to_exitcode(status))
            else:
                real_loop.call_later(0.01, lambda: None)
            return bool(ends)

        real_loop.run_until(has_ended)
        listener.close()
    assert ends == [0]
    assert came == []
