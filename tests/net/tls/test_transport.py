"""The TLS transport keeps the contract and refuses invalid connections."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchat.errors import LinkLost, P2PError, RemoteProtocolError, TimedOut
from p2pchat.net.loop import Loop
from p2pchat.net.tls.certificates import (
    client_context,
    fingerprint,
    fingerprint_of_file,
    make_certificate,
    server_context,
)
from p2pchat.net.tls.engine import CertificateNotTrusted, Engine, StandardEngine
from p2pchat.net.tls.transport import HANDSHAKE_TIMEOUT, MAX_HANDSHAKE_BYTES, TlsTransport
from p2pchat.net.worker import ThreadWorker, Worker
from tests.fakes import InlineWorker, advance, settle, wire
from tests.net.transport_contract import Pair, TransportContract


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the paths of a registry's certificate and key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    make_certificate(certificate, key, "registry")
    return certificate, key


def ends(
    loop: Loop,
    files: tuple[Path, Path],
    client: ssl.SSLContext | None = None,
    worker: Worker | None = None,
) -> tuple[TlsTransport, TlsTransport]:
    left, right = wire(loop)
    context = client or client_context(checked=False)
    return (
        TlsTransport(loop, left, StandardEngine(context, server_name="registry")),
        TlsTransport(loop, right, StandardEngine(server_context(*files)), worker=worker),
    )


class TestTlsTransport(TransportContract):
    """The contract, over a memory transport."""

    @pytest.fixture
    def pair(self, loop: Loop, files: tuple[Path, Path]) -> Pair:
        def run_until(condition: object) -> None:
            for _ in range(2000):
                if condition():  # type: ignore[operator]
                    return
                loop.run_once(0)
            raise AssertionError("never")

        pair = Pair(loop, *ends(loop, files), run_until)
        settle(loop)
        return pair


class TestTlsTransportWithThreads(TransportContract):
    """The contract, with the handshake on a worker thread."""

    @pytest.fixture
    def pair(self, loop: Loop, files: tuple[Path, Path]) -> Iterator[Pair]:
        worker = ThreadWorker(loop)
        client, server = ends(loop, files, worker=worker)
        client.on_secured = server.on_secured = lambda _: None
        while not (client.secured and server.secured):
            loop.run_once(5)

        def run_until(condition: object) -> None:
            for _ in range(2000):
                if condition():  # type: ignore[operator]
                    return
                loop.run_once(0)
            raise AssertionError("never")

        yield Pair(loop, client, server, run_until)
        worker.close()


def test_handshake_on_a_thread_keeps_what_arrives_meanwhile(
    loop: Loop, files: tuple[Path, Path]
) -> None:
    """A hello that arrives in pieces while a thread has the engine is handled afterwards."""
    worker = InlineWorker(loop)
    worker.hold()
    left, right = wire(loop)
    server = TlsTransport(loop, right, StandardEngine(server_context(*files)), worker=worker)
    client = StandardEngine(client_context(checked=False), server_name="registry")
    secured: list[Engine] = []
    server.on_secured = secured.append
    client.handshake()
    hello = client.give()
    for start in range(0, len(hello), 100):
        left.write(hello[start : start + 100])
        settle(loop)
    flights: list[bytes] = []
    left.on_data = flights.append
    settle(loop)
    assert not flights, "the engine was used while the thread had it"
    worker.release()
    settle(loop)
    client.take(b"".join(flights))
    assert client.handshake()
    left.write(client.give())
    settle(loop)
    assert len(secured) == 1


@pytest.mark.parametrize("end", ["close", "abort", "remote", "deadline", "too much"])
def test_transport_ends_while_a_thread_has_the_engine(
    loop: Loop, files: tuple[Path, Path], end: str
) -> None:
    """However a transport ends during the handshake, the thread's result changes nothing."""
    worker = InlineWorker(loop)
    worker.hold()
    left, right = wire(loop)
    engine = UntouchedEngine(server_context(*files))
    server = TlsTransport(loop, right, engine, worker=worker)
    closed: list[P2PError | None] = []
    secured: list[Engine] = []
    server.on_closed, server.on_secured = closed.append, secured.append
    client = StandardEngine(client_context(checked=False), server_name="registry")
    client.handshake()
    left.write(client.give())
    settle(loop)
    engine.is_on_a_thread = True
    match end:
        case "close":
            server.close()
        case "abort":
            server.abort()
        case "remote":
            left.close()
        case "deadline":
            advance(loop, HANDSHAKE_TIMEOUT + 1)
        case _:
            left.write(bytes(MAX_HANDSHAKE_BYTES + 1))
    settle(loop)
    assert len(closed) == 1
    engine.is_on_a_thread = False
    worker.release()
    settle(loop)
    assert len(closed) == 1
    assert not secured
    expected = {"deadline": TimedOut, "too much": RemoteProtocolError}.get(end, type(None))
    assert isinstance(closed[0], expected)


