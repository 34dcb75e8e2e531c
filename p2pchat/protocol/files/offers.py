"""What a contact offers in a line: a file or a folder, by name and size.

The bytes of a small file come with the offer. Names are the contact's own; see `names` for those on
a disk. Reads no files.
"""

import re
from typing import Final

import msgspec

from p2pchat.protocol.files.pieces import SUM_BYTES
from p2pchat.protocol.sizes import size_words
from p2pchat.protocol.text import one_line

MOST_INLINE: Final = 64 * 1024
"""Bytes of the largest file that comes with its offer."""

MOST_FILES: Final = 100_000
"""Files in a folder."""

MOST_SIZE: Final = 2**53 - 1
"""Bytes in all."""

SHA256: Final = "sha256"

_MOST_NAME_BYTES: Final = 255
_ALGORITHM: Final = re.compile("[a-z0-9-]{1,16}")


class Offer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file, or a folder with `files` files; `size` is the number of all their bytes.

    `listing`: the SHA-256 of a folder's list (see `listing`). `inline`: all bytes of a small file.
    `executable`: the file may be run. `sum`: the algorithm of all sums; others than SHA256 are for
    later versions.
    """

    name: str
    size: int
    files: int = 1
    folder: bool = False
    executable: bool = False
    listing: bytes = b""
    inline: bytes | None = None
    sum: str = SHA256

    def __post_init__(self) -> None:
        if not 0 < len(self.name.encode("utf-8", "replace")) <= _MOST_NAME_BYTES:
            raise ValueError("an offer has no valid name")
        if not (0 <= self.size <= MOST_SIZE and 0 <= self.files <= MOST_FILES):
            raise ValueError("an offer is too large")
        if not _ALGORITHM.fullmatch(self.sum):
            raise ValueError("an offer has no valid algorithm")
        if len(self.listing) != (SUM_BYTES if self.folder else 0):
            raise ValueError("an offer has no valid list")
        if not self.folder and self.files != 1:
            raise ValueError("an offer of one file has several")
        if self.inline is not None:
            is_small = not self.folder and len(self.inline) <= MOST_INLINE
            if not is_small or len(self.inline) != self.size:
                raise ValueError("an offer has other bytes than it says")

    @property
    def shown_name(self) -> str:
        """The name, safe to show; a folder's ends with a slash."""
        return one_line(self.name) + ("/" if self.folder else "")


def read_offer(data: bytes) -> Offer:
    """Return a stored offer. Raise ValueError if it is damaged."""
    return msgspec.msgpack.decode(data, type=Offer)


def write_offer(offer: Offer) -> bytes:
    """Return the bytes of an offer, to be stored."""
    return msgspec.msgpack.encode(offer)


def offer_text(offer: Offer) -> str:
    """Return the text of the line that offers it, on either side."""
    files = f", {offer.files} files" if offer.folder else ""
    return f"offers {offer.shown_name} ({size_words(offer.size)}{files})"


FOR_OLDER: Final = "; receiving files needs a newer p2pchat"
"""What a contact whose program does not know offers sees after the text."""
