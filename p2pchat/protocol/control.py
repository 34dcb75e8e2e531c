"""The messages between a user's commands and their running node, on its control socket.

On one machine, between processes of one owner; the same frames and rules as everywhere.
"""

from typing import Final

from p2pchat.protocol.dialects import Dialect
from p2pchat.protocol.messages import Answer, Presence, Request, check_seconds
from p2pchat.protocol.screen import (
    Alert,
    Around,
    Attach,
    AttachProgram,
    Copy,
    Detached,
    Shown,
    Taken,
    Typed,
    TypedAll,
)
from p2pchat.protocol.secure import json_codec
from p2pchat.protocol.states import Dialogue, Speaker, State
from p2pchat.protocol.talk import check_line_id

_LARGE: Final = 8 * 1024 * 1024


class Send(Request, frozen=True):
    """Send these texts to a contact, and wait up to `wait` seconds for the acknowledgement.

    Each text has an id, by which one that is said again, after the node has died, is known. The
    node does nothing after `expires_at` (milliseconds since the epoch): the command has given up.
    """

    contact: str
    texts: tuple[str, ...]
    ids: tuple[str, ...]
    wait: float
    expires_at: int
    hidden = frozenset({"texts"})

    def __post_init__(self) -> None:
        if not self.texts or len(self.ids) != len(self.texts):
            raise ValueError("no texts, or not an id for each")
        for line_id in self.ids:
            check_line_id(line_id)
        check_seconds(self.wait, at_least=0)


class Sent(Answer, frozen=True):
    """What has become of them, as an exit code of `p2p send`; what an error says of it."""

    exit_code: int
    what: str = ""
    likely: str = ""
    advice: str = ""


class Retry(Request, frozen=True):
    """Resend to a contact what has failed; otherwise like `Send`."""

    contact: str
    wait: float
    expires_at: int

    def __post_init__(self) -> None:
        check_seconds(self.wait, at_least=0)


class Cancel(Request, frozen=True):
    """Do not deliver what waits for a contact."""

    contact: str


class Cancelled(Answer, frozen=True):
    """So many lines were cancelled; `why` is empty unless that failed."""

    count: int
    why: str = ""


class Trusted(Request, frozen=True):
    """A contact's other key was taken, by a command: what waits for the old one has failed."""

    contact: str


class TrustedResult(Answer, frozen=True):
    """So many lines waited for the old key; `why` is empty unless the request failed."""

    count: int
    why: str = ""


class Find(Request, frozen=True):
    """Look up a user at the registry."""

    username: str


class FindResult(Answer, frozen=True):
    """The user's presence; `why` is empty unless the registry could not be asked."""

    presence: Presence | None
    host: str = ""
    port: int = 0
    why: str = ""


class GiveWay(Request, frozen=True):
    """Ask a command that is online for a moment to let the asking process run the node."""


class GivenWay(Answer, frozen=True):
    """Whether the process ends now; what it had to send is in the outbox."""

    ends: bool


class Status(Request, frozen=True):
    """Ask how the node stands."""


class StatusResult(Answer, frozen=True):
    """How it stands: with the registry, who is online, what is unread, what waits, which links.

    `internal_errors` counts the bugs that it has contained since it started.
    """

    username: str
    registry: str
    standing: str
    online: tuple[str, ...]
    unread: dict[str, int]
    waiting: dict[str, int]
    links: dict[str, str]
    internal_errors: int = 0


CONTROL: Final = Dialect(
    "control",
    (
        json_codec(Send, "SEND", _LARGE),
        json_codec(Sent, "SEND_RESP", _LARGE),
        json_codec(Retry, "RETRY"),
        json_codec(Cancel, "CANCEL"),
        json_codec(Cancelled, "CANCEL_RESP", _LARGE),
        json_codec(Trusted, "TRUSTED"),
        json_codec(TrustedResult, "TRUSTED_RESP", _LARGE),
        json_codec(Find, "FIND"),
        json_codec(FindResult, "FIND_RESP", _LARGE),
        json_codec(GiveWay, "GIVE_WAY"),
        json_codec(GivenWay, "GIVE_WAY_RESP"),
        json_codec(Status, "STATUS"),
        json_codec(StatusResult, "STATUS_RESP", _LARGE),
        json_codec(Attach, "ATTACH"),
        json_codec(AttachProgram, "ATTACH_PROG"),
        json_codec(Typed, "TYPED", _LARGE),
        json_codec(TypedAll, "TYPED_ALL"),
        json_codec(Taken, "TAKEN"),
        json_codec(Shown, "SHOWN", _LARGE),
        json_codec(Around, "AROUND", _LARGE),
        json_codec(Copy, "COPY", _LARGE),
        json_codec(Alert, "ALERT"),
        json_codec(Detached, "DETACHED", _LARGE),
    ),
)

CONTROL_DIALOGUE: Final = Dialogue(
    State.READY,
    {
        (State.READY, Speaker.DIALLER): {
            Send: State.SENDING,
            Retry: State.SENDING,
            Cancel: State.CANCELLING,
            Trusted: State.TRUSTING,
            Find: State.SEARCHING,
            Status: State.ASKED,
            GiveWay: State.YIELDING,
            Attach: State.ATTACHED,
            AttachProgram: State.ATTACHED,
        },
        (State.SENDING, Speaker.LISTENER): {Sent: State.READY},
        (State.CANCELLING, Speaker.LISTENER): {Cancelled: State.READY},
        (State.TRUSTING, Speaker.LISTENER): {TrustedResult: State.READY},
        (State.SEARCHING, Speaker.LISTENER): {FindResult: State.READY},
        (State.ASKED, Speaker.LISTENER): {StatusResult: State.READY},
        (State.YIELDING, Speaker.LISTENER): {GivenWay: State.READY},
        (State.ATTACHED, Speaker.DIALLER): dict.fromkeys((Typed, TypedAll, Taken), State.ATTACHED),
        (State.ATTACHED, Speaker.LISTENER): {
            **dict.fromkeys((Taken, Shown, Around, Alert, Copy), State.ATTACHED),
            Detached: State.OVER,
        },
    },
)
"""A command (dialler) and the node (listener)."""
