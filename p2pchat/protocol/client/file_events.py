"""The events of a node about file transfers."""

from p2pchat.errors import P2PError
from p2pchat.protocol.client.node_event import NodeEvent


class FileOffered(NodeEvent, frozen=True):
    """The contact offers a file, or a folder with `files` files; `id` is the transfer's number.

    `name` is safe to show. `taken`: whether it is accepted without asking.
    """

    contact: str
    id: int
    name: str
    size: int
    files: int
    taken: bool = False


class FileProgress(NodeEvent, frozen=True):
    """So many bytes of a file have arrived; `rate` in bytes per second."""

    contact: str
    id: int
    done: int
    size: int
    rate: int
    uncompared = frozenset({"done", "rate"})


class FileWaiting(NodeEvent, frozen=True):
    """A transfer waits; it will continue without user action."""

    contact: str
    id: int
    name: str
    why: str


class FileReceived(NodeEvent, frozen=True):
    """A contact's file or folder was received and verified; `sum` is its root."""

    contact: str
    id: int
    name: str
    path: str
    sum: str


class FileDelivered(NodeEvent, frozen=True):
    """Our file or folder was received and verified by the contact; `sum` is its root."""

    contact: str
    id: int
    name: str
    sum: str


class FileDeclined(NodeEvent, frozen=True):
    """The contact declined our offer."""

    contact: str
    id: int
    name: str


class FileFailed(NodeEvent, frozen=True):
    """A transfer failed."""

    contact: str
    id: int
    name: str
    error: P2PError
