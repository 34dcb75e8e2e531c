"""The events of a node: one frozen class for each. EVENTS.md describes their objects."""

from dataclasses import dataclass, field

from p2pchat.errors import P2PError
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.state import Security


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """We are logged in, and contacts can reach us.

    `machine`: the registry's machine that answered, if it is not the first of its URL.
    """

    username: str
    registry: str
    listening: Address
    machine: str = ""


@dataclass(frozen=True, slots=True)
class LoginFailed:
    """The login failed, and retrying would not help."""

    error: P2PError


@dataclass(frozen=True, slots=True)
class RegistryLost:
    """The registry was lost; the next try is in `retry_in` seconds. Open chats are not affected."""

    error: P2PError
    retry_in: float


@dataclass(frozen=True, slots=True)
class RegistryBack:
    """Logged in again after RegistryLost; `machine` as in LoggedIn."""

    registry: str
    machine: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search: the user's address, or None if they are offline."""

    username: str
    address: Address | None


@dataclass(frozen=True, slots=True)
class SearchFailed:
    """A search got no answer, or there is no such user."""

    username: str
    error: P2PError


@dataclass(frozen=True, slots=True)
class Calling:
    """The contact was found and is being asked for a chat."""

    contact: str


@dataclass(frozen=True, slots=True)
class CallFailed:
    """A call of ours did not lead to a chat."""

    contact: str
    error: P2PError


@dataclass(frozen=True, slots=True)
class Called:
    """A user wants to chat with us; in clear, anyone can claim that name."""

    contact: str
    security: Security = field(default=Security.UNVERIFIED, compare=False)


@dataclass(frozen=True, slots=True)
class Joined:
    """A user has joined by our invitation: a verified contact, who may chat with us."""

    contact: str


@dataclass(frozen=True, slots=True)
class CallWithdrawn:
    """A caller hung up before we answered."""

    contact: str


@dataclass(frozen=True, slots=True)
class CallTurnedAway:
    """A caller was rejected because we are busy."""

    contact: str


@dataclass(frozen=True, slots=True)
class ChatStarted:
    """A chat has started."""

    contact: str
    security: Security = Security.CLEAR


@dataclass(frozen=True, slots=True)
class TextReceived:
    """A contact's message; `text` is safe to show and may contain line feeds."""

    contact: str
    text: str = field(repr=False)
    id: int = field(default=0, compare=False)
    """The id of the line in our history; 0 in clear."""
    at: int = field(default=0, compare=False)
    """When it was written, in milliseconds since the epoch by the contact's clock; 0 in clear."""
    security: Security = field(default=Security.CLEAR, compare=False)


@dataclass(frozen=True, slots=True)
class ContactIdle:
    """The contact has left the keyboard, or is back."""

    contact: str
    idle: bool


@dataclass(frozen=True, slots=True)
class Said:
    """A line of ours, from any client, is on our disk; in clear, it is being sent."""

    contact: str
    text: str = field(repr=False)
    number: int = 0
    """Its number in the conversation; 0 in clear, where nothing is acknowledged."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The contact's lines were read, on any screen."""

    contact: str


@dataclass(frozen=True, slots=True)
class ContactAway:
    """The chat is open, but the contact is offline, or cannot be reached because of `error`.

    Lines are queued.
    """

    contact: str
    error: P2PError | None = None


@dataclass(frozen=True, slots=True)
class ContactLost:
    """The link of an open chat was lost; another is sought. None: the contact's program ended."""

    contact: str
    error: P2PError | None


@dataclass(frozen=True, slots=True)
class ContactLeft:
    """The contact has closed the conversation: lines stay unread there.

    The conversation stays open here.
    """

    contact: str


@dataclass(frozen=True, slots=True)
class ContactBack:
    """The link of an open chat is back, or the contact has opened the conversation again."""

    contact: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """Our lines up to that number are on the contact's disk; `waiting` others are not yet."""

    contact: str
    waiting: int
    up_to: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Renumbered:
    """Waiting lines of ours were renumbered: pairs of the old and the new number."""

    contact: str
    numbers: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class LinesMissing:
    """A disk was restored from an older copy, so up to `count` lines may be missing on it.

    If `ours`, it is ours, which may lack lines of the contact; otherwise the contact's may lack
    ours.
    """

    contact: str
    count: int
    ours: bool


@dataclass(frozen=True, slots=True)
class QuotaFull:
    """So much of the contact is unread that no more is accepted until some of it is read."""

    contact: str
    lines: int
    bytes: int


@dataclass(frozen=True, slots=True)
class OutboxFailed:
    """So many lines will not be delivered: rejected, cancelled or expired; see `error`."""

    contact: str
    error: P2PError
    count: int


@dataclass(frozen=True, slots=True)
class Overdue:
    """A line for the contact has waited for a day; `since` in milliseconds since the epoch."""

    contact: str
    since: int


@dataclass(frozen=True, slots=True)
class NotKept:
    """Our disk failed: these texts were not stored and will not be sent."""

    contact: str
    error: P2PError
    texts: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChatEnded:
    """A chat has ended; `unsent` was not sent any more. Without an error, one side has left."""

    contact: str
    error: P2PError | None
    unsent: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class CallerRefused:
    """A caller failed to prove their name, and the link was closed."""

    contact: str
    error: P2PError


@dataclass(frozen=True, slots=True)
class RegistryTrusted:
    """A registry's key was trusted on first use."""

    registry: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Trouble:
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
    | ContactBack
    | ContactLeft
    | Delivered
    | Renumbered
    | LinesMissing
    | QuotaFull
    | Overdue
    | NotKept
    | OutboxFailed
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
