"""The secure dialect's heartbeat: a datagram with a MAC, and its answer (PROTOCOL, "Secure").

    HELLO   b"P2PH"  session (8)  counter (8)  MAC (16)                      36 bytes
    answer  b"P2PA"  counter (8)  port (2)  IP address (4 or 16)             18 or 30 bytes

The MAC is HMAC-SHA-256 over the bytes before it, cut to 16 bytes, keyed by the login's `hello_key`.
The counter grows with each datagram, which prevents replays. The answer is shorter than the HELLO,
so that the registry cannot be used to amplify an attack on a third party.
"""

import hashlib
import hmac
import ipaddress
import struct
from functools import lru_cache
from typing import Final, NamedTuple

from p2pchat.errors import RemoteProtocolError

SESSION_BYTES: Final = 8
KEY_BYTES: Final = 32

_HELLO: Final = struct.Struct("!4s8sQ")
_ANSWER: Final = struct.Struct("!4sQH")
_MAC_BYTES: Final = 16
_HELLO_MARK: Final = b"P2PH"
_ANSWER_MARK: Final = b"P2PA"


class SealedHello(NamedTuple):
    """A heartbeat as received, not verified yet; `mac` authenticates `signed`."""

    session: bytes
    counter: int
    signed: bytes
    mac: bytes

    def is_true(self, key: bytes) -> bool:
        """Return whether the heartbeat was made with the key."""
        return hmac.compare_digest(self.mac, _mac(key, self.signed))


def seal_hello(session: bytes, counter: int, key: bytes) -> bytes:
    """Return the datagram of a heartbeat."""
    signed = _HELLO.pack(_HELLO_MARK, session, counter)
    return signed + _mac(key, signed)


def open_hello(datagram: bytes) -> SealedHello:
    """Parse a sealed heartbeat. Raise RemoteProtocolError if it is malformed."""
    if len(datagram) != _HELLO.size + _MAC_BYTES or not datagram.startswith(_HELLO_MARK):
        raise RemoteProtocolError("the datagram is not a HELLO")
    signed = datagram[: _HELLO.size]
    _, session, counter = _HELLO.unpack(signed)
    return SealedHello(session, counter, signed, datagram[_HELLO.size :])


def write_answer(counter: int, host: str, port: int) -> bytes:
    """Return the registry's answer, with the address from which the heartbeat came."""
    return _ANSWER.pack(_ANSWER_MARK, counter, port) + _packed(host)


def read_answer(datagram: bytes) -> tuple[int, str, int]:
    """Return counter, host and port. Raise RemoteProtocolError if it is not an answer."""
    address = datagram[_ANSWER.size :]
    if not datagram.startswith(_ANSWER_MARK) or len(address) not in {4, 16}:
        raise RemoteProtocolError("the datagram is not an answer to a HELLO")
    _, counter, port = _ANSWER.unpack(datagram[: _ANSWER.size])
    return counter, str(ipaddress.ip_address(address)), port


@lru_cache(maxsize=4096)
def _packed(host: str) -> bytes:
    """Return the bytes of an IP address: to parse it takes as long as to check the MAC."""
    return ipaddress.ip_address(host).packed


def _mac(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, signed, hashlib.sha256)[:_MAC_BYTES]
