"""What becomes of a contact's offer without our user being asked, and how much our disk may give.

Pure: knows neither disk nor links.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Final

from p2pchat.errors import UsageError
from p2pchat.protocol.files.names import safe_name
from p2pchat.protocol.sizes import MB, size_of, size_words

if TYPE_CHECKING:
    from p2pchat.peer.store.profile import KnownContact

ASK: Final = "ask"
NEVER: Final = "never"

MOST_UNVERIFIED: Final = 100 * MB
"""Bytes taken of a contact who is not verified, without asking."""

MOST_RELAYED: Final = 10 * MB
"""Bytes taken through the registry without asking: its operator pays for them."""

MOST_AT_ONCE: Final = 16
LEAST_RATE: Final = 10_000
"""Bytes a second: slower, and the receiver would take the connection to be dead."""

_OF_A_DAY: Final = 10
"""How many times the largest file may be taken of one contact in a day."""


class Decision(Enum):
    """What becomes of an offer."""

    ASK = auto()
    TAKE = auto()
    REFUSE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesPolicy:
    """How files are received and sent; sizes in bytes.

    `accept`: "ask", "never", or the size up to which files of all contacts are taken unasked, as
    text. `folder`: where they go, each contact's into a folder of its own. `keep_free`: what must
    remain on the disk. `rate`: bytes a second that a file is sent with; 0: no limit. `at_once`:
    transfers that move at a time.
    """

    accept: str = ASK
    folder: Path = field(default_factory=lambda: Path.home() / "Downloads" / "p2pchat")
    keep_free: int = 1000 * MB
    rate: int = 0
    at_once: int = 3

    def decide(self, contact: "KnownContact", size: int, accepted_today: int) -> Decision:
        """Return what becomes of an offer of so many bytes.

        `accepted_today`: the bytes of the contact's offers that were taken in the last 24 hours.
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
        return self.folder / safe_name(contact)


def check_accept(text: str) -> str:
    """Return what is to become of files: ask, never, or a size in bytes. Raise UsageError."""
    lowered = text.strip().lower()
    if lowered in {ASK, NEVER}:
        return lowered
    try:
        return str(size_of(text))
    except UsageError:
        raise UsageError(
            f"{text!r} is neither ask nor never nor a size", advice="such as 100MB"
        ) from None


def in_words(accept: str, contact: str, *, is_verified: bool) -> str:
    """Return what becomes of a contact's files, in a sentence."""
    if accept == ASK:
        return f"you are asked about each file of {contact}"
    if accept == NEVER:
        return f"files of {contact} are declined"
    size = int(accept)
    said = f"files of {contact} are taken without asking, up to {size_words(size)} each"
    if size > MOST_UNVERIFIED and not is_verified:
        said += f"; until {contact} is verified, up to {size_words(MOST_UNVERIFIED)}"
    return said
