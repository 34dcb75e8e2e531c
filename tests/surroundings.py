"""What a test run inherits from whoever starts it, and leaves, as programs would inherit it too."""

import os
import signal
import tempfile
from typing import Final

_UMASK: Final = 0o022
_VARIABLES: Final = {
    "BUILD_NUMBER",
    "CI",
    "COLUMNS",
    "EDITOR",
    "LINES",
    "MANPAGER",
    "NOTIFY_SOCKET",
    "NO_COLOR",
    "PAGER",
    "TEMP",
    "TMP",
    "TMPDIR",
    "VISUAL",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
}
_PREFIXES: Final = ("P2P_", "XDG_")
_IGNORED_BY_PYTHON: Final = {signal.SIGPIPE, getattr(signal, "SIGXFSZ", signal.SIGPIPE)}
"""Python starts other programs without this."""


def leave() -> None:
    """Use the signals, the file mode mask and the environment of a new user's first terminal.

    nohup and background jobs ignore signals, and `p2p` keeps what it is told to ignore. A signal
    that is handled is back to normal in a program that is started, and does this process no more
    harm than an ignored one. On a CI machine pytest shows all differences of two values, and takes
    minutes to find them in large ones. A temporary folder of one's own may be closed to other
    users, and its name too long for a socket.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - _IGNORED_BY_PYTHON:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    os.umask(_UMASK)
    for name in tuple(os.environ):  # noqa: TID251  # so that nothing else need look at it
        is_proxy = name.lower().endswith("_proxy")
        if is_proxy or name in _VARIABLES or name.startswith(_PREFIXES):
            del os.environ[name]  # noqa: TID251
    tempfile.tempdir = None  # read from the environment before
