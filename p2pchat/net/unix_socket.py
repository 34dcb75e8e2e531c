"""Unix sockets with a path in the file system, to which only their owner can connect."""

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from p2pchat.errors import BindError, Unreachable
from p2pchat.net.loop import READ, Loop, Timer
from p2pchat.net.transport import TcpTransport, Wire
from p2pchat.protocol.address import Address

_HERE: Final = Address("local", 0)
_BACKLOG: Final = 16
_PAUSE: Final = 0.1
_LONGEST_NAME: Final = 100
"""Bytes: sun_path of unix(7) holds 108, that of macOS 104."""
_CREDENTIALS: Final = "iII"
"""struct ucred of unix(7): process, user, group."""
_OPEN_FOLDERS: Final = Path("/proc/self/fd")


class UnixListener:
    """Accepts connections of our user at a path, with mode 0600, until closed. Raise BindError.

    A socket left by a dead process is replaced.
    """

    def __init__(self, loop: Loop, path: Path, on_transport: Callable[[Wire], None]) -> None:
        self._loop = loop
        self._path = path
        self._on_transport = on_transport
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as error:
            raise BindError(f"cannot listen at {path}: {error.strerror}") from error
        self._socket.setblocking(False)
        try:
            unfinished.unlink(missing_ok=True)
            with _short_name(unfinished) as name:
                self._socket.bind(name)
            unfinished.chmod(0o600)
            self._socket.listen(_BACKLOG)
            unfinished.replace(path)
        except OSError as error:
            self._socket.close()
            unfinished.unlink(missing_ok=True)
            why = error.strerror or str(error)
            raise BindError(
                f"cannot listen at {path}: {why.lower()}",
                likely="the folder is not yours, or the path is too long",
                advice="set P2P_HOME to a short path of yours",
            ) from error
        self._pause: Timer | None = None
        loop.watch(self._socket.fileno(), READ, self._ready)
        loop.at_close.add(self.close)

    def close(self) -> None:
        """Accept no more connections, and remove the path."""
        self._loop.at_close.discard(self.close)
        if self._pause is None:
            self._loop.unwatch(self._socket.fileno())
        else:
            self._pause.cancel()
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _ready(self, _: int) -> None:
        try:
            sock, _name = self._socket.accept()
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.ECONNABORTED}:
                self._rest()
            return
        if not _is_owners(sock):
            sock.close()
            return
        sock.setblocking(False)
        transport = TcpTransport(self._loop, sock, _HERE, _HERE)
        try:
            self._on_transport(transport)
        except Exception as error:  # noqa: BLE001  # logged, counted, raised in tests
            transport.abort()
            self._loop.contain(error, "accepting a local connection")

    def _rest(self) -> None:
        """Accept again after a pause: descriptors or memory are exhausted, and we would spin."""
        self._loop.unwatch(self._socket.fileno())
        self._pause = self._loop.call_later(_PAUSE, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        self._loop.watch(self._socket.fileno(), READ, self._ready)


def _is_owners(sock: socket.socket) -> bool:
    """Return whether the process at the other end belongs to our user or root, as far as is known.

    The modes of the socket and its folder ensure that too, unless they were changed.
    """
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:  # not supported by this system
        return True
    credentials = sock.getsockopt(socket.SOL_SOCKET, option, struct.calcsize(_CREDENTIALS))
    _, user, _ = struct.unpack(_CREDENTIALS, credentials)
    return user in {0, os.geteuid()}


@contextmanager
def _short_name(path: Path) -> Iterator[str]:
    """Yield a name for the path that fits into an address, if the system has one."""
    if len(os.fsencode(path)) <= _LONGEST_NAME or not _OPEN_FOLDERS.is_dir():
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield str(_OPEN_FOLDERS / str(folder) / path.name)
    finally:
        os.close(folder)


def dial_unix(loop: Loop, path: Path) -> Wire:
    """Return a wire to the listener at the path. Raise Unreachable if there is none."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short_name(path) as name:
            sock.connect(name)
    except OSError as error:
        sock.close()
        raise Unreachable(f"no program listens at {path}") from error
    sock.setblocking(False)
    return TcpTransport(loop, sock, _HERE, _HERE)
