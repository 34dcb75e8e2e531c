"""The TLS transport keeps the contract and refuses invalid connections."""

import ssl
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
from p2pchat.net.tls.transport import HANDSHAKE_TIMEOUT, TlsTransport
from tests.fakes import advance, settle, wire
from tests.net.transport_contract import Pair, TransportContract


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the paths of a registry's certificate and key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    make_certificate(certificate, key, "registry")
    return certificate, key


def ends(
    loop: Loop, files: tuple[Path, Path], client: ssl.SSLContext | None = None
) -> tuple[TlsTransport, TlsTransport]:
    left, right = wire(loop)
    context = client or client_context(checked=False)
    return (
        TlsTransport(loop, left, StandardEngine(context, server_name="registry")),
        TlsTransport(loop, right, StandardEngine(server_context(*files))),
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
