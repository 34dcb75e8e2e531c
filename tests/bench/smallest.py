"""The smallest server in Python that answers SEARCH, which the registry is compared with.

    python -m tests.bench.smallest USERS

Prints `listening PORT` and runs until it is killed. It knows this many users, `u000000` and so on,
and has no accounts, no logins and no limits.
"""

import selectors
import socket
import sys

from tests.programs import frame

_SEARCH = b"SEARCH".ljust(15)
_NOT_FOUND = frame("SEARCH_RESP", "NOT_FOUND")


class _Caller:
    """A connection, and the bytes of an incomplete request."""

    __slots__ = ("rest", "socket")

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.rest = b""


def name_of(number: int) -> str:
    """Return the name of a user; all have the same length."""
    return f"u{number:06}"


def port_of(number: int) -> int:
    """Return the port of a user; all have five digits."""
    return 20000 + number


def main() -> None:
    """Serve."""
    answers = {
        name_of(n).encode(): frame("SEARCH_RESP", f"127.0.0.1 {port_of(n)}")
        for n in range(int(sys.argv[1]))
    }
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    print("listening", listener.getsockname()[1], flush=True)
    while True:
        for key, _ in selector.select():
            caller = key.data
            if caller is None:
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_READ, _Caller(sock))
            elif data := caller.socket.recv(65536):
                caller.socket.send(_answer(caller, data, answers))
            else:
                selector.unregister(caller.socket)
                caller.socket.close()


def _answer(caller: _Caller, data: bytes, answers: dict[bytes, bytes]) -> bytes:
    """Return the answers to all complete requests."""
    if caller.rest:
        data = caller.rest + data
    at, said = 0, []
    while len(data) - at >= 25:
        start = at + 25
        end = start + int(data[at : at + 10])
        if end > len(data):
            break
        assert data[at + 10 : start] == _SEARCH
        said.append(answers.get(data[start:end], _NOT_FOUND))
        at = end
    caller.rest = data[at:]
    return said[0] if len(said) == 1 else b"".join(said)


if __name__ == "__main__":
    main()
