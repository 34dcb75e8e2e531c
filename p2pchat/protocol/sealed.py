"""What a sealed run contains, and the statements that are signed for it (PROTOCOL, "Mailbox").

A run is some consecutive lines of one conversation. It is encoded as msgpack and padded to one of a
few sizes before it is encrypted. Encrypts and signs nothing itself.
"""

from typing import Final

import msgspec

from p2pchat.errors import RemoteProtocolError
from p2pchat.protocol.messages import check_key
from p2pchat.protocol.names import check_name
from p2pchat.protocol.positions import NO_SUM, check_sum
from p2pchat.protocol.prekeys import NUMBER_BYTES
from p2pchat.protocol.talk import ChatText, check_time

PADDED: Final = (512, 2048, 8192, 32768, 73728)
"""The sizes of runs before they are encrypted, in bytes; a line of 64 KiB fits."""

_OVERHEADS: Final = (NUMBER_BYTES + 32 + 16, NUMBER_BYTES + 1120 + 16)
"""Bytes that encryption adds: the prekey's number, the encapsulated key of X25519 or of
MLKEM768_X25519, and a tag.
"""

SEALED_SIZES: Final = frozenset(size + more for size in PADDED for more in _OVERHEADS)
"""The sizes of sealed runs; no others are kept."""

MOST_LINES: Final = 1000

_LENGTH_BYTES: Final = 4
_PASS_BYTES: Final = 16


class Position(msgspec.Struct, frozen=True, array_like=True):
    """A position in a stream of lines; see `positions`."""

    number: int = 0
    sum: str = NO_SUM

    def __post_init__(self) -> None:
        check_sum(self.sum)
        if not 0 <= self.number <= 2**48:
            raise ValueError(f"{self.number} is not the number of a line")


class Box(msgspec.Struct, frozen=True, array_like=True):
    """A user's box and one of its prekeys: what a run is sealed for.

    `registry` is the registry's id, `key` the owner's identity key; `number` and `kem` are the
    prekey's.
    """

    registry: bytes
    username: str
    key: bytes
    number: bytes
    kem: str

    @property
    def info(self) -> bytes:
        """The bytes that HPKE binds a run to (RFC 9180, section 5.1)."""
        return b"p2pchat/3 mailbox\0" + msgspec.msgpack.encode(self)


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """Lines of one conversation, in order, and how far its sender has received the other's.

    `sender` and `key` are the sender's name and identity key. `after` is the position before the
    first line. `ack` is the sender's own position in the receiver's lines at the time `at` by the
    sender's clock, in milliseconds since the epoch. `permit` is a pass to the sender's box, for the
    answer. Unknown fields are ignored.
    """

    sender: str
    key: bytes
    after: Position
    ack: Position
    at: int
    lines: tuple[ChatText, ...] = ()
    permit: bytes = b""

    def __post_init__(self) -> None:
        check_name(self.sender)
        check_key(self.key)
        check_time(self.at)
        if len(self.lines) > MOST_LINES:
            raise ValueError(f"a run has at most {MOST_LINES} lines")
        if len(self.permit) not in {0, _PASS_BYTES}:
            raise ValueError(f"a pass has {_PASS_BYTES} bytes")
        for before, line in zip(self.lines, self.lines[1:], strict=False):
            if line.seq <= before.seq:
                raise ValueError("the lines of a run are out of order")
        if self.lines and self.lines[0].seq <= self.after.number:
            raise ValueError("a run begins before its own position")


class Signed(msgspec.Struct, frozen=True, array_like=True):
    """The bytes of a run, as its sender has encoded and signed them; see `run_statement`."""

    run: bytes
    signature: bytes


def run_statement(box: Box, run: bytes) -> bytes:
    """Return what the sender's identity key signs: the bytes of the run, for that box.

    It covers the receiver's key, so that the receiver cannot seal the run on to another user.
    """
    return b"p2pchat run 1\0" + msgspec.msgpack.encode(box) + run


def prekey_statement(
    registry: bytes,
    username: str,
    key: bytes,
    number: bytes,
    kem: str,
    public: bytes,
    expires_at: int,
    *,
    one_time: bool,
) -> bytes:
    """Return what the owner's identity key signs for a prekey; see `mailbox.Prekey`."""
    said = (registry, username, key, number, kem, public, expires_at, one_time)
    return b"p2pchat prekey 1\0" + msgspec.msgpack.encode(said)


def encode_run(run: Run) -> bytes:
    """Return the bytes of a run, to be signed."""
    return msgspec.msgpack.encode(run)


def write_signed(signed: Signed) -> bytes:
    """Return the padded bytes of a signed run. Raise ValueError if it is too long."""
    data = msgspec.msgpack.encode(signed)
    whole = _LENGTH_BYTES + len(data)
    size = next((size for size in PADDED if size >= whole), None)
    if size is None:
        raise ValueError(f"a run of {len(data)} bytes is too long")
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data + bytes(size - whole)


def read_signed(padded: bytes) -> tuple[Signed, Run]:
    """Return the signed bytes in decrypted ones, and the run. Raise RemoteProtocolError."""
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    data = padded[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if len(padded) not in PADDED or len(data) != length:
        raise RemoteProtocolError("a sealed run has a wrong size")
    try:
        signed = msgspec.msgpack.decode(data, type=Signed)
        return signed, msgspec.msgpack.decode(signed.run, type=Run)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise RemoteProtocolError(f"a sealed run is invalid: {error}") from None
