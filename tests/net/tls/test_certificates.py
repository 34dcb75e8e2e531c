"""Certificates on disk: their keys are private, and their fingerprints differ."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from p2pchat.errors import StorageError
from p2pchat.net.tls.certificates import fingerprint_of_file, make_certificate, server_context
from p2pchat.net.tls.signing import Signer


def test_key_file_is_private_and_each_key_differs(tmp_path: Path) -> None:
    """The key file has mode 0600, and two certificates have two fingerprints."""
    prints = set()
    for name in ("a", "b"):
        certificate, key = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        make_certificate(certificate, key, "registry")
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        prints.add(fingerprint_of_file(certificate))
    assert len(prints) == 2


def test_unusable_files_are_named(tmp_path: Path) -> None:
    """A missing, malformed, mismatched or unwritable file is named in the error."""
    for name in ("a", "b"):
        make_certificate(tmp_path / f"{name}.pem", tmp_path / f"{name}.key", "registry")
    with pytest.raises(StorageError, match=r"b\.key"):
        server_context(tmp_path / "a.pem", tmp_path / "b.key")
    with pytest.raises(StorageError, match="nowhere"):
        server_context(tmp_path / "nowhere", tmp_path / "b.key")
    (tmp_path / "junk").write_text("junk")
    with pytest.raises(StorageError, match="junk"):
        fingerprint_of_file(tmp_path / "junk")
    with pytest.raises(StorageError, match="cannot write"):
        make_certificate(tmp_path / "no" / "c", tmp_path / "no" / "k", "registry")


def test_encrypted_key_is_refused_without_a_prompt(tmp_path: Path) -> None:
    """An encrypted key is refused, since OpenSSL would ask for its password on the terminal."""
    certificate, key, plain = (tmp_path / name for name in ("c.pem", "k.pem", "plain.pem"))
    make_certificate(certificate, plain, "somewhere")
    private = load_pem_private_key(plain.read_bytes(), None)
    key.write_bytes(
        private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
        )
    )
    with pytest.raises(StorageError, match="is encrypted") as refused:
        server_context(certificate, key)
    assert "openssl pkey -in" in refused.value.advice
    with pytest.raises(StorageError, match="is encrypted"):
        Signer(key)
