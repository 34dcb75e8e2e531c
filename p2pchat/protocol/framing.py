"""Splits a byte stream into frames: the 25-byte header of PROTOCOL's "Framing", and size limits.

Knows no messages: a frame is a command and a payload, both bytes.
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
"""The command, padded to 15 bytes as on the wire, and the payload."""


def pad(command: str) -> bytes:
    """Return the command's 15 bytes in a header, left-justified and padded with spaces.

    Raise LocalProtocolError for a name that is too long or has other characters (PROTOCOL,
    "Framing").
    """
    name = command.encode("ascii", "replace")
    if not 0 < len(name) <= _COMMAND_BYTES or not _COMMAND_CHARACTERS.issuperset(name):
        raise LocalProtocolError(f"{command!r} is not a valid command name")
    return name.ljust(_COMMAND_BYTES)


class FrameWriter:
    """Writes frames of one command; headers of the usual sizes are made once."""

    __slots__ = ("_command", "_headers")

    def __init__(self, padded_command: bytes) -> None:
        self._command = padded_command
        self._headers = [self.header(size) for size in range(_USUAL_SIZES)]

    def write(self, payload: bytes) -> bytes:
        """Return the frame's bytes, for one write: the original reads a header with one `recv`."""
        size = len(payload)
        return (self._headers[size] if size < _USUAL_SIZES else self.header(size)) + payload

    def header(self, size: int) -> bytes:
        """Return the header of a frame with so many bytes of payload, which the caller sends."""
        return b"%-10d%b" % (size, self._command)


class Caps:
    """The commands that are allowed, and the most payload bytes of each.

    Shared by all readers that expect the same commands. Valid headers are remembered, up to a
    limit, because nearly all headers repeat, and a look-up is faster than a check.
    """

    __slots__ = ("_limits", "known")

    def __init__(self, limits: Mapping[bytes, int]) -> None:
        self._limits = limits
        self.known: dict[bytes, tuple[int, bytes]] = {}

    def __bool__(self) -> bool:
        """Return whether any command is allowed."""
        return bool(self._limits)

    def check(self, header: bytes) -> tuple[int, bytes]:
        """Return the frame's length, including the header, and its command.

        Raise RemoteProtocolError, with a reason, if the header is invalid.
        """
        size_field, command = header[:_SIZE_BYTES], header[_SIZE_BYTES:]
        digits = size_field.rstrip(b" ")
        if not digits.isdigit():  # ASCII digits only; int() would accept "+23"
            raise RemoteProtocolError(f"the size field {size_field!r} is not a decimal number")
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
"""No command is allowed."""


class FrameReader:
    """Splits received bytes into frames, in linear time.

    An incomplete frame is kept in a growing buffer that is examined only once the header, and then
    once the whole frame has arrived. So receiving byte by byte costs no more than receiving many
    frames at once. `waiting` is the number of bytes that were received and not returned as frames.
    """

    __slots__ = ("_at", "_data", "_needed", "_tail", "waiting")

    def __init__(self) -> None:
        self._data = b""  # complete or not examined yet, from _at on
        self._at = 0
        self._tail: bytes | bytearray = b""  # received while a frame was incomplete
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

    def take_rest(self) -> bytes:
        """Return the waiting bytes, and forget them: what follows is no frame."""
        rest = bytes(self._data[self._at :] + self._tail) if self.waiting else b""
        self._data, self._at, self._tail = b"", 0, b""
        self._needed, self.waiting = HEADER_BYTES, 0
        return rest

    def pull(self, caps: Caps) -> Frame | None:
        """Return the next frame, or None if more bytes are needed.

        Frames that `caps` does not allow are refused by their header, before their payload arrives.
        Raise RemoteProtocolError, with a reason, at an invalid header; the rest of the stream is
        then meaningless.
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
