"""The events of a node: one frozen class for each. EVENTS.md describes their objects."""

from p2pchat.errors import P2PError
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.file_events import (
    FileDeclined,
    FileDelivered,
    FileFailed,
    FileOffered,
    FileProgress,
    FileReceived,
    FileWaiting,
)
from p2pchat.protocol.client.node_event import NodeEvent
from p2pchat.protocol.client.state import CameBy, LinkPath, Security


class LoggedIn(NodeEvent, frozen=True):
    """We are logged in, and contacts can reach us.

    `listening`: where we accept calls; None if the user hides the address. `machine`: the
    registry's machine that answered, if it is not the first of its URL.
    """

    username: str
    registry: str
    listening: Address | None
    machine: str = ""


class LoginFailed(NodeEvent, frozen=True):
    """The login failed, and retrying would not help."""

    error: P2PError


class RegistryLost(NodeEvent, frozen=True):
    """The registry was lost; the next try is in `retry_in` seconds. Open chats are not affected."""

    error: P2PError
    retry_in: float


class RegistryBack(NodeEvent, frozen=True):
    """Logged in again after RegistryLost; `machine` as in LoggedIn."""

    registry: str
    machine: str = ""


class Found(NodeEvent, frozen=True):
    """The result of a search; `address` is None if the user is offline or hides it."""

    username: str
    online: bool
    address: Address | None


class SearchFailed(NodeEvent, frozen=True):
    """A search got no answer, or there is no such user."""

    username: str
    error: P2PError


class Calling(NodeEvent, frozen=True):
    """The contact was found and is being asked for a chat."""

    contact: str


class CallFailed(NodeEvent, frozen=True):
    """A call of ours did not lead to a chat."""

    contact: str
    error: P2PError


class Called(NodeEvent, frozen=True):
    """A user wants to chat with us; in clear, anyone can claim that name."""

    contact: str
    security: Security = Security.UNVERIFIED
    uncompared = frozenset({"security"})


class Joined(NodeEvent, frozen=True):
    """A user has joined by our invitation: a verified contact, who may chat with us."""

    contact: str


class CallWithdrawn(NodeEvent, frozen=True):
    """A caller hung up before we answered."""

    contact: str


class CallTurnedAway(NodeEvent, frozen=True):
    """A caller got the answer that we are busy."""

    contact: str


class ChatStarted(NodeEvent, frozen=True):
    """A chat has started."""

    contact: str
    security: Security = Security.CLEAR


class TextReceived(NodeEvent, frozen=True):
    """A contact's message; `text` is safe to show and may contain line feeds."""

    contact: str
    text: str
    id: int = 0
    """The id of the line in our history; 0 in clear."""
    at: int = 0
    """When it was written, in milliseconds since the epoch by the contact's clock; 0 in clear."""
    security: Security = Security.CLEAR
    by: CameBy = CameBy.LINK
    secret = frozenset({"text"})
    uncompared = frozenset({"id", "at", "security", "by"})


class ContactIdle(NodeEvent, frozen=True):
    """The contact has left the keyboard, or is back."""

    contact: str
    idle: bool


class PathChanged(NodeEvent, frozen=True):
    """The link to the contact runs in another way than the one before."""

    contact: str
    path: LinkPath


class Said(NodeEvent, frozen=True):
    """A line of ours, from any client, is on our disk; in clear, it is being sent."""

    contact: str
    text: str
    number: int = 0
    """Its number in the conversation; 0 in clear, where nothing is acknowledged."""
    secret = frozenset({"text"})


class Seen(NodeEvent, frozen=True):
    """The contact's lines were read, on any screen."""

    contact: str


class ContactAway(NodeEvent, frozen=True):
    """The chat is open, but the contact is offline, or cannot be reached because of `error`.

    Lines are queued.
    """

    contact: str
    error: P2PError | None = None


class ContactLost(NodeEvent, frozen=True):
    """The link of an open chat was lost; another is sought. None: the contact's program ended."""

    contact: str
    error: P2PError | None


