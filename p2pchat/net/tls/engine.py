"""TLS without a wire: an engine turns received bytes into plain text, and plain text into bytes to
send.

Why memory buffers: a TLS socket holds bytes back that `select` says nothing of, and it owns the
socket. Two engines: Python's own `ssl` here, for the link to the registry, which can check a CA
chain and is small; pyOpenSSL in `peer_tls`, because Python's cannot accept a client certificate
that no CA signed.
"""

import ssl
from typing import Final, Protocol

from p2pchat.errors import RemoteProtocolError

_CHUNK: Final = 65536


class Engine(Protocol):
    """One end of a TLS session, without a wire.

    After the handshake: the protocol agreed on, the remote's certificate (DER), and what is unique
    to this session (see proofs.Channel). `ended` once the remote has said goodbye.
    """

    alpn: str | None
    remote_certificate: bytes | None
    binding: bytes
    ended: bool

    def take(self, data: bytes) -> None:
        """Accept bytes from the wire."""

    def give(self) -> bytes:
        """Return the bytes to write to the wire."""

    def handshake(self) -> bool:
        """Go on with it; True once it is done. Raise RemoteProtocolError if it fails."""

    def read(self) -> bytes:
        """Return decrypted bytes; empty if there are none yet. Raise RemoteProtocolError."""

    def write(self, data: bytes) -> None:
        """Encrypt."""

    def close(self) -> None:
        """Send a close notification."""


class StandardEngine:
    """Python's own TLS, for the registry's listener, from either side.

    `server_name` is the client's: which name the certificate must be for, where it is checked.
    """

    __slots__ = ("_in", "_out", "_tls", "alpn", "binding", "ended", "remote_certificate")

    def __init__(self, context: ssl.SSLContext, *, server_name: str | None = None) -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._in, self._out, server_side=server_name is None, server_hostname=server_name
        )
        self.alpn: str | None = None
        self.remote_certificate: bytes | None = None
        self.binding = b""
        self.ended = False

    def take(self, data: bytes) -> None:
        """Accept bytes from the wire."""
        self._in.write(data)

    def give(self) -> bytes:
        """Return the bytes to write to the wire."""
        return self._out.read()

    def handshake(self) -> bool:
        """Go on with it; the certificate is known afterwards."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLCertVerificationError as error:
            raise CertificateNotTrusted(error.verify_message) from error
        except ssl.SSLError as error:
            if error.reason == "TLSV1_ALERT_UNKNOWN_CA":
                raise CertificateLookedAt("hung up after a look at our certificate") from error
            raise RemoteProtocolError(f"no TLS came about: {error.reason or error}") from error
        self.alpn = self._tls.selected_alpn_protocol()
        self.remote_certificate = self._tls.getpeercert(binary_form=True)
        # Of TLS 1.3 it is the client's Finished message too, at both ends.
        self.binding = self._tls.get_channel_binding("tls-unique") or b""
        return True

    def read(self) -> bytes:
        """Return decrypted bytes; empty if there are none yet. Raise RemoteProtocolError."""
        if not (self._in.pending or self._tls.pending()):
            return b""  # as OpenSSL would say by an error, which costs more than the bytes did
        try:
            data = self._tls.read(_CHUNK)
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLError as error:
            raise RemoteProtocolError(f"TLS broke: {error.reason or error}") from error
        self.ended = not data
        return data

    def write(self, data: bytes) -> None:
        """Encrypt."""
        self._tls.write(data)

    def close(self) -> None:
        """Send a close notification, without waiting for the remote's."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            return  # theirs has not come, or no handshake was done: ours is on its way if it can


class CertificateLookedAt(RemoteProtocolError):
    """The remote knows no authority for our certificate: it will come back and compare the key."""


class CertificateNotTrusted(RemoteProtocolError):
    """No authority that this machine trusts vouches for the registry's certificate."""
