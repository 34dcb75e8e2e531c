"""Certificates and TLS contexts: made, read, and identified by the fingerprints of their keys.

Does no network I/O. A certificate only carries a key: the key is pinned, so a registry keeps its
identity when its certificate is renewed over the same key.
"""

import base64
import datetime as dt
import hashlib
import ssl
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from p2pchat.errors import RemoteProtocolError, StorageError
from p2pchat.private_files import replace_private
from p2pchat.protocol.circuit import CIRCUIT_ALPN
from p2pchat.protocol.secure import ALPN

_LIFETIME: Final = dt.timedelta(days=3650)  # only the key is trusted, and it never expires


def self_signed(key: EllipticCurvePrivateKey | Ed25519PrivateKey, name: str) -> x509.Certificate:
    """Return a certificate over a key, signed with that key; it contains only the name."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        .sign(key, None if isinstance(key, Ed25519PrivateKey) else SHA256())
    )


def make_certificate(certificate_file: Path, key_file: Path, name: str) -> None:
    """Write a self-signed certificate and its key, with mode 0600. Raise StorageError."""
    key = generate_private_key(SECP256R1())
    certificate = self_signed(key, name)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        replace_private(key_file, pem)
        replace_private(certificate_file, certificate.public_bytes(Encoding.PEM))
    except OSError as error:
        raise StorageError(f"cannot write {error.filename}: {error.strerror}") from error


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of the certificate's (DER) public key, in base32, lower case, unpadded.

    Raise RemoteProtocolError if it cannot be read.
    """
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm) as error:
        raise RemoteProtocolError(f"the certificate is malformed: {error}") from error
    return fingerprint_of_key(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def fingerprint_of_key(public: bytes) -> str:
    """Return the fingerprint of a public key that is given as bytes; see `fingerprint`."""
    return base64.b32encode(hashlib.sha256(public).digest()).decode().rstrip("=").lower()


def fingerprint_of_file(certificate_file: Path) -> str:
    """Return the fingerprint of the first certificate of a PEM file. Raise StorageError."""
    return fingerprint(_first_of(certificate_file).public_bytes(Encoding.DER))


def lifetime_of_file(certificate_file: Path) -> tuple[dt.datetime, dt.datetime]:
    """Return the start and end of that certificate's validity. Raise StorageError."""
    return _lifetime(_first_of(certificate_file))


def lifetime(certificate: bytes) -> tuple[dt.datetime, dt.datetime]:
    """Return the start and end of the validity of a certificate (DER) with a known fingerprint."""
    return _lifetime(x509.load_der_x509_certificate(certificate))


def _lifetime(certificate: x509.Certificate) -> tuple[dt.datetime, dt.datetime]:
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def openssl_to_the_registry() -> str:
    """Return the version of OpenSSL used towards the registry; `peer_tls` has its own."""
    return ssl.OPENSSL_VERSION


def _first_of(certificate_file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(certificate_file.read_bytes())
    except (OSError, ValueError) as error:
        raise StorageError(f"{certificate_file} contains no certificate: {error}") from error


def server_context(certificate_file: Path, key_file: Path) -> ssl.SSLContext:
    """Return the registry's context: TLS 1.3 only, our ALPN protocols. Raise StorageError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([ALPN, CIRCUIT_ALPN])
    context.num_tickets = 0  # sessions are not resumed

    def refuse_to_ask() -> bytes:
        """Stop OpenSSL from asking for a password on the terminal."""
        raise StorageError(
            f"{key_file} is encrypted",
            likely="it was made with a password, which a registry cannot ask for",
            advice=f"openssl pkey -in {key_file} -out plain-key.pem, and --tls-key plain-key.pem",
        )

    try:
        context.load_cert_chain(certificate_file, key_file, refuse_to_ask)
    except (OSError, ssl.SSLError) as error:
        raise StorageError(
            f"{certificate_file} and {key_file} cannot be used: {error}",
            likely="one of them is not a PEM file, or they do not belong together",
        ) from error
    return context


def client_context(*, checked: bool, alpn: str = ALPN) -> ssl.SSLContext:
    """Return a client's context: TLS 1.3 only, that ALPN protocol only.

    `checked`: an authority of this machine must vouch for the registry; otherwise the caller must
    check its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([alpn])
    if checked:
        context.load_default_certs()
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
