"""Signs with the key of a registry's certificate, and verifies such signatures.

A certificate may have an Ed25519, ECDSA or RSA key, which determines the algorithm.
"""

from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from p2pchat.errors import StorageError
from p2pchat.net.tls.certificates import fingerprint_of_key

_PSS = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)


class Signer:
    """The private key in a PEM file. Raise StorageError if it cannot be read or cannot sign.

    `public` is the public key (SubjectPublicKeyInfo, DER), `fingerprint` its fingerprint.
    """

    def __init__(self, key_file: Path) -> None:
        try:
            key = load_pem_private_key(key_file.read_bytes(), password=None)
        except TypeError as error:  # raised by cryptography if a password is missing
            raise StorageError(
                f"{key_file} is encrypted",
                advice=f"openssl pkey -in {key_file} -out plain-key.pem, and use that file",
            ) from error
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            raise StorageError(f"{key_file} contains no usable key: {error}") from error
        if not isinstance(
            key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
        ):
            raise StorageError(
                f"{key_file} contains a key other than Ed25519, ECDSA or RSA",
                advice="choose a certificate with one of these",
            )
        self._key = key
        self.public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.fingerprint = fingerprint_of_key(self.public)

    def sign(self, statement: bytes) -> bytes:
        """Return the signature of a statement."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(statement)
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(statement, ec.ECDSA(SHA256()))
        return self._key.sign(statement, _PSS, SHA256())


def is_signed(statement: bytes, signature: bytes, public: bytes) -> bool:
    """Return whether the holder of a key (SubjectPublicKeyInfo, DER) has signed the statement."""
    try:
        key = load_der_public_key(public)
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, statement)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, statement, ec.ECDSA(SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, statement, _PSS, SHA256())
        else:
            return False
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def is_signed_by_identity(statement: bytes, signature: bytes, key: bytes) -> bool:
    """Return whether the holder of an identity's key (Ed25519, 32 bytes) has signed it."""
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True
