"""The list of a folder's files, which is sent before their bytes.

One JSON object per line. The offer contains the list's SHA-256, which authenticates the list. Does
no I/O.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from p2pchat.errors import RemoteProtocolError
from p2pchat.protocol.files.names import check_paths
from p2pchat.protocol.files.offers import MOST_FILES, MOST_SIZE, Offer

MOST_LIST_BYTES: Final = 32 * 1024 * 1024


class Listed(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file in a folder: its path, with slashes and without the folder's name, and its size."""

    path: str
    size: int
    executable: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MOST_SIZE:
            raise ValueError("a file in a list has no valid size")


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Listed)


def write_list(files: Sequence[Listed]) -> bytes:
    """Return the encoded list. Raise ValueError if it is too long."""
    data = _encoder.encode_lines(files)
    if len(files) > MOST_FILES or len(data) > MOST_LIST_BYTES:
        raise ValueError(f"a folder may have at most {MOST_FILES:,} files")
    return data


def digest_of(data: bytes) -> bytes:
    """Return the digest of an encoded list, as contained in its offer."""
    return hashlib.sha256(data).digest()


def read_list(data: bytes, offer: Offer) -> list[Listed]:
    """Return the files in a list. Raise RemoteProtocolError if it does not match the offer."""
    if digest_of(data) != offer.listing:
        raise RemoteProtocolError("the list of files is not the one that was offered")
    if data.count(b"\n") > offer.files:
        raise RemoteProtocolError("the list of files has other files than were offered")
    try:
        files = _decoder.decode_lines(data)
        check_paths([one.path for one in files])
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise RemoteProtocolError(f"the list of files is invalid: {error}") from None
    if (len(files), sum(one.size for one in files)) != (offer.files, offer.size):
        raise RemoteProtocolError("the list of files has other files than were offered")
    return files
