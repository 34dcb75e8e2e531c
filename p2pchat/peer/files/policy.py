"""Decides which offers of contacts are accepted without asking the user, within which limits.

Does no I/O.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Final

from p2pchat.errors import UsageError
from p2pchat.paths import name_of
from p2pchat.protocol.files.names import safe_name
from p2pchat.protocol.sizes import MB, size_of, size_words

if TYPE_CHECKING:
    from p2pchat.peer.store.profile import KnownContact

ASK: Final = "ask"
NEVER: Final = "never"

MOST_UNVERIFIED: Final = 100 * MB
"""Bytes accepted without asking from a contact who is not verified."""

MOST_RELAYED: Final = 10 * MB
"""Bytes accepted without asking through the registry, whose operator pays for them."""

MOST_AT_ONCE: Final = 16
LEAST_RATE: Final = 10_000
"""Bytes per second; at a lower rate, the receiver would consider the connection dead."""

_OF_A_DAY: Final = 10
"""Per contact and day, so many times the size limit is accepted without asking."""


class Decision(Enum):
    """The decision about an offer."""

    ASK = auto()
    TAKE = auto()
    REFUSE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesPolicy:
    """How files are received and sent; sizes in bytes.

    `accept`: "ask", "never", or as text the size up to which files of contacts are accepted without
    asking. `folder`: the parent of one folder per contact. `keep_free`: bytes that must remain
    free on the disk. `rate`: the limit for sending a file, in bytes per second; 0: none. `at_once`:
    the number of concurrent transfers.
    """

    accept: str = ASK
    folder: Path = field(default_factory=lambda: Path.home() / "Downloads" / "p2pchat")
    keep_free: int = 1000 * MB
    rate: int = 0
    at_once: int = 3

    def decide(self, contact: "KnownContact", size: int, accepted_today: int) -> Decision:
        """Return the decision about an offer of `size` bytes.

        `accepted_today`: the bytes of the contact's offers accepted in the last 24 hours.
        """
        wanted = contact.files or self.accept
        if contact.blocked or wanted == NEVER:
            return Decision.REFUSE
        if wanted == ASK or not contact.accepted:
            return Decision.ASK
        most = size_of(wanted)
        of_a_day = _OF_A_DAY * most
        if not contact.verified:
            most = min(most, MOST_UNVERIFIED)
        is_little = size <= most and accepted_today + size <= of_a_day
        return Decision.TAKE if is_little else Decision.ASK

    def folder_for(self, contact: str) -> Path:
        """Return the folder for a contact's files."""
        return self.folder / name_of(safe_name(contact))


def check_accept(text: str) -> str:
    """Return the normalised setting: ask, never, or a size in bytes. Raise UsageError."""
    lowered = text.strip().lower()
    if lowered in {ASK, NEVER}:
        return lowered
    try:
        return str(size_of(text))
    except UsageError:
        raise UsageError(f"{text!r} is not ask, never or a size", advice="such as 100MB") from None


def in_words(accept: str, contact: str, *, is_verified: bool) -> str:
    """Return a sentence that says how a contact's files are treated."""
    if accept == ASK:
        return f"you are asked about each file from {contact}"
    if accept == NEVER:
        return f"files from {contact} are declined"
    size = int(accept)
    said = f"files from {contact} are accepted without asking, up to {size_words(size)} each"
    if size > MOST_UNVERIFIED and not is_verified:
        said += f"; until {contact} is verified, up to {size_words(MOST_UNVERIFIED)}"
    return said
