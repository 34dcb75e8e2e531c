"""The events of a node: one frozen class for each; EVENTS.md has their objects."""

from dataclasses import dataclass, field

from p2pchat.errors import P2PError
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.state import Security


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The registry knows us, and where we listen.

    `machine`: which one of the registry's answered, if it is not the first that its URL names.
    """

    username: str
    registry: str
    listening: Address
    machine: str = ""


@dataclass(frozen=True, slots=True)
class LoginFailed:
    """We are not logged in, and trying again would not help."""

    error: P2PError


@dataclass(frozen=True, slots=True)
class RegistryLost:
    """The registry is gone; it is tried again in `retry_in` seconds. Open chats go on."""

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
    """A search has no answer, or the answer that there is no such user."""

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
    """A user has joined by our invitation: a verified contact, whose chat is accepted."""

    contact: str


@dataclass(frozen=True, slots=True)
class CallWithdrawn:
    """A caller has hung up before we answered."""

    contact: str


@dataclass(frozen=True, slots=True)
class CallTurnedAway:
    """A caller was told that we are busy."""

    contact: str


@dataclass(frozen=True, slots=True)
class ChatStarted:
    """We are in a chat."""

    contact: str
    security: Security = Security.CLEAR


@dataclass(frozen=True, slots=True)
class TextReceived:
    """A contact's message; `text` is safe to show and may contain line feeds."""

    contact: str
    text: str = field(repr=False)
    id: int = field(default=0, compare=False)
    """The line's in our history; 0 in clear."""
    at: int = field(default=0, compare=False)
    """When it was written, in milliseconds since the epoch by the contact's clock; 0 in clear."""
    security: Security = field(default=Security.CLEAR, compare=False)


@dataclass(frozen=True, slots=True)
class ContactIdle:
    """The contact's person has left the keyboard, or is back at it."""

    contact: str
    idle: bool


@dataclass(frozen=True, slots=True)
class Said:
    """A line of ours, from any screen or command, is on our disk; in clear, it is being sent."""

    contact: str
    text: str = field(repr=False)
    number: int = 0
    """Its place in the conversation; 0 in clear, where nothing is acknowledged."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The contact's lines were seen, on any screen."""

    contact: str


@dataclass(frozen=True, slots=True)
class ContactAway:
    """The chat is open, but the contact is offline, or `error` says why they are not reached.

    What is written waits.
    """

    contact: str
    error: P2PError | None = None


@dataclass(frozen=True, slots=True)
class ContactLost:
    """The link of an open chat is gone, and is sought again; None: the contact's program ended."""

    contact: str
    error: P2PError | None


@dataclass(frozen=True, slots=True)
class ContactLeft:
    """The contact has closed the conversation: what is written stays unread there.

    The conversation is as open as before here.
    """

    contact: str


@dataclass(frozen=True, slots=True)
class ContactBack:
    """The link of an open chat is there again, or the contact has opened the conversation again."""

    contact: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """Our lines up to that number are on the contact's disk; `waiting` others are not yet."""

    contact: str
    waiting: int
    up_to: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Renumbered:
    """Waiting lines of ours have new numbers: pairs of the old and the new one."""

    contact: str
    numbers: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class LinesMissing:
    """A disk is an older copy on which `count` lines may be missing.

    If it is `ours`, lines of the contact are, otherwise lines of ours on the contact's.
    """

    contact: str
    count: int
    ours: bool


@dataclass(frozen=True, slots=True)
class QuotaFull:
    """The contact has so much unread that no more is taken until some of it is seen."""

    contact: str
    lines: int
    bytes: int


@dataclass(frozen=True, slots=True)
class OutboxFailed:
    """So many lines will not be delivered: the contact has rejected them, or we have cancelled
    them.
    """

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
    """Our disk failed: these texts were not kept and will not be sent."""

    contact: str
    error: P2PError
    texts: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChatEnded:
    """A chat is over; `unsent` could not be sent any more. Without an error, one side has left."""

    contact: str
    error: P2PError | None
    unsent: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class CallerRefused:
    """A caller under that name failed to prove it, and the link was closed."""

    contact: str
    error: P2PError


@dataclass(frozen=True, slots=True)
class RegistryTrusted:
    """A registry's key is taken for its own because it is the first that we see."""

    registry: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something of our own does not work; everything else goes on."""

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
    """Return the user that an event is about; empty if it is about none."""
    if isinstance(event, LoggedIn):
        return ""  # that is ourselves
    return str(getattr(event, "contact", "") or getattr(event, "username", ""))
