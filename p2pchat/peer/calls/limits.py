"""Limits on what strangers may use of our node."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PeerLimits:
    """The limits; 0 means no limit. Times are in seconds, sizes in bytes."""

    silent_links: int = 64
    """Links on which nothing was sent yet, from all hosts. Beyond it, the oldest is closed. A
    contact's connection back is one such link.
    """
    silent_links_per_host: int = 8
    """The same, from one IPv4 address or one IPv6 /64 network. Beyond it, new links are closed."""
    speak_timeout: float = 30.0
    """Until a silent link is closed, unless links of its host may be silent."""
    handshake_bytes: int = 64 * 1024
    """Bytes received on a link that has not proved a key yet."""
    pending_calls: int = 8
    """Callers whose key is being looked up; their searches share the registry link with ours."""
    calls_per_minute: int = 20
    """Calls from one address; further callers get BUSY without the user being asked."""
    contact_calls_per_minute: int = 600
    """The same, from a contact whose key is known."""
    idle_link_timeout: float = 300.0
    """Until a link to a contact that neither side needs is closed."""
    unread_lines: int = 20_000
    """Of one contact; further lines stay queued at the contact until some are read."""
    unread_bytes: int = 64 * 1024 * 1024
    """The same, in bytes of text."""
