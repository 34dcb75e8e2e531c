"""TLS between peers: the identity keys of both ends are verified."""

import datetime as dt
import ssl
import tempfile
from collections.abc import Callable
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from p2pchat.errors import P2PError, RemoteProtocolError
from p2pchat.net.loop import Loop
from p2pchat.net.tls.engine import Engine
from p2pchat.net.tls.peer_tls import PeerEngine, peer_certificate, peer_context
from p2pchat.net.tls.transport import TlsTransport
from tests.fakes import settle, wire
from tests.net.transport_contract import Pair, TransportContract

ALICE, BOB = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def ends(
    loop: Loop, dialler: SSL.Context, listener: SSL.Context
) -> tuple[TlsTransport, TlsTransport]:
    left, right = wire(loop)
    return (
        TlsTransport(loop, left, PeerEngine(dialler, dialling=True)),
        TlsTransport(loop, right, PeerEngine(listener, dialling=False)),
    )


class TestPeerTransport(TransportContract):
    """The contract, over a memory transport."""

    @pytest.fixture
    def pair(self, loop: Loop) -> Pair:
        def run_until(condition: object) -> None:
            for _ in range(2000):
                if condition():  # type: ignore[operator]
                    return
                loop.run_once(0)
            raise AssertionError("never")

        pair = Pair(loop, *ends(loop, peer_context(ALICE), peer_context(BOB)), run_until)
        settle(loop)
        return pair


def test_each_end_learns_the_others_key(loop: Loop) -> None:
    """Each end learns the other's key, which the handshake has verified."""
    engines: dict[str, Engine] = {}
    dialler, listener = ends(loop, peer_context(ALICE), peer_context(BOB))
    dialler.on_secured = lambda engine: engines.update(dialler=engine)
    listener.on_secured = lambda engine: engines.update(listener=engine)
    settle(loop)
    assert isinstance(engines["dialler"], PeerEngine)
    assert isinstance(engines["listener"], PeerEngine)
    assert engines["dialler"].remote_key == BOB.public_key().public_bytes_raw()
    assert engines["listener"].remote_key == ALICE.public_key().public_bytes_raw()


def session_with(engine: PeerEngine) -> SSL.Connection:
    """Return the other end of a session with a listening engine, after the handshake."""
    session = SSL.Connection(peer_context(ALICE), None)
    session.set_connect_state()
    for _ in range(3):
        with suppress(SSL.WantReadError):
            session.do_handshake()
        with suppress(SSL.WantReadError):
            engine.take(session.bio_read(65536))
        if engine.handshake():
            return session
        session.bio_write(engine.give())
    raise AssertionError("no handshake")


def test_it_is_tls_1_3_with_a_hybrid_key_exchange_where_the_library_has_it() -> None:
    """Post-quantum: X25519MLKEM768, which OpenSSL offers by itself from 3.5 on."""
    session = session_with(PeerEngine(peer_context(BOB), dialling=False))
    assert session.get_protocol_version_name() == "TLSv1.3"
    assert session.get_group_name() == "X25519MLKEM768"


def _without_certificate() -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_alpn_protos([b"p2pchat/2"])
    return context


def _with_rsa() -> SSL.Context:
    key = generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(5)
    builder = builder.not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    context = _without_certificate()
    context.use_certificate(builder.sign(key, SHA256()))
    context.use_privatekey(key)
    return context


def _with_two() -> SSL.Context:
    context = peer_context(ALICE)
    context.add_extra_chain_cert(peer_certificate(BOB))
    return context


def _old() -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    context.use_certificate(peer_certificate(ALICE))
    context.use_privatekey(ALICE)
    context.set_alpn_protos([b"p2pchat/2"])
    return context


def _other_alpn() -> SSL.Context:
    context = peer_context(ALICE)
    context.set_alpn_protos([b"http/1.1"])
    context.set_alpn_select_callback(lambda *_: SSL.NO_OVERLAPPING_PROTOCOLS)
    return context


def _no_alpn() -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.use_certificate(peer_certificate(ALICE))
    context.use_privatekey(ALICE)
    return context


def _malformed(wrong: Callable[[bytes], bytes]) -> SSL.Context:
    """Return a context whose certificate OpenSSL accepts but no parser can read."""
    data = wrong(peer_certificate(ALICE).public_bytes(Encoding.DER))
    context = _without_certificate()
    context.set_alpn_select_callback(lambda *_: b"p2pchat/2")
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(ssl.DER_cert_to_PEM_cert(data).encode())
        file.flush()
        context.use_certificate_file(file.name)
    context.use_privatekey(ALICE)
    return context


def _impossible_version() -> SSL.Context:
    version = b"\xa0\x03\x02\x01"
    return _malformed(lambda data: data.replace(version + b"\x02", version + b"\x05", 1))


def _impossible_time() -> SSL.Context:
    def wrong(data: bytes) -> bytes:
        validity = b"0\x1e\x17\x0d"  # two times of 13 characters; the random number is before them
        at = data.index(validity) + len(validity)
        return data[:at] + b"999999999999Z" + data[at + 13 :]

    return _malformed(wrong)


@pytest.mark.parametrize(
    "stranger",
    [
        _without_certificate,
        _with_rsa,
        _with_two,
        _old,
        _other_alpn,
        _no_alpn,
        _impossible_version,
        _impossible_time,
    ],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("dialling", [True, False])
def test_invalid_identity_is_refused(loop: Loop, stranger: object, dialling: bool) -> None:
    """A remote without a valid identity is refused in both roles, before any data is delivered."""
    context = stranger()  # type: ignore[operator]
    if not dialling and stranger is _no_alpn:
        context.set_alpn_select_callback(lambda *_: SSL.NO_OVERLAPPING_PROTOCOLS)
    if not dialling and stranger is _without_certificate:
        context = _no_alpn()
    us = peer_context(BOB)
    transports = ends(loop, context, us) if dialling else ends(loop, us, context)
    ours, theirs = reversed(transports) if dialling else transports
    heard: list[bytes] = []
    secured: list[Engine] = []
    closed: list[P2PError | None] = []
    ours.on_data, ours.on_secured, ours.on_closed = heard.append, secured.append, closed.append
    theirs.write(b"let me in")
    settle(loop)
    assert heard == []
    assert secured == []
    assert isinstance(closed[0], RemoteProtocolError)
