"""A client of the secure door made of Python's own TLS and plain JSON, and of nothing of ours."""

import json
import socket
import ssl
from typing import Any

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
