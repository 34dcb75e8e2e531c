"""A client of the secure listener, and a peer, with Python's own TLS and JSON and none
of our code.
"""

import base64
import datetime as dt
import hashlib
import json
import socket
import ssl
import time
from collections import deque
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from tests.programs import Raw, Serve

ONE_KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
"""The identity of clients that have no other."""


NEWS = frozenset({"PRESENCE", "MEETING", "BOX_NEWS"})
"""What a registry sends unasked, at any time: also between a request and its answer."""


def public_of(key: Ed25519PrivateKey) -> str:
    """Return a public key as it is written in JSON."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


KEY = public_of(ONE_KEY)


def context(alpn: list[str] | None = None) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.set_alpn_protocols(alpn if alpn is not None else ["p2pchat/3"])
    return made


def proof(tls: ssl.SSLSocket, key: Ed25519PrivateKey, username: str, at: int) -> dict[str, Any]:
    """Return the fields of a login that prove a key on a connection (PROTOCOL, "Login")."""
    certificate = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    registry = base64.b32encode(hashlib.sha256(public).digest()).decode().rstrip("=").lower()
    binding = (tls.get_channel_binding("tls-unique") or b"").hex()
    signed = json.dumps([registry, binding, username, at], separators=(",", ":"))
    signature = key.sign(b"p2pchat login 1\0" + signed.encode())
    return {"key": public_of(key), "proof": base64.b64encode(signature).decode(), "at": at}


class Secure(Raw):
    """A connection that sends frames of JSON over TLS.

    News that comes before an answer is set aside for `hear`.
    """

    def __init__(self, serve: Serve, key: Ed25519PrivateKey = ONE_KEY) -> None:
        plain = socket.create_connection(serve.secure_tcp, timeout=20)
        # Otherwise the first request waits 40 ms for the end of the handshake to be acknowledged.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket: ssl.SSLSocket = context().wrap_socket(plain)
        self.key = key
        self._serve = serve
        self._news: deque[tuple[str, str]] = deque()
        serve.close_too(self)

    def hear(self) -> tuple[str, str]:
        """Return the oldest frame that was set aside; without any, receive one."""
        return self._news.popleft() if self._news else super().hear()

    def ask(self, command: str, payload: str | bytes = b"") -> tuple[str, str]:
        """Send a request and return the answer."""
        self.say(command, payload)
        while (heard := super().hear())[0] in NEWS:
            self._news.append(heard)
        return heard

    def tell(self, command: str, **fields: Any) -> tuple[str, dict[str, Any]]:
        """Send a request and return the answer; a login proves `self.key` unless a field overrides
        it.
        """
        login = command in {"LOG", "REG"}
        asked = self.request(**fields) if login else json.dumps(fields)
        answer, payload = self.ask(command, asked)
        return answer, json.loads(payload)

    def request(self, username: str, **fields: Any) -> str:
        """Return the payload of a LOG or REG that proves our key on this connection."""
        return json.dumps({"username": username, **self.proof(username), **fields})

    def proof(self, username: str) -> dict[str, Any]:
        """Return the fields that prove our key on this connection."""
        return proof(self.socket, self.key, username, int(time.time() + self._serve.clock_ahead))

    def register(self, name: str, **fields: Any) -> None:
        """Create an account with the password `password`."""
        answer = self.tell("REG", username=name, password="password", **fields)
        assert answer[1]["outcome"] == "OK", answer


class SecurePeer(Raw):
    """A dialling peer of the secure dialect: TLS 1.3 with a certificate over its own key."""

    def __init__(self, port: int, identity: "PeerIdentity") -> None:
        made = context()
        made.load_cert_chain(identity.file)
        plain = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket = made.wrap_socket(plain)


class PeerIdentity:
    """A key, and a certificate for it."""

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
        self.key = key
        self.public = public_of(key)


class Circuit(Raw):
    """A connection with the circuit's ALPN protocol."""

    def __init__(self, serve: Serve) -> None:
        plain = socket.create_connection(serve.secure_tcp, timeout=20)
        self.socket: ssl.SSLSocket = context(["p2pchat-circuit/1"]).wrap_socket(plain)
        serve.close_too(self)

    def join(self, ticket: str) -> None:
        self.say("JOIN", json.dumps({"ticket": ticket}))

    def hears(self) -> tuple[str, dict[str, Any]]:
        command, payload = self.hear()
        return command, json.loads(payload)


class OnCircuit(Raw):
    """A peer at the other end of an open circuit: TLS 1.3 inside, with a certificate of its own."""

    def __init__(self, circuit: Circuit, identity: PeerIdentity, *, dialled: bool) -> None:
        self.socket: Any = _TlsInside(circuit.socket, identity, dialled=dialled)


class _TlsInside:
    """The part of a socket that `Raw` uses, over TLS within TLS."""

    def __init__(self, outer: ssl.SSLSocket, identity: PeerIdentity, *, dialled: bool) -> None:
        made = context() if dialled else ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.set_alpn_protocols(["p2pchat/3"])
        made.load_cert_chain(identity.file)
        self._outer = outer
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = made.wrap_bio(self._in, self._out, server_side=not dialled)
        self._until_done(self._tls.do_handshake)

    def sendall(self, data: bytes) -> None:
        self._tls.write(data)
        self._flush()

    def recv(self, size: int) -> bytes:
        try:
            return bytes(self._until_done(lambda: self._tls.read(size)))
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError):
            return b""

    def close(self) -> None:
        self._outer.close()

    def _until_done(self, step: Any) -> Any:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._flush()
                data = self._outer.recv(65536)
                if data:
                    self._in.write(data)
                else:
                    self._in.write_eof()
            else:
                self._flush()
                return done

    def _flush(self) -> None:
        data = self._out.read()
        if data:
            self._outer.sendall(data)
