"""A TCP proxy that cuts, drips, delays and stalls its connections, by a seed.

It never sleeps: held bytes are in a heap, and the selector wakes up when the first is due.
"""

import heapq
import random
import selectors
import socket
import threading
import time

_DELAY_SHARE = 0.4
_DELAY = (0.002, 0.04)
_STALL_SHARE = 0.5
_STALL = (1.0, 1.5)


class Proxy:
    """Forwards from one address to another until a connection has carried its share of bytes.

    Each direction has its own fate: some bytes are held for milliseconds, and some directions are
    silent for a second or more before they are cut. With `gentle` nothing is cut or stalled.
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
        self._stall_at: dict[socket.socket, int] = {}  # at this number of bytes left
        self._held: list[tuple[float, int, socket.socket, bytes]] = []
        self._stop, self._stopped = socket.socketpair()
        self._listener = socket.create_server(here)
        self.cuts = 0
        self.delays = 0
        self.stalls = 0
        self.gentle = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """Close everything and end."""
        self._stop.close()
        self._thread.join()

    def _run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._stopped, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select(self._until_due()):
                end = key.fileobj
                assert isinstance(end, socket.socket)
                if end is self._stopped:
                    self._end()
                    return
                if end is self._listener:
                    self._take()
                elif end in self._others:
                    self._receive(end)
            self._let_go()

    def _take(self) -> None:
        came, _ = self._listener.accept()
        try:
            onward = socket.create_connection(self._there)
        except OSError:
            came.close()
            return
        for end, other in ((came, onward), (onward, came)):
            self._others[end] = other
            self._left[end] = self._rng.randrange(1, self._longest)
            if self._rng.random() < _STALL_SHARE:
                self._stall_at[end] = self._rng.randrange(self._left[end])
            self._selector.register(end, selectors.EVENT_READ)

    def _receive(self, end: socket.socket) -> None:
        try:
            data = end.recv(self._rng.choice((1, 100, 5000)))
        except OSError:
            data = b""
        if not data:
            self._cut(end)
        elif pause := self._pause(end, len(data)):
            # This end is not read meanwhile, so that nothing overtakes the held bytes.
            self._selector.unregister(end)
            heapq.heappush(self._held, (time.monotonic() + pause, id(end), end, data))
        else:
            self._pass_on(end, data)

    def _pause(self, end: socket.socket, size: int) -> float:
        """Return for how long these bytes are held."""
        if self.gentle:
            return 0
        if self._left[end] - size <= self._stall_at.get(end, -self._longest):
            del self._stall_at[end]
            self.stalls += 1
            return self._rng.uniform(*_STALL)
        if self._rng.random() < _DELAY_SHARE:
            self.delays += 1
            return self._rng.uniform(*_DELAY)
        return 0

    def _until_due(self) -> float | None:
        return max(0, self._held[0][0] - time.monotonic()) if self._held else None

    def _let_go(self) -> None:
        """Forward what was held long enough, unless its connection was cut."""
        while self._held and self._held[0][0] <= time.monotonic():
            _, _, end, data = heapq.heappop(self._held)
            if end in self._others:
                self._selector.register(end, selectors.EVENT_READ)
                self._pass_on(end, data)

    def _pass_on(self, end: socket.socket, data: bytes) -> None:
        try:
            self._others[end].sendall(data)
        except OSError:
            self._cut(end)
            return
        self._left[end] -= len(data)
        if self._left[end] <= 0 and not self.gentle:
            self.cuts += 1
            self._cut(end)

    def _cut(self, end: socket.socket) -> None:
        for each in (end, self._others[end]):
            if each in self._selector.get_map():  # not while it is held
                self._selector.unregister(each)
            del self._others[each], self._left[each]
            self._stall_at.pop(each, None)
            each.close()

    def _end(self) -> None:
        for each in self._others:
            each.close()
        self._listener.close()
        self._stopped.close()
        self._selector.close()
