"""TLS is a transport like the others, and refuses what it must."""

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
    """A registry's certificate and key."""
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
    """The contract, over a memory wire."""

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


def test_both_ends_know_what_was_agreed(loop: Loop, files: tuple[Path, Path]) -> None:
    """TLS 1.3, our ALPN, and the certificate whose key the file's fingerprint names."""
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


def test_what_was_written_before_the_handshake_goes_out_after(
    loop: Loop, files: tuple[Path, Path]
) -> None:
    """Even if the transport was closed meanwhile; nothing of it is on the wire in clear."""
    client, server = ends(loop, files)
    heard: list[bytes] = []
    server.on_data = heard.append
    client.write(b"early")
    client.close()
    settle(loop)
    assert heard == [b"early"]


def test_more_than_one_receive_holds(loop: Loop, files: tuple[Path, Path]) -> None:
    """What OpenSSL has decrypted is handed up to the last byte, though select says nothing."""
    client, server = ends(loop, files)
    heard: list[bytes] = []
    server.on_data = heard.append
    settle(loop)
    for _ in range(3):
        client.write(b"x" * 50_000)
    settle(loop)
    assert sum(map(len, heard)) == 150_000


def test_answers_to_one_piece_go_out_in_one(loop: Loop, files: tuple[Path, Path]) -> None:
    """In order, and before the goodbye."""
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
    """At the secure listener."""
    left, right = wire(loop)
    server = TlsTransport(loop, right, StandardEngine(server_context(*files)))
    closed: list[P2PError | None] = []
    server.on_closed = closed.append
    left.write(data)
    settle(loop)
    assert isinstance(closed[0], RemoteProtocolError)


def test_tls_1_2_is_refused(loop: Loop, files: tuple[Path, Path]) -> None:
    """By version."""
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


def test_an_unknown_authority_is_told_apart(loop: Loop, files: tuple[Path, Path]) -> None:
    """From other failures, because trust on first use may follow."""
    client, _ = ends(loop, files, client_context(checked=True))
    closed: list[P2PError | None] = []
    client.on_closed = closed.append
    settle(loop)
    assert isinstance(closed[0], CertificateNotTrusted)


def test_a_handshake_has_a_deadline(loop: Loop, files: tuple[Path, Path]) -> None:
    """Silence is not a client."""
    left, right = wire(loop)
    server = TlsTransport(loop, right, StandardEngine(server_context(*files)))
    closed: list[P2PError | None] = []
    server.on_closed = closed.append
    left.write(b"\x16\x03\x01")
    advance(loop, HANDSHAKE_TIMEOUT - 1)
    assert not closed
    advance(loop, 2)
    assert isinstance(closed[0], TimedOut)


def test_garbage_after_the_handshake_ends_it(loop: Loop, files: tuple[Path, Path]) -> None:
    """Somebody in the middle can end a link, and nothing else."""
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


def test_a_handshake_has_an_end(loop: Loop, files: tuple[Path, Path]) -> None:
    """One byte a turn, each of a record that could be right: time and bytes are counted."""
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


def test_an_end_without_a_goodbye_is_no_orderly_end(loop: Loop, files: tuple[Path, Path]) -> None:
    """A process that was killed, or somebody on the way who cuts."""
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