class UntouchedEngine(StandardEngine):
    """An engine that must not be used while a thread has it."""

    is_on_a_thread = False

    def take(self, data: bytes | memoryview) -> None:
        assert not self.is_on_a_thread
        super().take(data)

    def give(self) -> bytes:
        assert not self.is_on_a_thread
        return super().give()

    def close(self) -> None:
        assert not self.is_on_a_thread
        super().close()


def test_full_worker_leaves_the_handshake_to_the_loop(loop: Loop, files: tuple[Path, Path]) -> None:
    """If the worker has no room, the handshake is done all the same."""
    worker = InlineWorker(loop)
    worker.full = True
    client, server = ends(loop, files, worker=worker)
    settle(loop)
    assert client.secured
    assert server.secured


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x00\x05xxxxx"])
def test_handshake_that_fails_on_a_thread(
    loop: Loop, files: tuple[Path, Path], data: bytes
) -> None:
    """A failure on the thread ends the transport as one on the loop does, with an alert."""
    left, right = wire(loop)
    worker = InlineWorker(loop)
    server = TlsTransport(loop, right, StandardEngine(server_context(*files)), worker=worker)
    closed: list[P2PError | None] = []
    alerts: list[bytes] = []
    server.on_closed, left.on_data = closed.append, alerts.append
    left.write(data)
    settle(loop)
    assert isinstance(closed[0], RemoteProtocolError)
    assert b"".join(alerts)[:1] == b"\x15"


def test_both_ends_know_the_negotiated_parameters(loop: Loop, files: tuple[Path, Path]) -> None:
    """Both ends know the ALPN protocol, and the client the fingerprint of the certificate."""
    client, server = ends(loop, files)
    engines: list[Engine] = []
    client.on_secured = engines.append
    server.on_secured = engines.append
    settle(loop)
    assert [engine.alpn for engine in engines] == ["p2pchat/3"] * 2
    seen = next(e.remote_certificate for e in engines if e.remote_certificate)
    assert fingerprint(seen) == fingerprint_of_file(files[0])
    assert len(fingerprint(seen)) == 52
    assert fingerprint(seen).isalnum()
    assert fingerprint(seen).islower()


def test_early_writes_are_sent_after_the_handshake(loop: Loop, files: tuple[Path, Path]) -> None:
    """Bytes written before the handshake are delivered encrypted, even if the transport was closed
    meanwhile.
    """
    client, server = ends(loop, files)
    heard: list[bytes] = []
    server.on_data = heard.append
    client.write(b"early")
    client.close()
    settle(loop)
    assert heard == [b"early"]


def test_everything_decrypted_is_delivered(loop: Loop, files: tuple[Path, Path]) -> None:
    """Data that OpenSSL has buffered is delivered, although select does not report it."""
    client, server = ends(loop, files)
    heard: list[bytes] = []
    server.on_data = heard.append
    settle(loop)
    for _ in range(3):
        client.write(b"x" * 50_000)
    settle(loop)
    assert sum(map(len, heard)) == 150_000


def test_answers_to_one_piece_are_sent_together(loop: Loop, files: tuple[Path, Path]) -> None:
    """Writes made while data is handled are sent together, in order and before the close."""
    client, server = ends(loop, files)
    heard: list[bytes] = []

    def answer(data: bytes) -> None:
        for n in range(3):
            server.write(data * n)
        assert server.queued == 3 * len(data)
        server.close()

    client.on_data = heard.append
    server.on_data = answer
    settle(loop)
    client.write(b"ab")
    settle(loop)
    assert heard == [b"ababab"]


