"""Invitations: a link by which a friend joins a registry, and both know each other's key at once.

The link is given to the friend by another way than this network. It names the registry's key and
ours, so that the friend's first chat is with a verified contact, and it holds a secret that the
friend's node shows to ours alone, in its CHAT_REQ: then the friend is verified here too. The
registry sees neither key nor secret of it. Opens nothing.
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
"""Seconds for which an invitation is good."""

_SECRET_BYTES: Final = 16
_KEY_BYTES: Final = 32
_FORM: Final = "p2p://HOST:7117/NAME#REGISTRYKEY.NAMEKEY.SECRET"
_SECRET: Final = re.compile("[A-Za-z0-9_-]{16,64}")


class Invitation(NamedTuple):
    """What an invitation's link says: who invites, at which registry, by which key.

    `code`: what some registries want to see before they make an account.
    """

    registry: RegistryUrl
    contact: str
    key: bytes
    secret: str
    code: str = ""

    @property
    def link(self) -> str:
        """The link, which is to be given to one friend."""
        address = f"{self.registry}/{self.contact}{f'?code={self.code}' if self.code else ''}"
        key = base64.b32encode(self.key).decode().rstrip("=").lower()
        return f"{address}#{self.registry.fingerprint}.{key}.{self.secret}"


def new_secret() -> str:
    """Return an unguessable secret."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def digest_of(secret: str) -> bytes:
    """Return what is kept of a secret, which a thief of the profile cannot use."""
    return hashlib.sha256(secret.encode()).digest()


def pasted_link(text: str) -> str:
    """Return the link of what was pasted, which may be the whole line `p2p join '...'`."""
    return text.strip().removeprefix("p2p join").strip().strip("'\"")


def is_invitation(text: str) -> bool:
    """Return whether a link is an invitation, perhaps a damaged one, and not only a registry's."""
    try:
        return urlsplit(text).path.strip("/") != ""
    except ValueError:
        return False


def parse_invitation(text: str) -> Invitation:
    """Read an invitation's link. Raise UsageError if it is not one, or was cut off."""
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
        f"{text!r} is no invitation",
        likely="a part of it was lost when it was copied",
        advice=f"copy the whole line that p2p invite printed: {_FORM}",
    )
