"""Serves one page over HTTP for monitoring programs: GET, the page, close.

Implements only what a scraper needs of HTTP/1.1 (RFC 9112). Knows nothing of the page's content.
"""

from collections.abc import Callable
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.net.endpoints import Network
from p2pchat.net.loop import Loop
from p2pchat.net.transport import Wire
from p2pchat.protocol.address import Address

_LONGEST_REQUEST: Final = 8 * 1024
_TIMEOUT: Final = 10.0
_MOST_CONNECTIONS: Final = 8
"""Concurrent connections; beyond it, the oldest is closed. A scraper needs one, briefly."""


class PageListener:
    """Serves `page()` over HTTP at `path` of the address, until closed. Raise BindError."""

    def __init__(
        self,
        loop: Loop,
        network: Network,
        address: Address,
        path: str,
        content_type: str,
        page: Callable[[], bytes],
    ) -> None:
        self._loop = loop
        self._path = path
        self._content_type = content_type
        self._page = page
        self._wires: dict[Wire, None] = {}  # oldest first
        self._listener = network.listen(address, self._came)
        self.address = self._listener.address

    def close(self) -> None:
        """Stop accepting, and close all open connections."""
        self._listener.close()
        for wire in tuple(self._wires):
            wire.abort()

    def _came(self, wire: Wire) -> None:
        heard = bytearray()
        deadline = self._loop.call_later(_TIMEOUT, wire.abort)
        if len(self._wires) >= _MOST_CONNECTIONS:
            oldest = next(iter(self._wires))
            del self._wires[oldest]
            oldest.abort()
        self._wires[wire] = None

        def on_data(data: bytes) -> None:
            heard.extend(data)
            if b"\r\n\r\n" in heard:
                wire.on_data = ignore
                wire.write(self._answer(bytes(heard.split(b"\r\n", 1)[0])))
                wire.close()
            elif len(heard) > _LONGEST_REQUEST:
                wire.abort()

        def on_closed(_: object) -> None:
            deadline.cancel()
            self._wires.pop(wire, None)

        wire.on_data = on_data
        wire.on_closed = on_closed

    def _answer(self, request_line: bytes) -> bytes:
        method, _, rest = request_line.partition(b" ")
        target = rest.partition(b" ")[0].partition(b"?")[0]
        if method not in {b"GET", b"HEAD"}:
            return _response("405 Method Not Allowed", "text/plain", b"GET only\n")
        if target != self._path.encode():
            return _response("404 Not Found", "text/plain", f"it is at {self._path}\n".encode())
        body = self._page()
        response = _response("200 OK", self._content_type, body)
        return response if method == b"GET" else response.removesuffix(body)


def _response(status: str, content_type: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
