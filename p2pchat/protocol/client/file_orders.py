"""The orders of a client about files, and their results."""

from p2pchat.protocol.client.node_order import Done, Order, Result
from p2pchat.protocol.client.transfers import Transfer
from p2pchat.protocol.messages import check_seconds


class Transfers(Result, frozen=True, tag="transfers"):
    """File transfers, oldest first.

    `skipped`: the number of symbolic links, empty folders and devices left out of an offered
    folder; `renamed`: the number of names that were made safe.
    """

    transfers: tuple[Transfer, ...]
    skipped: int = 0
    renamed: int = 0


class SendFile(Order[Transfers], frozen=True, tag="send_file"):
    """Offer a file or folder, by its full path, under its own name or another one.

    The result is the transfer, once the offer is on disk. With `wait`, the result follows the
    acknowledgement of the contact's node, or fails after `wait` seconds, as for `Send`.
    """

    to: str
    path: str
    name: str = ""
    wait: float | None = None

    def __post_init__(self) -> None:
        if self.wait is not None:
            check_seconds(self.wait, at_least=0)


class GetFile(Order[Done], frozen=True, tag="get_file"):
    """Receive an offered file; `number` 0: the last offer of that user, or of any user.

    `folder`: the absolute path of the target folder; empty: the default folder.
    """

    number: int = 0
    user: str = ""
    folder: str = ""


class DeclineFile(Order[Done], frozen=True, tag="decline_file"):
    """Decline an offer; `number` and `user` as in GetFile."""

    number: int = 0
    user: str = ""


class CancelFile(Order[Done], frozen=True, tag="cancel_file"):
    """Cancel a transfer."""

    number: int


class ListFiles(Order[Transfers], frozen=True, tag="files"):
    """List the file transfers."""
