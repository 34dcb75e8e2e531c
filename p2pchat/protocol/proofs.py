"""The statements that are signed: their exact bytes, and size limits.

Each statement begins with its own label, so that a signature of one cannot be used for another.
Keys and signatures are made and checked elsewhere.
"""

from typing import Final

import msgspec

MAX_NODES: Final = 32
MAX_NODE_LINK: Final = 160
"""Characters of a join link: enough for a host name, a port and a fingerprint."""

MAX_CLOCK_SKEW_S: Final = 24 * 3600
"""Seconds by which the clocks of a client and a registry may differ at a login."""

MAX_KEY_BYTES: Final = 1024
MAX_SIGNATURE_BYTES: Final = 1024
"""Of a registry's key (SubjectPublicKeyInfo, DER) and of its signature; RSA with 8192 bits fits."""


class Channel(msgspec.Struct, frozen=True):
    """What a login is bound to: the TLS connection with a registry.

    `key` is the fingerprint of the registry's key. `binding` is the client's TLS Finished message:
    unique to the connection, and known only to its two ends (RFC 8446, 4.4.4). TLS's own exporter
    (RFC 9266) would be the standard way, but Python's `ssl` does not offer it.
    """

    key: str
    binding: bytes


class SignedNodes(msgspec.Struct, frozen=True):
    """The join links of a registry's other nodes, signed with one node's key, and their expiry.

    `key` is that node's public key (SubjectPublicKeyInfo, DER). Times are in seconds since the
    epoch.
    """

    nodes: tuple[str, ...]
    issued_at: int
    expires_at: int
    key: bytes
    signature: bytes

    def __post_init__(self) -> None:
        if len(self.nodes) > MAX_NODES or any(len(node) > MAX_NODE_LINK for node in self.nodes):
            raise ValueError("too many nodes, or a link is too long")
        if len(self.key) > MAX_KEY_BYTES or len(self.signature) > MAX_SIGNATURE_BYTES:
            raise ValueError("the key or signature is too long")


def login_statement(channel: Channel, username: str, at: int) -> bytes:
    """Return the statement that a client's identity key signs to log in or register.

    `at` is the client's time, in seconds since the epoch.
    """
    return b"p2pchat login 1\0" + msgspec.json.encode(
        (channel.key, channel.binding.hex(), username, at)
    )


def nodes_statement(nodes: tuple[str, ...], issued_at: int, expires_at: int) -> bytes:
    """Return the statement that a registry's key signs about the registry's other nodes."""
    return b"p2pchat nodes 1\0" + msgspec.json.encode((nodes, issued_at, expires_at))
