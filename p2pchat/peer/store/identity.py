"""Our identity: one Ed25519 key per profile, and the safety number of two keys.

The key is in a file that only its owner may read. Does no network I/O.
"""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from p2pchat.errors import NotTrusted, StorageError
from p2pchat.private_files import refuse_if_others_can_read, refuse_unless_private_file

_FIELD: Final = 2**255 - 19
_ROUNDS: Final = 5200  # as in Signal: makes searching for a similar number costly
_GROUPS: Final = 12
_DIGITS: Final = 5


class Identity:
    """A profile's key; `public` is its 32 bytes, which others pin."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self.key = key
        self.public = key.public_key().public_bytes_raw()

    def sign(self, statement: bytes) -> bytes:
        """Return the signature of a statement (64 bytes)."""
        return self.key.sign(statement)

    def agree(self, other: bytes) -> bytes | None:
        """Return the secret that our key and another one agree on (X25519, RFC 7748).

        Both keys are of Ed25519 and are taken as the points of Curve25519 that they stand for (RFC
        7748, section 4.1). None if the other key is of small order, so that there is no secret.
        """
        seed = hashlib.sha512(self.key.private_bytes_raw()).digest()[:32]
        y = int.from_bytes(other, "little") % 2**255
        try:
            u = (1 + y) * pow(1 - y, -1, _FIELD) % _FIELD
            theirs = X25519PublicKey.from_public_bytes(u.to_bytes(32, "little"))
            return X25519PrivateKey.from_private_bytes(seed).exchange(theirs)
        except ValueError:
            return None


def load_identity(file: Path) -> Identity:
    """Return the identity in the file, which is created if it does not exist.

    Raise StorageError if others may read the file or its folder, or it contains no such key.
    """
    try:
        if not file.exists():
            _make(file)
        refuse_if_others_can_read(file.parent)
        refuse_unless_private_file(file)
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, TypeError, ValueError) as error:  # TypeError: the key is encrypted
        raise StorageError(
            f"{file} contains no valid key: {error}",
            advice="p2p profile restore FILE puts back a backup",
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StorageError(f"{file} contains a key of another kind")
    return Identity(key)


def safety_number(ours: bytes, theirs: bytes) -> str:
    """Return the 60 digits, in groups of five, by which two users compare their keys.

    Both ends get the same number; another key at either end gives another number.
    """
    both = b"".join(sorted((ours, theirs)))
    digest = b""
    for _ in range(_ROUNDS):
        digest = hashlib.sha512(digest + both).digest()
    groups = (digest[i * _DIGITS : (i + 1) * _DIGITS] for i in range(_GROUPS))
    return " ".join(f"{int.from_bytes(group) % 10**_DIGITS:0{_DIGITS}d}" for group in groups)


def another_key(contact: str) -> NotTrusted:
    """Return the error for a contact whose published key is not the pinned one."""
    return NotTrusted(
        f"the registry says that {contact} has a different key from the one we know",
        likely=f"{contact} has a new profile or machine, or the registry is lying",
        advice=f"ask {contact} through another channel; /trust {contact}, or p2p trust {contact},"
        " shows the new key's number",
    )


def impostor(contact: str) -> NotTrusted:
    """Return the error for a remote whose key neither we nor the registry know for the contact.

    Such a key must not be offered for trust: anyone who dials can present any key.
    """
    return NotTrusted(
        f"it is not {contact}: neither you nor the registry knows that key",
        likely=f"an impostor, or another program at an address that was {contact}'s",
    )


def _make(file: Path) -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor, unfinished = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}-")
    try:
        with open(descriptor, "wb") as out:
            out.write(pem)
            out.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):  # another process created it first; its key is used
            os.link(unfinished, file)  # atomic: a key that others pin must never be incomplete
    finally:
        os.unlink(unfinished)
