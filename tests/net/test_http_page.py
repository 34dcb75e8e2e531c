"""A single page served over HTTP on a real socket, and misbehaving clients."""

import http.client
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest

from p2pchat.net.endpoints import SocketNetwork
from p2pchat.net.http_page import PageListener
from p2pchat.net.loop import Loop
from p2pchat.net.worker import ThreadWorker
from p2pchat.protocol.address import Address
from tests.fakes import MemoryInternet, advance, settle


@pytest.fixture
def listener(real_loop: Loop) -> Iterator[PageListener]:
    network = SocketNetwork(real_loop, ThreadWorker(real_loop))
    listener = PageListener(
        real_loop, network, Address("127.0.0.1", 0), "/metrics", "text/plain", lambda: b"a page\n"
    )
    yield listener
    listener.close()


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/metrics", 200, b"a page\n"),
        ("GET", "/metrics?name=x", 200, b"a page\n"),
        ("HEAD", "/metrics", 200, b""),
        ("GET", "/", 404, b"it is at /metrics\n"),
        ("POST", "/metrics", 405, b"GET only\n"),
    ],
)
def test_page_is_served_only_to_matching_requests(
    real_loop: Loop, listener: PageListener, method: str, path: str, status: int, body: bytes
) -> None:
    """GET and HEAD of the path return the page; other paths and methods are refused."""

    def read() -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection(*listener.address, timeout=10)) as client:
            client.request(method, path)
            answer = client.getresponse()
            return answer.status, answer.read()

    with ThreadPoolExecutor() as pool:
        reading: Future[tuple[int, bytes]] = pool.submit(read)
        reading.add_done_callback(lambda _: real_loop.call_from_thread(lambda: None))
        real_loop.run_until(reading.done)
    assert reading.result() == (status, body)


def test_clients_without_a_request_are_disconnected(loop: Loop) -> None:
    """A silent client is disconnected after a while, one that sends too much at once; slow bytes
    are accepted.
    """
    internet = MemoryInternet(loop)
    address = Address("10.0.0.1", 80)
    machine = internet.machine(address.host)
    listener = PageListener(loop, machine, address, "/", "text/plain", lambda: b"page")
    outcomes: list[bytes] = []

    def dial(*pieces: bytes) -> list[object]:
        ended: list[object] = []
        heard = bytearray()

        def connected(wire: object) -> None:
            wire.on_data = heard.extend  # type: ignore[attr-defined]
            wire.on_closed = lambda _: (ended.append(True), outcomes.append(bytes(heard)))  # type: ignore[attr-defined]
            for piece in pieces:
                wire.write(piece)  # type: ignore[attr-defined]

        internet.machine("10.0.0.2").dial(address, 5, connected, ended.append)
        settle(loop)
        return ended

    silent = dial()
    assert dial(b"x" * 10_000)
    assert dial(*(bytes([byte]) for byte in b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert outcomes[-1].endswith(b"\r\n\r\npage")
    assert not silent
    advance(loop, 11)
    assert silent
    assert outcomes[-1] == b""
    listener.close()
