"""Fixed identity keys for tests, and proofs made with them."""

from collections.abc import Callable

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from p2pchat.protocol.messages import Login, Message, Register
from p2pchat.protocol.proofs import Channel, login_statement


def _key(letter: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(letter * 32)


_KEYS = {key.public_key().public_bytes_raw(): key for key in (_key(b"k"), _key(b"o"))}

KEY, OTHER_KEY = _KEYS


def channel_of(host: str) -> Channel:
    """Return the channel of a secure link from this host."""
    return Channel("registry", host.encode())


def proven(
    request: Message, channel: Channel | None, wall: Callable[[], float], *, sign: bool = True
) -> Message:
    """Return a login or registration with the proof of its key, by default KEY."""
    if channel is None or not isinstance(request, Login | Register) or request.proof:
        return request
    key, at = request.key or KEY, int(wall())
    statement = login_statement(channel, request.username, at)
    proof = _KEYS[key].sign(statement) if sign else b"x" * 64
    return msgspec.structs.replace(request, key=key, proof=proof, at=at)
