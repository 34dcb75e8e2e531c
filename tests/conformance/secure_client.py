"""A client of the secure door, and a peer, of Python's own TLS and plain JSON, nothing of ours."""

import base64
import datetime as dt
import json
import socket
import ssl
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.programs import Raw, Serve


def context(alpn: list[str] | None = None) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.set_alpn_protocols(alpn if alpn is not None else ["p2pchat/2"])
    return made


class Secure(Raw):
    """A connection that speaks frames of JSON inside TLS."""

    def __init__(self, serve: Serve) -> None:
        plain = socket.create_connection(serve.secure_tcp, timeout=20)
        # Else the first request waits until the end of the handshake is acknowledged, 40 ms later.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context().wrap_socket(plain)
        serve.close_too(self)

    def tell(self, command: str, **fields: Any) -> tuple[str, dict[str, Any]]:
        """Ask, and give the answer."""
        answer, payload = self.ask(command, json.dumps(fields))
        return answer, json.loads(payload)

    def register(self, name: str, **fields: Any) -> None:
        """Make an account with the password `password`."""
        answer = self.tell("REG", username=name, password="password", **fields)
        assert answer[1]["outcome"] == "OK", answer


class SecurePeer(Raw):
    """A peer of the secure dialect that dials: TLS 1.3 with a certificate over its own key."""

    def __init__(self, port: int, identity: "PeerIdentity") -> None:
        made = context()
        made.load_cert_chain(identity.file)
        plain = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket = made.wrap_socket(plain)


class PeerIdentity:
    """A key, and the certificate that shows it."""

    def __init__(self, folder: Path) -> None:
        key = Ed25519PrivateKey.generate()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anything")])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .sign(key, None)
        )
        self.file = folder / "peer.pem"
        self.file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        self.public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
