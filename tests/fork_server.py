"""Forks `p2p` processes from a process that has already imported the package.

A forked process has its own pid, environment, streams and exit code, and ends as an interpreter
ends. It only skips the imports, which take most of the time of a short command. Tests of start-up
time, memory and missing extras start `p2p` itself.

Run as a program, this module is the server; it receives orders on the socket at its stdin.
"""

import ctypes
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import random
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, AnyStr, Final

_ROOT = Path(__file__).parents[1]
_HEADER: Final = 8  # bytes that hold the length of an order
_PR_SET_CHILD_SUBREAPER: Final = 36  # linux/prctl.h

_READ_AT_START: Final = {"PYTHONPATH", "PYTHONWARNINGS", "LC_ALL"}
"""The variables that `programs.environment` sets; the server starts with the same values."""


class ForkServer:
    """A process that has imported the package and forks itself on demand; one per environment."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.fork_server"],
                stdin=theirs.fileno(),
                env=dict(env, PYTHONPATH=f"{env['PYTHONPATH']}:{_ROOT}"),
                cwd=_ROOT,
            )

    def start(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        streams: list[int],
        *,
        new_session: bool = False,
    ) -> int:
        """Start `p2p` with these arguments and streams as a child process; return its pid.

        `new_session`: start a session, with stdin as its controlling terminal.
        """
        order = json.dumps([new_session, list(arguments), dict(env), os.getcwd()]).encode()
        header = len(order).to_bytes(_HEADER)
        _adopt_orphans(yes=True)
        try:
            socket.send_fds(self._socket, [header], streams)
            self._socket.sendall(order)
            answer = self._socket.recv(_HEADER, socket.MSG_WAITALL)
        finally:
            _adopt_orphans(yes=False)
        assert len(answer) == _HEADER, "the fork server has ended"
        return int.from_bytes(answer)

    def close(self) -> None:
        """End the server."""
        self._socket.close()
        self._server.wait()


_servers: dict[str, ForkServer] = {}
_enabled = False


def enable() -> None:
    """Fork `p2p` from now on where possible, until `close_all`."""
    global _enabled  # noqa: PLW0603  # of the whole test run
    _enabled = sys.platform == "linux"  # prctl


def close_all() -> None:
    """End the servers."""
    while _servers:
        _servers.popitem()[1].close()


def server_for(env: Mapping[str, str]) -> ForkServer | None:
    """Return the fork server for an environment; None if `p2p` must be started normally.

    An interpreter reads some variables only at its start.
    """
    as_started = {name for name in env if name.startswith(("PYTHON", "LC_"))}
    if not _enabled or as_started - _READ_AT_START or env.get("LC_ALL") != "C.UTF-8":
        return None
    extras = env["PYTHONPATH"]
    if extras not in _servers:
        _servers[extras] = ForkServer(env)
    return _servers[extras]


class ForkedProcess(subprocess.Popen[AnyStr]):
    """A Popen whose process, `p2p ARGUMENTS`, is forked by the server.

    Supports only the streams, the environment and `start_new_session`, which also makes stdin the
    controlling terminal.
    """

    def __init__(self, server: ForkServer, arguments: Sequence[str], **options: Any) -> None:
        self._fork_server = server
        super().__init__(list(arguments), **options)

    # Popen has no public seam between its pipes and its fork. Its signature is 3.11 to 3.14's.
    def _execute_child(
        self,
        args: list[str],
        _executable: object,
        _preexec_fn: object,
        _close_fds: object,
        _pass_fds: object,
        _cwd: object,
        env: Mapping[str, str],
        _startupinfo: object,
        _creationflags: object,
        _shell: object,
        p2cread: int,
        p2cwrite: int,
        c2pread: int,
        c2pwrite: int,
        errread: int,
        errwrite: int,
        _restore_signals: object,
        _gid: object,
        _gids: object,
        _uid: object,
        _umask: object,
        start_new_session: bool,
        *_others: object,
    ) -> None:
        chosen = enumerate((p2cread, c2pwrite, errwrite))
        streams = [inherited if fd == -1 else fd for inherited, fd in chosen]
        self.pid = self._fork_server.start(args, env, streams, new_session=start_new_session)
        self._child_created = True
        pipes = (p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def _adopt_orphans(*, yes: bool) -> None:
    """Choose whether orphaned descendants become children of this process."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0)


def _serve(orders: socket.socket) -> Callable[[], None]:
    """Fork for each order. Return only in the new processes, with the function to run there."""
    while True:
        header, streams, _, _ = socket.recv_fds(orders, _HEADER, 3)
        if len(header) < _HEADER:
            sys.exit()
        order = orders.recv(int.from_bytes(header), socket.MSG_WAITALL)
        read_end, write_end = os.pipe()
        middle = os.fork()
        if middle:
            os.waitpid(middle, 0)  # so that its child is orphaned
            pid = os.read(read_end, _HEADER)
            for descriptor in (*streams, read_end, write_end):
                os.close(descriptor)
            orders.sendall(pid)
            continue
        pid_of_child = os.fork()
        if pid_of_child:
            os.write(write_end, pid_of_child.to_bytes(_HEADER))
            os._exit(0)
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
        for descriptor in (*streams, read_end, write_end):
            os.close(descriptor)
        return lambda: _become(*json.loads(order))


def become_session_leader() -> None:
    """Start a session, with stdin as its controlling terminal."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _become(new_session: bool, arguments: list[str], env: dict[str, str], folder: str) -> None:
    """Run `p2p` as a freshly started interpreter would."""
    if new_session:
        become_session_leader()
    os.environ.clear()  # noqa: TID251  # it acts as another process
    os.environ.update(env)  # noqa: TID251
    os.chdir(folder)
    random.seed()
    sys.argv = ["p2p", *arguments]
    sys.stdin = sys.__stdin__ = _stream(0, "r", "surrogateescape")
    sys.stdout = sys.__stdout__ = _stream(1, "w", "surrogateescape")
    sys.stderr = sys.__stderr__ = _stream(2, "w", "backslashreplace", buffering=1)
    from p2pchat.cli.main import cli

    sys.exit(cli(prog_name="p2p"))


def _stream(number: int, mode: str, errors: str, buffering: int = -1) -> Any:
    return open(number, mode, buffering, encoding="utf-8", errors=errors, closefd=False)


def _import_everything() -> None:
    import p2pchat

    modules = pkgutil.walk_packages(p2pchat.__path__, "p2pchat.")
    for module in (m for m in modules if m.name != "p2pchat.__main__"):
        with suppress(ModuleNotFoundError):  # an extra that this environment lacks
            importlib.import_module(module.name)


if __name__ == "__main__":
    _import_everything()
    gc.freeze()
    orders = socket.socket(fileno=os.dup(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at the tests' own terminal
    task = _serve(orders)
    orders.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    task()
