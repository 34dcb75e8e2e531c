"""A scripted hostile registry: well-behaved by default, otherwise as the test says.

It speaks the secure dialect of PROTOCOL with Python's own TLS and none of our code.
"""

import base64
import hashlib
import json
import queue
import select
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conformance.secure_client import PeerIdentity
from tests.programs import Raw, frame

Answer = tuple[str, str | bytes]
Answers = Callable[[dict[str, Any]], Answer]


def grant(**fields: Any) -> dict[str, Any]:
    """Return the grant of a login."""
    session, key = (base64.b64encode(b"s" * size).decode() for size in (8, 32))
    return {"token": "t", "session": session, "hello_key": key, "hello_interval": 50} | fields


def _ok(command: str, **fields: Any) -> Answers:
    return lambda _: (command, json.dumps({"outcome": "OK", **fields}))


class HostileRegistry:
    """Listens on loopback until closed; `join` is its link.

    `answers` holds the answer to each command and `said` the requests of clients; `push` sends to
    every connection that has announced a port.
    """

    def __init__(self, folder: Path) -> None:
        identity = PeerIdentity(folder)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._context.set_alpn_protocols(["p2pchat/3"])
        self._context.num_tickets = 0
        self._context.load_cert_chain(identity.file)
        certificate = x509.load_pem_x509_certificate(identity.file.read_bytes())
        public = certificate.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        digest = base64.b32encode(hashlib.sha256(public).digest()).decode().rstrip("=").lower()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.join = f"p2p://127.0.0.1:{self._listener.getsockname()[1]}#{digest}"
        self.said: list[tuple[str, dict[str, Any]]] = []
        self._online: list[_Pushes] = []
        self._open: list[socket.socket] = []
        self.answers: dict[str, Answers] = {
            "REG": _ok("REG_RESP", grant=grant()),
            "LOG": _ok("LOG_RESP", grant=grant()),
            "PS_PORT": _ok("PS_PORT_RESP"),
            "REVOKE": _ok("REVOKE_RESP"),
            "WATCH": lambda _: ("WATCH_RESP", '{"sightings":[]}'),
            "SEARCH": lambda _: ("SEARCH_RESP", '{"presence":"NOT_FOUND"}'),
        }
        threading.Thread(target=self._accept, daemon=True).start()

    def push(self, command: str, payload: str | bytes) -> None:
        """Send this to every node that is online."""
        for pushes in tuple(self._online):
            pushes.add(frame(command, payload))

    def close(self) -> None:
        """Close the listener and all connections."""
        for sock in (self._listener, *self._open):  # this wakes up the threads that wait
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return  # it was closed
            self._open.append(plain)
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with (
            suppress(OSError, AssertionError),
            self._context.wrap_socket(plain, server_side=True) as tls,
            closing(_Pushes()) as pushes,
        ):
            self._open.append(tls)
            raw = Raw.of(tls)
            tls.settimeout(None)
            while True:
                pushes.send_until_readable(tls)
                command, payload = raw.hear()
                fields = json.loads(payload)
                self.said.append((command, fields))
                answer = self.answers.get(command)
                if answer is None:
                    return
                said, what = answer(fields)
                raw.socket.sendall(frame(said, _repeating(what, fields)))
                if command == "PS_PORT":
                    self._online.append(pushes)


class _Pushes:
    """What the test sends unasked on one connection. The connection's own thread sends it, because
    OpenSSL crashes if two threads use one connection.
    """

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._woken, self._waker = socket.socketpair()

    def add(self, frame: bytes) -> None:
        """Send a frame soon."""
        self._waiting.put(frame)
        with suppress(OSError):  # the connection has ended
            self._waker.send(b"!")

    def close(self) -> None:
        """Drop what is added from now on."""
        self._waker.close()
        self._woken.close()

    def send_until_readable(self, tls: ssl.SSLSocket) -> None:
        """Send what is added, until the other end has sent something."""
        while not tls.pending():
            ready, _, _ = select.select([tls, self._woken], [], [])
            if self._woken in ready:
                self._woken.recv(1)
                tls.sendall(self._waiting.get())
            elif ready:
                return


def _repeating(payload: str | bytes, request: dict[str, Any]) -> str | bytes:
    """Return the payload with the request's id, if it is an object."""
    if isinstance(payload, bytes) or "id" not in request:
        return payload
    try:
        fields = json.loads(payload)
    except (ValueError, RecursionError):
        return payload
    return json.dumps({"id": request["id"], **fields})
