"""Byte stream <-> frames: the 25-byte header of PROTOCOL's "Framing", and its caps.

Knows no message: a frame is a command and a payload, both bytes.
"""

from collections.abc import Mapping
from typing import Final

from p2pchat.errors import LocalProtocolError, RemoteProtocolError

HEADER_BYTES: Final = 25
_SIZE_BYTES: Final = 10
_COMMAND_BYTES: Final = 15
_USUAL_SIZES: Final = 64  # bytes; an answer with an address has about 20
_MOST_REMEMBERED: Final = 4096  # headers
_COMMAND_CHARACTERS: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


Frame = tuple[bytes, bytes]
"""A delimited run of bytes: the command, padded to 15 bytes as on the wire, and the payload."""


def pad(command: str) -> bytes:
    """Return the command's 15 bytes in a header, left-justified and padded with spaces.

    Raise LocalProtocolError for a name that would break the frame: longer, or with other
    characters (PROTOCOL, "Framing").
    """
    name = command.encode("ascii", "replace")
    if not 0 < len(name) <= _COMMAND_BYTES or not _COMMAND_CHARACTERS.issuperset(name):
        raise LocalProtocolError(f"{command!r} is not a valid command name")
    return name.ljust(_COMMAND_BYTES)


class FrameWriter:
    """Writes frames of one command, given padded; headers of the usual sizes are made once."""

    __slots__ = ("_command", "_headers")

    def __init__(self, padded_command: bytes) -> None:
        self._command = padded_command
        self._headers = [self._header(size) for size in range(_USUAL_SIZES)]

    def write(self, payload: bytes) -> bytes:
        """Return the frame's bytes, for one write: the original reads a header with one `recv`."""
        size = len(payload)
        return (self._headers[size] if size < _USUAL_SIZES else self._header(size)) + payload

    def _header(self, size: int) -> bytes:
        return b"%-10d%b" % (size, self._command)


class Caps:
    """Which commands may come, and the most payload bytes each may have.

    Shared by every reader that expects the same. Headers that were found good are remembered, since
    nearly every one has come before: a look-up instead of a check, for as many as are worth it.
    """

    __slots__ = ("_limits", "known")

    def __init__(self, limits: Mapping[bytes, int]) -> None:
        self._limits = limits
        self.known: dict[bytes, tuple[int, bytes]] = {}

    def __bool__(self) -> bool:
        """Return whether anything may come."""
        return bool(self._limits)

    def check(self, header: bytes) -> tuple[int, bytes]:
        """Return the frame's length, with the header, and its command.

        Raise RemoteProtocolError, saying why.
        """
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
        found = HEADER_BYTES + size, command
        if len(self.known) < _MOST_REMEMBERED:
            self.known[header] = found
        return found


NOTHING: Final = Caps({})
"""Nothing may come."""


class FrameReader:
    """Splits received bytes into frames, in time linear in the bytes.

    What is incomplete is kept in a growing buffer and looked at again only when enough has come, so
    one byte at a time costs what a thousand frames at once cost. `waiting` is how many bytes came
    and were not yet given out as frames.
    """

    __slots__ = ("_at", "_data", "_needed", "_tail", "waiting")

    def __init__(self) -> None:
        self._data = b""  # complete or not yet looked at, from _at on
        self._at = 0
        self._tail: bytes | bytearray = b""  # what came while a frame was incomplete
        self._needed = HEADER_BYTES
        self.waiting = 0

    def push(self, data: bytes) -> None:
        """Accept bytes from the wire; `pull` returns the frames that they complete."""
        if not self.waiting:
            self._data, self._at = data, 0
        elif self._tail:
            self._tail += data
        else:
            self._tail = bytearray(data)
        self.waiting += len(data)

    def pull(self, caps: Caps) -> Frame | None:
        """Return the next frame, or None where more bytes are needed.

        `caps` say what may come now: who may not say much is not heard out. Raises
        RemoteProtocolError, naming the reason, at a header that PROTOCOL refuses; the stream has no
        meaning after that.
        """
        while self.waiting >= self._needed:
            data, at = self._data, self._at
            if len(data) - at < self._needed:
                data, at = data[at:] + self._tail, 0
                self._data, self._at = data, at
                self._tail = b""
            start = at + HEADER_BYTES
            header = data[at:start]
            length, command = caps.known.get(header) or caps.check(header)
            end = at + length
            if len(data) >= end:
                self._at = end
                self._needed = HEADER_BYTES
                self.waiting -= length
                if not self.waiting:
                    self._data = b""
                return command, data[start:end]
            self._needed = length
        return None


def _why_unknown(command: bytes) -> str:
    name = command.rstrip(b" ")
    if not name or not _COMMAND_CHARACTERS.issuperset(name):
        return f"the command field {command!r} is malformed"
    return f"the command {name.decode()} has no place here"
