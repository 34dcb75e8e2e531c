"""The offer of a file or folder in a line: its name and size.

A small file's bytes are part of the offer. Names are the sender's; `names` makes them safe for a
disk. Does no I/O.
"""

import re
from typing import Final

import msgspec

from p2pchat.protocol.counting import counted
from p2pchat.protocol.files.pieces import SUM_BYTES
from p2pchat.protocol.sizes import size_words
from p2pchat.protocol.text import one_line

MOST_INLINE: Final = 64 * 1024
"""The size limit of a file inside its offer, in bytes."""

MOST_FILES: Final = 100_000
"""The largest number of files in a folder."""

MOST_SIZE: Final = 2**53 - 1
"""The largest size of an offer, in bytes."""

SHA256: Final = "sha256"

_MOST_NAME_BYTES: Final = 255
_ALGORITHM: Final = re.compile("[a-z0-9-]{1,16}")


class Offer(msgspec.Struct, frozen=True, omit_defaults=True):
    """An offered file, or folder with `files` files; `size` in bytes, of all files together.

    `listing`: the SHA-256 of a folder's list (see `listing`). `inline`: all bytes of a small file.
    `executable`: whether the file is executable. `sum`: the algorithm of all sums; later versions
    may use others than SHA256.
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
        """The name, safe to show, with a final slash for a folder."""
        return one_line(self.name) + ("/" if self.folder else "")


def read_offer(data: bytes) -> Offer:
    """Decode a stored offer. Raise ValueError if it is damaged."""
    return msgspec.msgpack.decode(data, type=Offer)


def write_offer(offer: Offer) -> bytes:
    """Encode an offer, to be stored."""
    return msgspec.msgpack.encode(offer)


def offer_text(offer: Offer) -> str:
    """Return the text of the line with the offer, for either side."""
    files = f", {counted(offer.files, 'file')}" if offer.folder else ""
    return f"offers {offer.shown_name} ({size_words(offer.size)}{files})"


FOR_OLDER: Final = "; receiving files needs a newer p2pchat"
"""Appended to the text for contacts whose programs do not support offers."""
