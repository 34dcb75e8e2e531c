"""Invitations: a link by which a friend joins a registry and both users verify each other's key.

The user sends the link to the friend outside this network. It contains the registry's key and ours,
so that the friend's first chat is with a verified contact. It also contains a secret that the
friend's node shows only to ours, in its CHAT_REQ, which verifies the friend here. The registry sees
neither the keys in the link nor the secret. This module does no I/O.
"""

import base64
import binascii
import hashlib
import re
import secrets
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from p2pchat.errors import UsageError
from p2pchat.peer.registry_client.url import RegistryUrl, parse_registry_url
from p2pchat.protocol.names import is_plain_username

LIFETIME: Final = 7 * 24 * 3600
"""Seconds for which an invitation is valid."""

_SECRET_BYTES: Final = 16
_KEY_BYTES: Final = 32
_FORM: Final = "p2p://HOST:7117/NAME#REGISTRYKEY.NAMEKEY.SECRET"
_SECRET: Final = re.compile("[A-Za-z0-9_-]{16,64}")


class Invitation(NamedTuple):
    """The contents of an invitation's link: the inviting user, the registry and the user's key.

    `code`: the invitation code, if the registry requires one to create an account.
    """

    registry: RegistryUrl
    contact: str
    key: bytes
    secret: str
    code: str = ""

    @property
    def link(self) -> str:
        """The link, to be given to one friend."""
        address = f"{self.registry}/{self.contact}{f'?code={self.code}' if self.code else ''}"
        key = base64.b32encode(self.key).decode().rstrip("=").lower()
        return f"{address}#{self.registry.fingerprint}.{key}.{self.secret}"


def new_secret() -> str:
    """Return an unguessable secret."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def digest_of(secret: str) -> bytes:
    """Return the digest of a secret, which is stored instead and is useless to a thief."""
    return hashlib.sha256(secret.encode()).digest()


def pasted_link(text: str) -> str:
    """Return the link in a pasted text, which may be the whole line `p2p join '...'`."""
    return text.strip().removeprefix("p2p join").strip().strip("'\"")


def is_invitation(text: str) -> bool:
    """Return whether a link is an invitation, even a damaged one, rather than a registry's URL."""
    try:
        return urlsplit(text).path.strip("/") != ""
    except ValueError:
        return False


def parse_invitation(text: str) -> Invitation:
    """Parse an invitation's link. Raise UsageError if it is not one, or is incomplete."""
    try:
        parts = urlsplit(text.strip())
        contact = parts.path.strip("/")
        query = parse_qs(parts.query, strict_parsing=bool(parts.query))
        fingerprint, key_text, secret = parts.fragment.split(".")
        key = base64.b32decode(f"{key_text.upper()}====")
    except (ValueError, binascii.Error) as error:
        raise _malformed(text) from error
    is_whole = len(key) == _KEY_BYTES and _SECRET.fullmatch(secret) and set(query) <= {"code"}
    if not is_whole or not is_plain_username(contact):
        raise _malformed(text)
    registry = parse_registry_url(f"{parts.scheme}://{parts.netloc}#{fingerprint}")
    return Invitation(registry, contact, key, secret, *query.get("code", ()))


def _malformed(text: str) -> UsageError:
    return UsageError(
        f"{text!r} is not a valid invitation",
        likely="part of it was lost in copying",
        advice=f"copy the whole line that p2p invite printed: {_FORM}",
    )
