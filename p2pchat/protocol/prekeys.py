"""Prekeys of a mailbox, and what a login tells of the box; see `mailbox` for the messages."""

import re
from typing import Annotated, Final

import msgspec

NUMBER_BYTES: Final = 8
ID_BYTES: Final = 16
"""Of the id of a registry or of a run."""

MOST_PREKEYS: Final = 100
"""Of a box."""

_MOST_PUBLIC_BYTES: Final = 2048
_SIGNATURE_BYTES: Final = 64
_KEM: Final = re.compile(r"[A-Z0-9_]{1,32}")

LONGEST_LIFE_S: Final = 60 * 24 * 3600
"""The longest life of a prekey; no lines are left for an owner who is away for longer."""

Timestamp = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
Days = Annotated[int, msgspec.Meta(ge=0, le=3650)]
Size = Annotated[int, msgspec.Meta(ge=0, le=2**32)]


class Prekey(msgspec.Struct, frozen=True, omit_defaults=True):
    """A public key to which one run can be sealed, signed by the owner's identity key.

    `number` is chosen at random. `expires_at` is in seconds since the epoch. `one_time`: the
    registry gives it once; the others are for when no such one is left.
    """

    number: bytes
    kem: str
    public: bytes
    expires_at: Timestamp
    signature: bytes
    one_time: bool = False

    def __post_init__(self) -> None:
        check_size(self.number, NUMBER_BYTES, "the number of a prekey")
        check_size(self.signature, _SIGNATURE_BYTES, "the signature of a prekey")
        if not _KEM.fullmatch(self.kem):
            raise ValueError("the KEM of a prekey has no valid name")
        if not 0 < len(self.public) <= _MOST_PUBLIC_BYTES:
            raise ValueError("a prekey is too long")


class MailboxGrant(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the answer to a login says about the user's box.

    `registry` is the id of the registry, the same at each of its nodes. `days`: how long a run is
    kept. `prekeys` are the numbers that are there, `waiting` is how many runs are.
    """

    registry: bytes
    days: Days
    prekeys: tuple[bytes, ...] = ()
    waiting: Size = 0

    def __post_init__(self) -> None:
        check_size(self.registry, ID_BYTES, "the id of a registry")
        if len(self.prekeys) > MOST_PREKEYS:
            raise ValueError(f"a box has at most {MOST_PREKEYS} prekeys")


def check_size(data: bytes, size: int, what: str) -> None:
    """Raise ValueError unless `data`, which is `what`, has that many bytes."""
    if len(data) != size:
        raise ValueError(f"{what} has {size} bytes")
