"""TLS between peers: mutual, 1.3, self-signed Ed25519 certificates, with pyOpenSSL.

Python's own `ssl` cannot accept a client certificate that no authority signed; pyOpenSSL can, by a
callback. Each side must present exactly one certificate, with an Ed25519 key. Whether it is the
right key is decided by the owner, in `on_secured`.
"""

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from p2pchat.errors import RemoteProtocolError
from p2pchat.net.tls.certificates import self_signed
from p2pchat.protocol.secure import ALPN

_CHUNK: Final = 65536
_RECORD: Final = 16384  # the most that OpenSSL decrypts at once (RFC 8446, section 5.1)
_GIVE: Final = 96 * 1024  # a chunk and what TLS adds to it; larger buffers are slow to allocate


def openssl_to_contacts() -> str:
    """Return the version of OpenSSL used between peers; `certificates` has the registry's."""
    return SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode()


def peer_certificate(key: Ed25519PrivateKey) -> x509.Certificate:
    """Return a self-signed certificate over the identity's key; it contains nothing else."""
    return self_signed(key, "p2pchat peer")


def peer_context(key: Ed25519PrivateKey) -> SSL.Context:
    """Return a new TLS context for a node, for both roles; use it for all links."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_options(SSL.OP_NO_TICKET)
    context.use_certificate(peer_certificate(key))
    context.use_privatekey(key)
    # Accept every certificate here. `PeerEngine` checks the key after the handshake, which proves
    # that the remote holds it.
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    context.set_alpn_protos([ALPN.encode()])
    context.set_alpn_select_callback(_select_alpn)
    return context


class PeerEngine:
    """One end of a TLS session between peers; `remote_key` is known after the handshake."""

    def __init__(self, context: SSL.Context, *, dialling: bool) -> None:
        self._tls = SSL.Connection(context, None)
        self.dialling = dialling
        if dialling:
            self._tls.set_connect_state()
        else:
            self._tls.set_accept_state()
        self.alpn: str | None = None
        self.remote_certificate: bytes | None = None
        self.remote_key = b""
        self.binding = b""  # not needed: the handshake proves both keys
        self.ended = False

    def take(self, data: bytes | memoryview) -> None:
        """Accept bytes from the transport."""
        if data:  # pyOpenSSL rejects empty data
            self._tls.bio_write(data)

    def give(self) -> bytes:
        """Return the bytes to send."""
        pieces: list[bytes] = []
        try:
            while not pieces or len(pieces[-1]) == _GIVE:  # less is all: no need for an exception
                pieces.append(self._tls.bio_read(_GIVE))
        except SSL.WantReadError:
            pass
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def handshake(self) -> bool:
        """Continue the handshake; return whether it is done.

        Raise RemoteProtocolError if it fails, or the certificate does not contain an identity.
        """
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            raise RemoteProtocolError(f"TLS handshake failed: {_reason(error)}") from error
        self.alpn = self._tls.get_alpn_proto_negotiated().decode() or None
        try:
            certificate = self._only_certificate()
            key = certificate.public_key()
        except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm) as error:
            # OpenSSL accepts some certificates that cryptography cannot read
            raise RemoteProtocolError(f"the certificate is malformed: {error}") from error
        if not isinstance(key, Ed25519PublicKey):
            raise RemoteProtocolError("the certificate's key is not an Ed25519 key")
        if self.alpn != ALPN:
            raise RemoteProtocolError(f"it does not speak {ALPN}")
        self.remote_certificate = certificate.public_bytes(Encoding.DER)
        self.remote_key = key.public_bytes_raw()
        return True

    def _only_certificate(self) -> x509.Certificate:
        certificate = self._tls.get_peer_certificate(as_cryptography=True)
        chain = self._tls.get_peer_cert_chain(as_cryptography=True) or []
        # Only on the dialling side does OpenSSL include the remote's own certificate in the chain.
        if certificate is None or len(chain) != int(self.dialling):
            raise RemoteProtocolError("expected exactly one certificate")
        return certificate

    def read(self) -> bytes:
        """Return decrypted bytes."""
        try:
            return self._tls.recv(_RECORD)
        except SSL.WantReadError:
            return b""
        except SSL.ZeroReturnError:
            self.ended = True
            return b""
        except SSL.Error as error:
            raise RemoteProtocolError(f"TLS failed: {_reason(error)}") from error

    def write(self, data: bytes | memoryview) -> None:
        """Encrypt data."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.send(rest[:_CHUNK]) :]

    def close(self) -> None:
        """Send a close notification, without waiting for the remote's."""
        try:
            self._tls.shutdown()
        except SSL.Error:
            return  # the handshake is not done


def _select_alpn(_: SSL.Connection, offered: list[bytes]) -> bytes | SSL._NoOverlappingProtocols:
    return ALPN.encode() if ALPN.encode() in offered else SSL.NO_OVERLAPPING_PROTOCOLS


def _reason(error: SSL.Error) -> str:
    """Return OpenSSL's last error."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return str(queue[-1][-1]) if queue else (str(error) or type(error).__name__)
