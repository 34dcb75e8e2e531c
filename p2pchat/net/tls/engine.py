"""TLS without a socket: engines convert received bytes to plain text, and plain text to bytes.

A TLS socket would buffer bytes that `select` does not see, and would own the socket. There are two
engines: Python's own `ssl` here, for the link to the registry, which can check a CA chain and is
small; and pyOpenSSL in `peer_tls`, because Python's `ssl` cannot accept a client certificate that
no CA has signed.
"""

import ssl
from typing import Final, Protocol

from p2pchat.errors import RemoteProtocolError

_CHUNK: Final = 65536


class Engine(Protocol):
    """One end of a TLS session.

    After the handshake: the negotiated protocol, the remote's certificate (DER), and a value unique
    to this session (see proofs.Channel). `ended` is set by the remote's close notification.
    `dialling`: this end speaks first.
    """

    dialling: bool
    alpn: str | None
    remote_certificate: bytes | None
    binding: bytes
    ended: bool

    def take(self, data: bytes | memoryview) -> None:
        """Accept bytes from the transport."""

    def give(self) -> bytes:
        """Return the bytes to send."""

    def handshake(self) -> bool:
        """Continue the handshake; return whether it is done, or raise RemoteProtocolError."""

    def read(self) -> bytes:
        """Return decrypted bytes; empty if there are none yet. Raise RemoteProtocolError."""

    def write(self, data: bytes | memoryview) -> None:
        """Encrypt data."""

    def close(self) -> None:
        """Send a close notification."""


class StandardEngine:
    """Python's own TLS, for links with the registry, on either side.

    `server_name`: the name in the certificate, if that is checked; None on the registry's side.
    """

    __slots__ = (
        "_in",
        "_out",
        "_tls",
        "alpn",
        "binding",
        "dialling",
        "ended",
        "remote_certificate",
    )

    def __init__(self, context: ssl.SSLContext, *, server_name: str | None = None) -> None:
        self.dialling = server_name is not None
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._in, self._out, server_side=not self.dialling, server_hostname=server_name
        )
        self.alpn: str | None = None
        self.remote_certificate: bytes | None = None
        self.binding = b""
        self.ended = False

    def take(self, data: bytes | memoryview) -> None:
        """Accept bytes from the transport."""
        self._in.write(data)

    def give(self) -> bytes:
        """Return the bytes to send."""
        return self._out.read()

    def handshake(self) -> bool:
        """Continue the handshake; the certificate is known afterwards."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLCertVerificationError as error:
            raise CertificateNotTrusted(error.verify_message) from error
        except ssl.SSLError as error:
            if error.reason == "TLSV1_ALERT_UNKNOWN_CA":
                raise CertificateLookedAt("hung up after reading our certificate") from error
            raise RemoteProtocolError(f"TLS handshake failed: {error.reason or error}") from error
        self.alpn = self._tls.selected_alpn_protocol()
        self.remote_certificate = self._tls.getpeercert(binary_form=True)
        # In TLS 1.3, the client's Finished message identifies the session at both ends.
        self.binding = self._tls.get_channel_binding("tls-unique") or b""
        return True

    def read(self) -> bytes:
        """Return decrypted bytes; empty if there are none yet. Raise RemoteProtocolError."""
        if not (self._in.pending or self._tls.pending()):
            return b""  # what an exception of OpenSSL would say at a higher cost
        try:
            data = self._tls.read(_CHUNK)
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLError as error:
            raise RemoteProtocolError(f"TLS failed: {error.reason or error}") from error
        self.ended = not data
        return data

    def write(self, data: bytes | memoryview) -> None:
        """Encrypt data."""
        self._tls.write(data)

    def close(self) -> None:
        """Send a close notification, without waiting for the remote's."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            return  # the remote's has not arrived, or the handshake is not done


class CertificateLookedAt(RemoteProtocolError):
    """The remote knows no authority for our certificate; it will reconnect and compare the key."""


class CertificateNotTrusted(RemoteProtocolError):
    """No authority that this machine trusts vouches for the registry's certificate."""
