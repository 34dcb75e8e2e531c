"""The URL of a registry, with its dialect and its settings. Does no I/O."""

import math
import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from p2pchat.errors import UsageError
from p2pchat.net.address import is_host
from p2pchat.protocol.address import Address

ORIGINAL_TCP_PORT: Final = 1235
ORIGINAL_UDP_PORT: Final = 4322
SECURE_PORT: Final = 7117
HELLO_INTERVAL: Final = 6.0
"""Seconds between heartbeats. A server of the original program drops clients silent for ten."""

_FINGERPRINT: Final = re.compile("[a-z2-7]{52}")
_FORM: Final = "p2p://HOST[:7117][#FINGERPRINT] or original://HOST[:1235][?udp=4322&hello=6]"


@dataclass(frozen=True, slots=True)
class RegistryUrl:
    """The address and the dialect of a registry (ARCHITECTURE, "Command line").

    `fingerprint` is that of a secure registry's key, if the URL is a join link. `hello_interval`,
    in seconds, is for the original dialect; a secure registry sends its own. `others` are further
    machines of the same registry, which is named after the first one.
    """

    host: str
    port: int = ORIGINAL_TCP_PORT
    udp_port: int = ORIGINAL_UDP_PORT
    hello_interval: float = HELLO_INTERVAL
    secure: bool = False
    fingerprint: str | None = None
    others: tuple["RegistryUrl", ...] = ()

    @property
    def address(self) -> Address:
        """The TCP address."""
        return Address(self.host, self.port)

    @property
    def link(self) -> str:
        """The full URL by which others reach the registry's first machine."""
        if self.secure:
            return f"{self}#{self.fingerprint}" if self.fingerprint else str(self)
        settings = []
        if self.udp_port != ORIGINAL_UDP_PORT:
            settings.append(f"udp={self.udp_port}")
        if self.hello_interval != HELLO_INTERVAL:
            settings.append(f"hello={self.hello_interval:g}")
        return f"{self}?{'&'.join(settings)}" if settings else str(self)

    def with_key(self, fingerprint: str | None) -> "RegistryUrl":
        """Return the same registry with that fingerprint."""
        return replace(self, fingerprint=fingerprint)

    def with_hello_interval(self, seconds: float) -> "RegistryUrl":
        """Return the same registry with that interval between heartbeats."""
        return replace(self, hello_interval=seconds)

    def __str__(self) -> str:
        """Return the registry's name, independent of settings and of the URL's spelling."""
        return f"{'p2p' if self.secure else 'original'}://{self.address}"


def parse_registry_url(text: str) -> RegistryUrl:
    """Parse a registry's URL, or several of its machines', separated by commas or spaces.

    Raise UsageError, which says what is wrong, if it is invalid.
    """
    first, *others = [_parse(url) for url in text.replace(",", " ").split()] or [_parse(text)]
    if any(other.secure != first.secure for other in others):
        raise UsageError(
            "one registry has one dialect", advice="name p2p:// machines, or original:// ones"
        )
    return replace(first, others=tuple(others))


def _parse(text: str) -> RegistryUrl:
    try:
        parts = urlsplit(text)
        port = parts.port
        strict = bool(parts.query)
        settings = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=strict))
    except ValueError as error:
        raise _malformed(text, str(error)) from error
    if parts.scheme not in {"p2p", "original"}:
        raise _malformed(text, "it must begin with p2p:// or original://")
    if not parts.hostname or parts.path not in {"", "/"} or "@" in parts.netloc:
        raise _malformed(text, "it must consist of a host and perhaps a port, without a path")
    host = parts.hostname.replace("%25", "%")  # RFC 6874 escapes the zone's %
    if not is_host(host):
        raise _malformed(text, f"{host} is not a valid host")
    if port == 0:
        raise _malformed(text, "a port must be 1 to 65535")
    if parts.scheme == "p2p":
        return _secure(text, host, port or SECURE_PORT, settings, parts.fragment)
    if parts.fragment:
        raise _malformed(text, "only p2p:// takes a fingerprint")
    return _original(text, host, port or ORIGINAL_TCP_PORT, settings)


def _secure(
    text: str, host: str, port: int, settings: dict[str, str], fragment: str
) -> RegistryUrl:
    if settings:
        raise _malformed(text, "p2p:// takes no settings")
    fingerprint = fragment.lower() or None
    if fingerprint is not None and not _FINGERPRINT.fullmatch(fingerprint):
        raise _malformed(text, "a fingerprint must have 52 letters and digits")
    return RegistryUrl(host, port, port, secure=True, fingerprint=fingerprint)


def _original(text: str, host: str, port: int, settings: dict[str, str]) -> RegistryUrl:
    udp_port = _number(text, "udp", settings.pop("udp", str(ORIGINAL_UDP_PORT)))
    hello = _number(text, "hello", settings.pop("hello", f"{HELLO_INTERVAL:g}"))
    if settings:
        raise _malformed(text, f"it has no setting {next(iter(settings))!r}")
    if not 0 < udp_port < 65536 or udp_port != int(udp_port):
        raise _malformed(text, "a port must be 1 to 65535")
    if not 0 < hello < math.inf:
        raise _malformed(text, "hello must be a number of seconds above 0")
    return RegistryUrl(host, port, int(udp_port), hello)


def _number(text: str, name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise _malformed(text, f"{name} must be a number, not {value!r}") from None


def _malformed(text: str, why: str) -> UsageError:
    return UsageError(f"{text!r} is not a registry's URL: {why}", advice=f"write {_FORM}")
