"""The orders of a client about files, and their results."""

from p2pchat.protocol.client.node_order import Done, Order, Result
from p2pchat.protocol.client.transfers import Transfer
from p2pchat.protocol.messages import check_seconds


class Transfers(Result, frozen=True, tag="transfers"):
    """Transfers of files, oldest first.

    `skipped`: links and devices of an offered folder, left out; `renamed`: names made safe.
    """

    transfers: tuple[Transfer, ...]
    skipped: int = 0
    renamed: int = 0


class SendFile(Order[Transfers], frozen=True, tag="send_file"):
    """Offer a file or folder, by its full path, under its own name or another one.

    Answered with the transfer once the offer is on disk; with `wait`, once the contact's node has
    acknowledged it, and it fails if that takes more than `wait` seconds, as for `Send`.
    """

    to: str
    path: str
    name: str = ""
    wait: float | None = None

    def __post_init__(self) -> None:
        if self.wait is not None:
            check_seconds(self.wait, at_least=0)


class GetFile(Order[Done], frozen=True, tag="get_file"):
    """Receive what is offered; `number` 0: the last offer of that user, or of all.

    `folder`: the full path of the folder for it; empty: the usual one.
    """

    number: int = 0
    user: str = ""
    folder: str = ""


class DeclineFile(Order[Done], frozen=True, tag="decline_file"):
    """Decline what is offered; `number` and `user` as in GetFile."""

    number: int = 0
    user: str = ""


class CancelFile(Order[Done], frozen=True, tag="cancel_file"):
    """End a transfer for good."""

    number: int


class ListFiles(Order[Transfers], frozen=True, tag="files"):
    """List the transfers."""
