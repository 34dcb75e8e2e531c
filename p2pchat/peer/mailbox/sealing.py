"""Encryption of runs of lines to prekeys, and decryption (HPKE, RFC 9180).

Signatures are of the identity keys: the sealer checks the prekey's, the opener checks the run's.
Keeps nothing.
"""

import os
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from p2pchat.errors import NotTrusted, RemoteProtocolError
from p2pchat.peer.store.identity import Identity
from p2pchat.protocol.prekeys import LONGEST_LIFE_S, NUMBER_BYTES, Prekey
from p2pchat.protocol.proofs import MAX_CLOCK_SKEW_S
from p2pchat.protocol.sealed import (
    Box,
    Run,
    Signed,
    encode_run,
    prekey_statement,
    read_signed,
    run_statement,
    write_signed,
)

HYBRID: Final = "MLKEM768_X25519"
"""X25519 and the post-quantum ML-KEM-768: whoever stores a run now cannot open it later either."""

CLASSIC: Final = "X25519"

_SUITES: Final = {
    HYBRID: Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305),
    CLASSIC: Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305),
}
_SEED_BYTES: Final = {HYBRID: 64 + 32, CLASSIC: 32}
_MLKEM_SEED: Final = 64
_MLKEM_PUBLIC: Final = 1184


class NoKem(Exception):
    """The KEM of a prekey is missing in this machine's OpenSSL."""


class PrivatePrekey(NamedTuple):
    """The private part of a prekey: the seed of its keys."""

    number: bytes
    kem: str
    seed: bytes


def best_kem() -> str:
    """Return the best KEM that this machine has."""
    try:
        _private(HYBRID, bytes(_SEED_BYTES[HYBRID]))
    except (NoKem, ValueError):
        return CLASSIC
    return HYBRID


def new_prekey(
    identity: Identity,
    registry: bytes,
    username: str,
    kem: str,
    expires_at: int,
    *,
    one_time: bool,
) -> tuple[Prekey, PrivatePrekey]:
    """Return a new prekey of the account, signed, and its private part.

    `registry` is the registry's id; `expires_at` is in seconds since the epoch.
    """
    private = PrivatePrekey(os.urandom(NUMBER_BYTES), kem, os.urandom(_SEED_BYTES[kem]))
    public = _public_bytes(kem, private.seed)
    statement = prekey_statement(
        registry,
        username,
        identity.public,
        private.number,
        kem,
        public,
        expires_at,
        one_time=one_time,
    )
    signature = identity.sign(statement)
    return Prekey(private.number, kem, public, expires_at, signature, one_time), private


def check_prekey(prekey: Prekey, registry: bytes, username: str, key: bytes, now: float) -> Box:
    """Return the box of a user's key for runs to this prekey, at the time `now`.

    Raise NotTrusted if that key has not signed the prekey, as the registry has put in another one,
    or it has expired, as the registry keeps giving an old one.
    """
    statement = prekey_statement(
        registry,
        username,
        key,
        prekey.number,
        prekey.kem,
        prekey.public,
        prekey.expires_at,
        one_time=prekey.one_time,
    )
    is_current = now < prekey.expires_at < now + LONGEST_LIFE_S + MAX_CLOCK_SKEW_S
    if not (is_current and _is_signed(statement, prekey.signature, key)):
        raise NotTrusted(
            f"the registry gives a prekey of {username} that is not {username}'s, or is too old",
            likely="the registry is broken or lying; nothing was left there",
            advice="tell its operator",
        )
    return Box(registry, username, key, prekey.number, prekey.kem)


def seal(run: Run, identity: Identity, box: Box, prekey: Prekey) -> bytes:
    """Return a run, signed by us and encrypted to a prekey that was checked, after its number.

    Raise NoKem if this machine lacks the prekey's KEM, or nothing can be sealed to it; ValueError
    if the run is too long.
    """
    data = encode_run(run)
    padded = write_signed(Signed(data, identity.sign(run_statement(box, data))))
    try:
        public = _public(prekey.kem, prekey.public)
        return prekey.number + _SUITES[prekey.kem].encrypt(padded, public, box.info)
    except (KeyError, UnsupportedAlgorithm, ValueError):  # ValueError: a point of small order
        raise NoKem(prekey.kem) from None


def number_of(sealed: bytes) -> bytes:
    """Return the number of the prekey to which a run is sealed."""
    return sealed[:NUMBER_BYTES]


def open_run(sealed: bytes, box: Box, private: PrivatePrekey) -> Run:
    """Return the run that was sealed to our prekey; its signature is that of its `key`.

    Whose key that is must be checked by the caller. Raise RemoteProtocolError if it was not sealed
    to this prekey and box, or the signature is wrong; NoKem if this machine lacks the KEM, so that
    another one may still open it.
    """
    key = _private(private.kem, private.seed)
    try:
        signed, run = read_signed(
            _SUITES[private.kem].decrypt(sealed[NUMBER_BYTES:], key, box.info)
        )
    except (InvalidTag, ValueError):
        raise RemoteProtocolError("a sealed run cannot be opened with this prekey") from None
    if not _is_signed(run_statement(box, signed.run), signed.signature, run.key):
        raise RemoteProtocolError("a sealed run is not signed by its sender")
    return run


def _is_signed(statement: bytes, signature: bytes, key: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def _private(kem: str, seed: bytes) -> X25519PrivateKey | MLKEM768X25519PrivateKey:
    if len(seed) != _SEED_BYTES.get(kem):
        raise NoKem(kem)
    if kem == CLASSIC:
        return X25519PrivateKey.from_private_bytes(seed)
    try:
        return MLKEM768X25519PrivateKey(
            MLKEM768PrivateKey.from_seed_bytes(seed[:_MLKEM_SEED]),
            X25519PrivateKey.from_private_bytes(seed[_MLKEM_SEED:]),
        )
    except UnsupportedAlgorithm:
        raise NoKem(kem) from None


def _public_bytes(kem: str, seed: bytes) -> bytes:
    if kem == CLASSIC:
        return X25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    first = MLKEM768PrivateKey.from_seed_bytes(seed[:_MLKEM_SEED]).public_key()
    second = X25519PrivateKey.from_private_bytes(seed[_MLKEM_SEED:]).public_key()
    return first.public_bytes_raw() + second.public_bytes_raw()


def _public(kem: str, public: bytes) -> X25519PublicKey | MLKEM768X25519PublicKey:
    """Return a public key. Raise NoKem if its KEM or size is unknown here."""
    try:
        if kem == CLASSIC:
            return X25519PublicKey.from_public_bytes(public)
        if kem == HYBRID:
            return MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC]),
                X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC:]),
            )
    except ValueError:
        pass  # a contact has signed nonsense
    raise NoKem(kem)
