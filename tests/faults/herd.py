"""Many clients of the secure listener in one thread: they dial, send one request, and stay."""

import json
import selectors
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

from tests.conformance.secure_client import ONE_KEY, context, proof
from tests.programs import frame

AT_ONCE = 256
"""Dials under way, as many as an operating system's backlog surely takes."""


class _Client:
    """A client with its handshake, its request and its answer."""

    def __init__(self, tls: ssl.SSLSocket, command: str, fields: dict[str, str]) -> None:
        self.name = fields["username"]
        self.tls = tls
        self.answer: tuple[str, dict[str, Any]] | None = None
        self._command = command
        self._fields: dict[str, str] | None = fields
        self._heard = b""

    def go_on(self) -> int:
        """Do what is possible now; return the event to wait for, or 0 once answered."""
        try:
            if self._fields is not None:
                self.tls.do_handshake()
                proven = {**self._fields, **proof(self.tls, ONE_KEY, self.name, int(time.time()))}
                request = frame(self._command, json.dumps(proven))
                self.tls.send(request)  # it fits into one record and into the buffer
                self._fields = None
            while not self._whole():
                data = self.tls.recv(65536)
                assert data, f"{self.name} was hung up on"
                self._heard += data
        except ssl.SSLWantReadError:
            return selectors.EVENT_READ
        except ssl.SSLWantWriteError:
            return selectors.EVENT_WRITE
        command = self._heard[10:25].decode().rstrip()
        self.answer = command, json.loads(self._heard[25:])
        return 0

    def _whole(self) -> bool:
        return len(self._heard) >= 25 and len(self._heard) == 25 + int(self._heard[:10])


class Herd:
    """All clients; `tokens` are those they were granted."""

    def __init__(self) -> None:
        self._context = context()
        self._inside: list[_Client] = []
        self.tokens: dict[str, str] = {}

    def register(self, address: tuple[str, int], names: Iterable[str]) -> list[float]:
        """Create the accounts and return the times of `_come`."""
        fields = ({"username": name, "password": "password"} for name in names)
        return self._come(address, "REG", fields)

    def log_in(self, address: tuple[str, int]) -> list[float]:
        """Let all clients log in by token and return the times of `_come`."""
        fields = [{"username": name, "token": token} for name, token in self.tokens.items()]
        return self._come(address, "LOG", fields)

    def leave(self) -> None:
        """Disconnect all clients."""
        for client in self._inside:
            client.tls.close()
        self._inside.clear()

    def _come(
        self, address: tuple[str, int], command: str, fields: Iterable[dict[str, str]]
    ) -> list[float]:
        """Dial, ask and stay for each; return the seconds after which each was logged
        in, in order.
        """
        began = time.monotonic()
        arrivals: list[float] = []
        waiting = iter(fields)
        with selectors.DefaultSelector() as selector:
            while True:
                while len(selector.get_map()) < AT_ONCE and (who := next(waiting, None)):
                    client = self._dial(address, command, who)
                    selector.register(client.tls, selectors.EVENT_READ, client)
                    self._go_on(selector, client, arrivals, began)
                if not selector.get_map():
                    return arrivals
                ready = selector.select(60)
                assert ready, f"only {len(arrivals)} are in"
                for key, _ in ready:
                    self._go_on(selector, key.data, arrivals, began)

    def _dial(self, address: tuple[str, int], command: str, fields: dict[str, str]) -> _Client:
        plain = socket.create_connection(address, timeout=60)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = self._context.wrap_socket(plain, do_handshake_on_connect=False)
        tls.setblocking(False)
        client = _Client(tls, command, fields)
        self._inside.append(client)
        return client

    def _go_on(
        self,
        selector: selectors.BaseSelector,
        client: _Client,
        arrivals: list[float],
        began: float,
    ) -> None:
        events = client.go_on()
        if events:
            selector.modify(client.tls, events, client)
            return
        selector.unregister(client.tls)
        assert client.answer is not None
        said = client.answer[1]
        assert said.get("outcome") == "OK", (client.name, client.answer)
        self.tokens[client.name] = said["grant"]["token"]
        arrivals.append(time.monotonic() - began)
