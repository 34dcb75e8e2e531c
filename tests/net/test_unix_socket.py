"""Unix sockets: only their owner can connect, and stale names are replaced."""

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
def test_two_processes_of_one_owner_communicate(
    real_loop: Loop, tmp_path: Path, depth: int
) -> None:
    """The socket has mode 0600, is removed with its listener, and its path may exceed the limit of
    unix(7).
    """
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


def test_stale_socket_is_replaced(real_loop: Loop, tmp_path: Path) -> None:
    """A socket file without a listener is replaced."""
    path = tmp_path / "node.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.exists()
    with pytest.raises(Unreachable):
        dial_unix(real_loop, path)
    UnixListener(real_loop, path, lambda _: None).close()


def test_invalid_path_is_an_error(real_loop: Loop, tmp_path: Path) -> None:
    """A path that is too long or has no folder raises an error."""
    for path in (tmp_path / ("x" * 300), tmp_path / "nowhere" / "node.sock"):
        with pytest.raises((BindError, OSError)):
            UnixListener(real_loop, path, lambda _: None)


@pytest.mark.skipif(
    os.geteuid() != 0 or not hasattr(socket, "SO_PEERCRED"), reason="needs another user"
)
def test_another_user_is_disconnected(real_loop: Loop) -> None:
    """Another user is disconnected even if the folder and the socket are open to all."""
    came: list[Wire] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "node.sock"
        listener = UnixListener(real_loop, path, came.append)
        Path(folder).chmod(0o755)
        path.chmod(0o666)
        child = os.fork()
        if not child:
            exit_code = 1
            try:
                os.setuid(65534)
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.connect(str(path))
                    exit_code = int(sock.recv(1) != b"")
            finally:
                os._exit(exit_code)  # an exception must not leave here: the rest is the parent's
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