@pytest.mark.parametrize(
    "data",
    [b"3         SEARCH         bob", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05xxxxx"],
)
def test_plain_bytes_are_refused(loop: Loop, files: tuple[Path, Path], data: bytes) -> None:
    """Bytes that are not TLS are refused by the secure listener."""
    left, right = wire(loop)
    server = TlsTransport(loop, right, StandardEngine(server_context(*files)))
    closed: list[P2PError | None] = []
    server.on_closed = closed.append
    left.write(data)
    settle(loop)
    assert isinstance(closed[0], RemoteProtocolError)


def test_tls_1_2_is_refused(loop: Loop, files: tuple[Path, Path]) -> None:
    """A client that offers only TLS 1.2 is refused."""
    old = client_context(checked=False)
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    client, server = ends(loop, files, old)
    closed: list[P2PError | None] = []
    secured: list[Engine] = []
    server.on_closed = closed.append
    server.on_secured = client.on_secured = secured.append
    settle(loop)
    assert isinstance(closed[0], RemoteProtocolError)
    assert not secured


def test_untrusted_certificate_has_its_own_error(loop: Loop, files: tuple[Path, Path]) -> None:
    """An untrusted certificate raises its own error, since trust on first use may follow."""
    client, _ = ends(loop, files, client_context(checked=True))
    closed: list[P2PError | None] = []
    client.on_closed = closed.append
    settle(loop)
    assert isinstance(closed[0], CertificateNotTrusted)


def test_handshake_has_a_deadline(loop: Loop, files: tuple[Path, Path]) -> None:
    """A client that stalls during the handshake is disconnected."""
    left, right = wire(loop)
    server = TlsTransport(loop, right, StandardEngine(server_context(*files)))
    closed: list[P2PError | None] = []
    server.on_closed = closed.append
    left.write(b"\x16\x03\x01")
    advance(loop, HANDSHAKE_TIMEOUT - 1)
    assert not closed
    advance(loop, 2)
    assert isinstance(closed[0], TimedOut)


def test_garbage_after_the_handshake_closes_the_link(loop: Loop, files: tuple[Path, Path]) -> None:
    """An attacker on the path can close a link but cannot inject data."""
    left, right = wire(loop)
    client = TlsTransport(
        loop, left, StandardEngine(client_context(checked=False), server_name="r")
    )
    server = TlsTransport(loop, right, StandardEngine(server_context(*files)))
    heard: list[bytes] = []
    closed: list[P2PError | None] = []
    server.on_data, server.on_closed = heard.append, closed.append
    settle(loop)
    client.write(b"good")
    settle(loop)
    left.write(b"\x17\x03\x03\x00\x20" + bytes(32))
    settle(loop)
    assert heard == [b"good"]
    assert isinstance(closed[0], RemoteProtocolError)


def test_handshake_is_limited_in_time_and_bytes(loop: Loop, files: tuple[Path, Path]) -> None:
    """A handshake that never ends is limited in time and in bytes."""
    for bytes_at_once in (1, 10_000):
        left, right = wire(loop)
        server = TlsTransport(loop, right, StandardEngine(server_context(*files)))
        closed: list[P2PError | None] = []
        server.on_closed = closed.append
        record = b"\x16\x03\x01\x3f\xff" + b"\x01\x00\xff\xff\x03\x03" + bytes(16377)
        sent = 0
        while not closed and sent < 200_000:
            piece = (record * 20)[sent : sent + bytes_at_once]
            left.write(piece)
            sent += len(piece)
            settle(loop)
            if bytes_at_once == 1 and sent == 100:
                advance(loop, HANDSHAKE_TIMEOUT + 1)
        assert isinstance(closed[0], TimedOut if bytes_at_once == 1 else RemoteProtocolError)
        assert sent < 100_000


def test_end_without_close_notify_is_link_lost(loop: Loop, files: tuple[Path, Path]) -> None:
    """A connection that ends without a TLS close_notify is reported as LinkLost."""
    for cut in (True, False):
        left, right = wire(loop)
        client = TlsTransport(
            loop, left, StandardEngine(client_context(checked=False), server_name="r")
        )
        server = TlsTransport(loop, right, StandardEngine(server_context(*files)))
        closed: list[P2PError | None] = []
        server.on_closed = closed.append
        settle(loop)
        assert client.secured
        if cut:
            left.close()
        else:
            client.close()
        settle(loop)
        assert isinstance(closed[0], LinkLost) is cut
