"""A TCP proxy that treats its wires badly: cuts them at any byte, and drips; by a seed."""

import random
import selectors
import socket
import threading


class Proxy:
    """Passes on from one address to another, until a wire has carried its share of bytes.

    With `gentle` it cuts nothing any more.
    """

    def __init__(
        self, here: tuple[str, int], there: tuple[str, int], seed: int, longest: int
    ) -> None:
        self._there = there
        self._rng = random.Random(seed)
        self._longest = longest
        self._selector = selectors.DefaultSelector()
        self._others: dict[socket.socket, socket.socket] = {}
        self._left: dict[socket.socket, int] = {}
        self._stop, self._stopped = socket.socketpair()
        self._listener = socket.create_server(here)
        self.cuts = 0
        self.gentle = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """Cut everything and end."""
        self._stop.close()
        self._thread.join()

    def _run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._stopped, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                end = key.fileobj
                assert isinstance(end, socket.socket)
                if end is self._stopped:
                    self._end()
                    return
                if end is self._listener:
                    self._take()
                elif end in self._others:
                    self._pass_on(end)

    def _take(self) -> None:
        came, _ = self._listener.accept()
        try:
            onward = socket.create_connection(self._there)
        except OSError:
            came.close()
            return
        for end, other in ((came, onward), (onward, came)):
            self._others[end] = other
            self._left[end] = self._rng.randrange(self._longest)
            self._selector.register(end, selectors.EVENT_READ)

    def _pass_on(self, end: socket.socket) -> None:
        try:
            data = end.recv(self._rng.choice((1, 100, 5000)))
            if data:
                self._others[end].sendall(data)
        except OSError:
            data = b""
        self._left[end] -= len(data)
        if not data:
            self._cut(end)
        elif self._left[end] <= 0 and not self.gentle:
            self.cuts += 1
            self._cut(end)

    def _cut(self, end: socket.socket) -> None:
        for each in (end, self._others[end]):
            self._selector.unregister(each)
            del self._others[each], self._left[each]
            each.close()

    def _end(self) -> None:
        for each in self._others:
            each.close()
        self._listener.close()
        self._stopped.close()
        self._selector.close()
