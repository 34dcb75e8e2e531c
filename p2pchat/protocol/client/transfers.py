"""File transfers as the clients of a node see them."""

from enum import StrEnum
from typing import Final

import msgspec


class TransferState(StrEnum):
    """The stored state of a transfer."""

    PREPARING = "preparing"
    """Outgoing; its line is not yet in the outbox."""
    OFFERED = "offered"
    WANTED = "wanted"
    """Accepted by the receiving user."""
    DONE = "done"
    """Received, verified and renamed."""
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
"""The final states; `p2p files get` may leave FAILED and DECLINED."""


class Transfer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The transfer of a file or folder to or from a contact.

    `id`: the number that the user types. `offer`: the id of the line that offers it. `name`: safe
    to show; a folder's ends with a slash. `done`: how many of `size` bytes have arrived. `rate`: in
    bytes per second while bytes are moving. `why`: the reason for waiting or failure. `path`: the
    path of the sent or received file on this machine. `at`: when it was offered or accepted, in
    milliseconds since the epoch.
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
        """The state as shown to the user."""
        if self.is_moving:
            return "moving"
        if self.why and self.state not in OVER:
            return "waiting"
        return self.state.value
