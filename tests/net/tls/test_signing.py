"""Signatures with the key of a certificate, for each supported kind of key."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from p2pchat.errors import StorageError
from p2pchat.net.tls.signing import Signer, is_signed, is_signed_by_identity

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

KINDS: dict[str, Callable[[], PrivateKey]] = {
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
}

NO_PASSWORD: KeySerializationEncryption = NoEncryption()


def key_file(
    folder: Path,
    key: PrivateKey,
    encryption: KeySerializationEncryption = NO_PASSWORD,
) -> Path:
    file = folder / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return file


@pytest.mark.parametrize("kind", KINDS)
def test_signature_is_valid_for_one_statement_and_key(tmp_path: Path, kind: str) -> None:
    """A signature verifies with its own statement and key only."""
    signer = Signer(key_file(tmp_path, KINDS[kind]()))
    signature = signer.sign(b"statement")
    assert is_signed(b"statement", signature, signer.public)
    assert not is_signed(b"other statement", signature, signer.public)
    assert not is_signed(b"statement", signature[:-1] + bytes([signature[-1] ^ 1]), signer.public)
    other = Signer(key_file(tmp_path, KINDS["Ed25519"]()))
    assert not is_signed(b"statement", signature, other.public)
    assert signer.fingerprint != other.fingerprint


@pytest.mark.parametrize("public", [b"", b"x" * 44, b"\x30\x82" + b"\0" * 1000])
def test_malformed_public_key_verifies_nothing(public: bytes) -> None:
    """A malformed public key from a remote verifies nothing and raises nothing."""
    assert not is_signed(b"statement", b"s" * 64, public)
    assert not is_signed_by_identity(b"statement", b"s" * 64, public)


def test_malformed_signature_is_invalid(tmp_path: Path) -> None:
    """A signature that is empty, too short or too long is invalid."""
    key = ed25519.Ed25519PrivateKey.generate()
    signer = Signer(key_file(tmp_path, key))
    for signature in (b"", b"s", b"s" * 64, b"s" * 10_000):
        assert not is_signed(b"statement", signature, signer.public)
        assert not is_signed_by_identity(
            b"statement", signature, key.public_key().public_bytes_raw()
        )


def test_unusable_key_file_is_an_error(tmp_path: Path) -> None:
    """A missing, malformed, encrypted or unsupported key file raises StorageError."""
    file = tmp_path / "key.pem"
    with pytest.raises(StorageError):
        Signer(file)
    file.write_text("no key")
    with pytest.raises(StorageError):
        Signer(file)
    with pytest.raises(StorageError):
        Signer(key_file(tmp_path, KINDS["Ed25519"](), BestAvailableEncryption(b"password")))
    other = ed448.Ed448PrivateKey.generate()
    file.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NO_PASSWORD))
    with pytest.raises(StorageError) as refused:
        Signer(file)
    assert "other than Ed25519" in refused.value.what
