"""The events of a node about files that are sent and received."""

from p2pchat.errors import P2PError
from p2pchat.protocol.client.node_event import NodeEvent


class FileOffered(NodeEvent, frozen=True):
    """The contact offers a file, or a folder with `files` files; `id` is the transfer's number.

    `name` is safe to show. `taken`: it is received without asking.
    """

    contact: str
    id: int
    name: str
    size: int
    files: int
    taken: bool = False


class FileProgress(NodeEvent, frozen=True):
    """So many bytes of a file are there; `rate` in bytes a second."""

    contact: str
    id: int
    done: int
    size: int
    rate: int
    uncompared = frozenset({"done", "rate"})


class FileWaiting(NodeEvent, frozen=True):
    """A transfer waits; it goes on by itself."""

    contact: str
    id: int
    name: str
    why: str


class FileReceived(NodeEvent, frozen=True):
    """A file or folder of the contact is here, verified; `sum` is the root over its bytes."""

    contact: str
    id: int
    name: str
    path: str
    sum: str


class FileDelivered(NodeEvent, frozen=True):
    """A file or folder of ours is at the contact, verified; `sum` is the root over its bytes."""

    contact: str
    id: int
    name: str
    sum: str


class FileDeclined(NodeEvent, frozen=True):
    """The contact does not want what we offered."""

    contact: str
    id: int
    name: str


class FileFailed(NodeEvent, frozen=True):
    """A transfer has ended without success."""

    contact: str
    id: int
    name: str
    error: P2PError
