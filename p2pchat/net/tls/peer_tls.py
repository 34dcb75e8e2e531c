"""TLS between peers: mutual, 1.3, self-signed Ed25519 certificates, by pyOpenSSL's memory buffers.

Python's own `ssl` cannot accept a client certificate that no authority signed; here a callback
accepts it, and the key in it is what counts: exactly one certificate, with an Ed25519 key. Whether
that key is the right one is for the owner of `on_secured` to decide.
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


def openssl_to_contacts() -> str:
    """Return the version of what speaks TLS there; `certificates` has the registry's."""
    return SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode()


def peer_certificate(key: Ed25519PrivateKey) -> x509.Certificate:
    """Return a self-signed certificate over the identity's key; it says nothing else."""
    return self_signed(key, "p2pchat peer")


def peer_context(key: Ed25519PrivateKey) -> SSL.Context:
    """Return the TLS settings of a node, for both roles; make one and keep it."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_options(SSL.OP_NO_TICKET)
    context.use_certificate(peer_certificate(key))
    context.use_privatekey(key)
    # Every certificate is accepted here: `PeerEngine` looks at the key once the handshake is done,
    # which proves that the remote holds it.
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    context.set_alpn_protos([ALPN.encode()])
    context.set_alpn_select_callback(_select_alpn)
    return context


class PeerEngine:
    """One end of a TLS session between peers; `remote_key` is known after the handshake."""

    def __init__(self, context: SSL.Context, *, dialling: bool) -> None:
        self._tls = SSL.Connection(context, None)
        self._dialling = dialling
        if dialling:
            self._tls.set_connect_state()
        else:
            self._tls.set_accept_state()
        self.alpn: str | None = None
        self.remote_certificate: bytes | None = None
        self.remote_key = b""
        self.binding = b""  # a chat needs none: both ends prove their keys in the handshake
        self.ended = False

    def take(self, data: bytes) -> None:
        """Accept bytes from the wire."""
        if data:  # pyOpenSSL takes nothing for an error
            self._tls.bio_write(data)

    def give(self) -> bytes:
        """Return the bytes to write to the wire."""
        pieces = []
        try:
            while True:
                pieces.append(self._tls.bio_read(_CHUNK))
        except SSL.WantReadError:
            return b"".join(pieces)

    def handshake(self) -> bool:
        """Go on with it. Raise RemoteProtocolError for a certificate that is not an identity."""
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            raise RemoteProtocolError(f"no TLS came about: {_reason(error)}") from error
        self.alpn = self._tls.get_alpn_proto_negotiated().decode() or None
        try:
            certificate = self._only_certificate()
            key = certificate.public_key()
        except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm) as error:
            # OpenSSL lets through what cryptography then refuses to read
            raise RemoteProtocolError(f"the certificate is malformed: {error}") from error
        if not isinstance(key, Ed25519PublicKey):
            raise RemoteProtocolError("the certificate's key is no Ed25519 key")
        if self.alpn != ALPN:
            raise RemoteProtocolError(f"it does not speak {ALPN}")
        self.remote_certificate = certificate.public_bytes(Encoding.DER)
        self.remote_key = key.public_bytes_raw()
        return True

    def _only_certificate(self) -> x509.Certificate:
        certificate = self._tls.get_peer_certificate(as_cryptography=True)
        chain = self._tls.get_peer_cert_chain(as_cryptography=True) or []
        # OpenSSL counts the remote's own certificate into the chain on the dialling side alone.
        if certificate is None or len(chain) != int(self._dialling):
            raise RemoteProtocolError("more or less than the one certificate that is due")
        return certificate

    def read(self) -> bytes:
        """Return decrypted bytes."""
        try:
            return self._tls.recv(_CHUNK)
        except SSL.WantReadError:
            return b""
        except SSL.ZeroReturnError:
            self.ended = True
            return b""
        except SSL.Error as error:
            raise RemoteProtocolError(f"TLS broke: {_reason(error)}") from error

    def write(self, data: bytes) -> None:
        """Encrypt."""
        while data:
            data = data[self._tls.send(data[:_CHUNK]) :]

    def close(self) -> None:
        """Send a close notification, without waiting for the remote's."""
        try:
            self._tls.shutdown()
        except SSL.Error:
            return  # no handshake was done


def _select_alpn(_: SSL.Connection, offered: list[bytes]) -> bytes | SSL._NoOverlappingProtocols:
    return ALPN.encode() if ALPN.encode() in offered else SSL.NO_OVERLAPPING_PROTOCOLS


def _reason(error: SSL.Error) -> str:
    """Return OpenSSL's last word on it."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return str(queue[-1][-1]) if queue else (str(error) or type(error).__name__)
