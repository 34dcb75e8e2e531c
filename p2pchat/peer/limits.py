"""How much strangers may ask of our own end: the numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PeerLimits:
    """The numbers; 0 is without limit. Times in seconds, sizes in bytes."""

    silent_links: int = 64
    """Links that have said nothing yet, from everywhere and from one host: one host's silence
    cannot keep the others out. A contact's connection back is one such link."""
    silent_links_per_host: int = 8
    speak_timeout: float = 30.0
    """Until a silent link must have spoken, if nobody at its host may be silent."""
    handshake_bytes: int = 64 * 1024
    """Of a link that has proved no key yet."""
    pending_calls: int = 8
    """Callers whose key is looked up at the registry, where their questions wait with ours."""
    calls_per_minute: int = 20
    """From one address; more are told that we are busy, and nobody else is told."""
