"""Transfers of files as clients of a node see them."""

from enum import StrEnum
from typing import Final

import msgspec


class TransferState(StrEnum):
    """The state of a transfer on the disk."""

    PREPARING = "preparing"
    """Ours, before its line is in the outbox."""
    OFFERED = "offered"
    WANTED = "wanted"
    """The receiver's user has accepted it."""
    DONE = "done"
    """The receiver has it, verified, under its name."""
    DECLINED = "declined"
    CANCELLED = "cancelled"
    FAILED = "failed"


OVER: Final = frozenset(
    {
        TransferState.DONE,
        TransferState.DECLINED,
        TransferState.CANCELLED,
        TransferState.FAILED,
    }
)
"""The states in which nothing follows, except by `p2p files retry`."""


class Transfer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A transfer of a file, or of a folder, with a contact.

    `id`: its number for the user. `offer`: the id of the line that offers it. `name`: safe to show;
    a folder's ends with a slash. `done`: bytes of `size` that are there. `rate`: bytes a second, if
    it is moving. `why`: what it waits for, or why it has failed. `path`: of our file: that which is
    sent, or that which was received. `at`: when it was offered, in milliseconds since the epoch.
    """

    id: int
    user: str
    outgoing: bool
    offer: str
    name: str
    size: int
    files: int
    state: TransferState
    at: int
    done: int = 0
    rate: float | None = None
    why: str = ""
    path: str = ""

    @property
    def is_moving(self) -> bool:
        """Whether bytes are moving now."""
        return self.rate is not None

    @property
    def shown_state(self) -> str:
        """The state for the user."""
        if self.is_moving:
            return "moving"
        if self.why and self.state not in OVER:
            return "waiting"
        return self.state.value