class ContactLeft(NodeEvent, frozen=True):
    """The contact has closed the conversation: lines stay unread there.

    The conversation stays open here.
    """

    contact: str


class ContactBack(NodeEvent, frozen=True):
    """The link of an open chat is back, or the contact has opened the conversation again."""

    contact: str


class Delivered(NodeEvent, frozen=True):
    """Our lines up to that number are on the contact's disk; `waiting` others are not yet."""

    contact: str
    waiting: int
    up_to: int = 0
    uncompared = frozenset({"up_to"})


class Left(NodeEvent, frozen=True):
    """Our lines up to that number are in the contact's mailbox; they are not delivered yet.

    It keeps them until `until`, in seconds since the epoch.
    """

    contact: str
    up_to: int
    until: int
    uncompared = frozenset({"until"})


class MailboxWaiting(NodeEvent, frozen=True):
    """So much was left for us in our mailbox; it is being fetched."""

    waiting: int


class Renumbered(NodeEvent, frozen=True):
    """Waiting lines of ours were renumbered: pairs of the old and the new number."""

    contact: str
    numbers: tuple[tuple[int, int], ...]


class LinesMissing(NodeEvent, frozen=True):
    """A disk was restored from an older copy, so up to `count` lines may be missing on it.

    If `ours`, it is ours, which may lack lines of the contact; otherwise the contact's may lack
    ours.
    """

    contact: str
    count: int
    ours: bool


class QuotaFull(NodeEvent, frozen=True):
    """So much of the contact is unread that no more is accepted until some of it is read."""

    contact: str
    lines: int
    bytes: int


class OutboxFailed(NodeEvent, frozen=True):
    """So many lines will not be delivered: rejected, cancelled or expired; see `error`."""

    contact: str
    error: P2PError
    count: int


class Overdue(NodeEvent, frozen=True):
    """A line for the contact has waited for a day; `since` in milliseconds since the epoch."""

    contact: str
    since: int


class NotKept(NodeEvent, frozen=True):
    """Our disk failed: these texts were not stored and will not be sent."""

    contact: str
    error: P2PError
    texts: tuple[str, ...]
    secret = frozenset({"texts"})


class ChatEnded(NodeEvent, frozen=True):
    """A chat has ended; `unsent`: lines that were not sent. Without an error, one side has left."""

    contact: str
    error: P2PError | None
    unsent: tuple[str, ...] = ()
    secret = frozenset({"unsent"})


class CallerRefused(NodeEvent, frozen=True):
    """A caller failed to prove their name, and the link was closed."""

    contact: str
    error: P2PError


class RegistryTrusted(NodeEvent, frozen=True):
    """A registry's key was trusted on first use."""

    registry: str
    fingerprint: str


class Trouble(NodeEvent, frozen=True):
    """Something failed on our side; everything else continues."""

    error: P2PError


Event = (
    LoggedIn
    | LoginFailed
    | RegistryLost
    | RegistryBack
    | Found
    | SearchFailed
    | Calling
    | CallFailed
    | Called
    | Joined
    | CallWithdrawn
    | CallTurnedAway
    | ChatStarted
    | TextReceived
    | Said
    | Seen
    | ContactAway
    | ContactLost
    | ContactIdle
    | PathChanged
    | ContactBack
    | ContactLeft
    | Delivered
    | Left
    | MailboxWaiting
    | Renumbered
    | LinesMissing
    | QuotaFull
    | Overdue
    | NotKept
    | OutboxFailed
    | FileOffered
    | FileProgress
    | FileWaiting
    | FileReceived
    | FileDelivered
    | FileDeclined
    | FileFailed
    | ChatEnded
    | CallerRefused
    | RegistryTrusted
    | Trouble
)


def contact_of(event: Event) -> str:
    """Return the user that an event is about; empty if there is none."""
    if isinstance(event, LoggedIn):
        return ""  # our own name
    return str(getattr(event, "contact", "") or getattr(event, "username", ""))
