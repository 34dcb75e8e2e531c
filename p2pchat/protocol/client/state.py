"""The state of a node as its clients see it, and its changes. Does no I/O.

A client gets the whole state once and then only differences, so that it never has to ask.
"""

from enum import Enum
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from p2pchat.protocol.client.transfers import Transfer
from p2pchat.protocol.messages import Message


class Security(Enum):
    """How well a chat is protected."""

    CLEAR = "in clear"
    UNVERIFIED = "encrypted, unverified"
    VERIFIED = "encrypted, verified"


class LinkPath(Enum):
    """How a link to a contact runs."""

    LAN = "direct lan"
    DIRECT = "direct"
    MAPPED = "mapped"
    """Direct, to a port that the contact's router passes on."""
    PUNCHED = "punched"
    """Direct, although neither end can be dialled by others."""
    RELAYED = "relayed"
    """Through the registry, which passes the encrypted bytes on."""


class CameBy(Enum):
    """The way by which a message of a contact came."""

    LINK = "link"
    MAILBOX = "mailbox"
    HISTORY = "history"
    """It was received before, and is reported again."""


class SessionState(Enum):
    """The state of our session with the registry."""

    CONNECTING = "connecting"
    ONLINE = "online"
    WAITING = "waiting"
    STOPPED = "stopped"


class ChatState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of a conversation.

    `waiting`: number of unacknowledged lines. Lines up to the number `sent` were sent on this link
    or delivered; those up to `delivered` are delivered. `away`: there is no link, and the contact
    is not known to be online. `idle`: the contact is away from the keyboard. `queued`: unsent bytes
    of a chat in clear, where nothing is acknowledged. `path`: how the link runs, if there is one.
    `left`: waiting lines up to that number are in the contact's mailbox, or delivered.
    """

    security: Security
    waiting: int = 0
    away: bool = False
    sent: int = 0
    delivered: int = 0
    idle: bool = False
    queued: int = 0
    path: LinkPath | None = None
    left: int = 0

    @property
    def has_said_all(self) -> bool:
        """Whether all of our lines are known to be delivered."""
        return not (self.waiting or self.queued)


class NodeState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of a node.

    `retry_at`: when a lost registry is tried again, by this machine's monotonic clock. `calling`:
    the contact who is called and has not answered. `requests`: the users waiting for our answer,
    the first caller first. `online`: the contacts who are online. `moving`: the file transfers
    whose bytes are moving. `muted`: the muted contacts among those that events have named. `dnd`:
    do not disturb. `away`: contacts see our user as away.
    """

    standing: SessionState = SessionState.CONNECTING
    retry_at: float | None = None
    calling: str | None = None
    requests: tuple[str, ...] = ()
    online: tuple[str, ...] = ()
    moving: tuple[Transfer, ...] = ()
    muted: frozenset[str] = frozenset()
    dnd: bool = False
    away: bool = False
    chats: dict[str, ChatState] = {}  # msgspec copies it


class StateChanged(Message, frozen=True, omit_defaults=True):
    """A change of the node's state: the fields that differ. A chat that is None was removed."""

    standing: SessionState | UnsetType = UNSET
    retry_at: float | UnsetType | None = UNSET
    calling: str | UnsetType | None = UNSET
    requests: tuple[str, ...] | UnsetType = UNSET
    online: tuple[str, ...] | UnsetType = UNSET
    moving: tuple[Transfer, ...] | UnsetType = UNSET
    muted: frozenset[str] | UnsetType = UNSET
    dnd: bool | UnsetType = UNSET
    away: bool | UnsetType = UNSET
    chats: dict[str, ChatState | None] = {}  # msgspec copies it


_SIMPLE: Final = tuple(name for name in NodeState.__struct_fields__ if name != "chats")


def change_between(old: NodeState, new: NodeState) -> StateChanged | None:
    """Return the difference of two states; None if there is none."""
    fields = {
        name: getattr(new, name) for name in _SIMPLE if getattr(new, name) != getattr(old, name)
    }
    chats: dict[str, ChatState | None] = {
        contact: chat for contact, chat in new.chats.items() if old.chats.get(contact) != chat
    }
    chats.update(dict.fromkeys(old.chats.keys() - new.chats.keys()))
    return StateChanged(**fields, chats=chats) if fields or chats else None


def changed(state: NodeState, change: StateChanged) -> NodeState:
    """Return the state after a change."""
    fields = {name: value for name in _SIMPLE if (value := getattr(change, name)) is not UNSET}
    chats = {c: chat for c, chat in {**state.chats, **change.chats}.items() if chat is not None}
    return msgspec.structs.replace(state, **fields, chats=chats)
