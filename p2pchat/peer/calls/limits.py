"""How much strangers may ask of our own end: the numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PeerLimits:
    """The numbers; 0 is without limit. Times in seconds, sizes in bytes."""

    silent_links: int = 64
    """Links that have said nothing yet, from everywhere; of more, the oldest gives way. A
    contact's connection back is one such link."""
    silent_links_per_host: int = 8
    """The same, from one IPv4 address or one IPv6 network of 64 bits."""
    speak_timeout: float = 30.0
    """Seconds until a silent link must have spoken, if no link of its host may be silent."""
    handshake_bytes: int = 64 * 1024
    """Of a link that has proved no key yet."""
    pending_calls: int = 8
    """Callers whose key is looked up at the registry, where their questions wait with ours."""
    calls_per_minute: int = 20
    """From one address; more get BUSY, and the user is not asked."""
    contact_calls_per_minute: int = 600
    """The same, by a contact whose key we know."""
    idle_link_timeout: float = 300.0
    """Until a link to a contact is closed that neither of us needs."""
    unread_lines: int = 20_000
    """Of one contact; what comes beyond waits at the contact until some of it is seen."""
    unread_bytes: int = 64 * 1024 * 1024
    """The same, of text."""
