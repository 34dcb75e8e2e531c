"""Byte stream <-> frames: the 25-byte header of PROTOCOL's "Framing", and its caps.

Knows no message: a frame is a command and a payload, both bytes.
"""

from collections.abc import Mapping
from typing import Final

from p2pchat.errors import RemoteProtocolError

HEADER_BYTES: Final = 25
_SIZE_BYTES: Final = 10
_COMMAND_BYTES: Final = 15
_MOST_REMEMBERED: Final = 4096  # headers
_COMMAND_CHARACTERS: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


Frame = tuple[bytes, bytes]
"""A delimited run of bytes: the command, padded to 15 bytes as on the wire, and the payload."""


def pad(command: str) -> bytes:
    """Give the command's 15 bytes in a header, left-justified and padded with spaces."""
    return command.encode("ascii").ljust(_COMMAND_BYTES)


def write_frame(padded_command: bytes, payload: bytes) -> bytes:
    """Give the frame's bytes, for one write: the original reads a header with one `recv`."""
    return b"%-10d%b%b" % (len(payload), padded_command, payload)


class Caps:
    """Which commands may come, and the most payload bytes each may have.

    Shared by every reader that expects the same. Headers that were found good are remembered, since
    nearly every one has come before: a look-up instead of a check, for as many as are worth it.
    """

    __slots__ = ("_limits", "lengths")

    def __init__(self, limits: Mapping[bytes, int]) -> None:
        self._limits = limits
        self.lengths: dict[bytes, int] = {}

    def __bool__(self) -> bool:
        """Tell whether anything may come."""
        return bool(self._limits)

    def check(self, header: bytes) -> int:
        """Give the frame's length, with the header; raises RemoteProtocolError, saying why."""
        size_field, command = header[:_SIZE_BYTES], header[_SIZE_BYTES:]
        digits = size_field.rstrip(b" ")
        if not digits.isdigit():  # of bytes: ASCII digits alone, where int() would take "+23"
            raise RemoteProtocolError(f"the size field {size_field!r} is no decimal number")
        limit = self._limits.get(command)
        if limit is None:
            raise RemoteProtocolError(_why_unknown(command))
        size = int(digits)
        if size > limit:
            name = command.decode().rstrip()
            raise RemoteProtocolError(f"{size} bytes of payload, where {name} has at most {limit}")
        length = HEADER_BYTES + size
        if len(self.lengths) < _MOST_REMEMBERED:
            self.lengths[header] = length
        return length


NOTHING: Final = Caps({})
"""Nothing may come."""


class FrameReader:
    """Take bytes as they come, give frames as they complete, in time linear in the bytes.

    `caps` says what may come now, and may be set anew between frames: who may not say much is not
    heard out. What is incomplete is kept in a growing buffer and looked at again only when enough
    has come, so one byte at a time costs what a thousand frames at once cost.
    """

    __slots__ = ("_at", "_data", "_needed", "_tail", "caps")

    def __init__(self, caps: Caps) -> None:
        self.caps = caps
        self._data = b""  # complete or not yet looked at, from _at on
        self._at = 0
        self._tail = bytearray()  # what came while a frame was incomplete
        self._needed = HEADER_BYTES

    @property
    def waiting(self) -> int:
        """Bytes that came and were not yet given out as frames."""
        return len(self._data) - self._at + len(self._tail)

    def push(self, data: bytes) -> None:
        """Take bytes from the wire; `pull` gives what they complete."""
        if self.waiting:
            self._tail += data
        else:
            self._data, self._at = data, 0

    def pull(self) -> Frame | None:
        """Give the next frame, or None where more bytes are needed.

        Raises RemoteProtocolError, naming the reason, at a header that PROTOCOL refuses; the
        stream has no meaning after that.
        """
        while True:
            data, at = self._data, self._at
            if len(data) - at < self._needed:
                if self.waiting < self._needed:
                    return None
                data, at = data[at:] + self._tail, 0
                self._data, self._at = data, at
                self._tail.clear()
            start = at + HEADER_BYTES
            header = data[at:start]
            length = self.caps.lengths.get(header) or self.caps.check(header)
            end = at + length
            if len(data) >= end:
                self._at = end
                self._needed = HEADER_BYTES
                return header[_SIZE_BYTES:], data[start:end]
            self._needed = length


def _why_unknown(command: bytes) -> str:
    name = command.rstrip(b" ")
    if not name or not _COMMAND_CHARACTERS.issuperset(name):
        return f"the command field {command!r} is malformed"
    return f"the command {name.decode()} has no place here"
