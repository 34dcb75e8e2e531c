"""The messages between the operator's commands and the running registry, on its control socket.

It connects processes of one user on one machine. Frames and rules are those of all dialogues.
"""

from typing import Final

import msgspec

from p2pchat.protocol.dialects import Dialect
from p2pchat.protocol.messages import Answer, Request
from p2pchat.protocol.secure import json_codec
from p2pchat.protocol.states import Dialogue, Speaker, State

MOST_SESSIONS: Final = 1000
"""The most sessions in one answer."""

_LARGE: Final = 1024 * 1024


class Refresh(Request, frozen=True):
    """The account has changed in the database; read it again. `log_out`: also end its logins."""

    username: str
    log_out: bool = False


class Refreshed(Answer, frozen=True):
    """The account was read again; `logged_out` is the number of logins that were ended."""

    logged_out: int


class Session(msgspec.Struct, frozen=True):
    """A user who is online: address, ports (0: none), and the seconds since the last heartbeat."""

    username: str
    host: str
    port: int
    secure: bool
    heard_ago: float


class ListSessions(Request, frozen=True):
    """Return the users who are online, sorted by name, from the first one after `after`."""

    after: str = ""


class SessionList(Answer, frozen=True):
    """The first MOST_SESSIONS of the sessions.

    `internal_errors` is the number of bugs contained since the registry started.
    """

    sessions: tuple[Session, ...]
    internal_errors: int = 0


OPERATOR: Final = Dialect(
    "operator",
    (
        json_codec(Refresh, "REFRESH"),
        json_codec(Refreshed, "REFRESH_RESP"),
        json_codec(ListSessions, "SESSIONS"),
        json_codec(SessionList, "SESSIONS_RESP", _LARGE),
    ),
)

OPERATOR_DIALOGUE: Final = Dialogue(
    State.READY,
    {
        (State.READY, Speaker.DIALLER): {Refresh: State.ASKED, ListSessions: State.SEARCHING},
        (State.ASKED, Speaker.LISTENER): {Refreshed: State.READY},
        (State.SEARCHING, Speaker.LISTENER): {SessionList: State.READY},
    },
)
"""The dialogue of a command (dialler) and the registry (listener)."""
