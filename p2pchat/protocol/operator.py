"""The messages between the operator's commands and the running registry, on its control socket.

On one machine, between processes of one owner; the same frames and rules as everywhere.
"""

from typing import Final

import msgspec

from p2pchat.protocol.dialects import Dialect
from p2pchat.protocol.messages import Answer, Request
from p2pchat.protocol.secure import json_codec
from p2pchat.protocol.states import Dialogue, Speaker, State

MOST_SESSIONS: Final = 1000
"""In one answer."""

_LARGE: Final = 1024 * 1024


class Refresh(Request, frozen=True):
    """The account has been changed in the database; look again. `log_out`: and end its logins."""

    username: str
    log_out: bool = False


class Refreshed(Answer, frozen=True):
    """Done; so many logins were ended."""

    logged_out: int


class Session(msgspec.Struct, frozen=True):
    """A user who is online: address, ports (0: none), and the seconds since the last heartbeat."""

    username: str
    host: str
    port: int
    secure: bool
    heard_ago: float


class ListSessions(Request, frozen=True):
    """Ask who is online, by name; those after that one."""

    after: str = ""


class SessionList(Answer, frozen=True):
    """The first MOST_SESSIONS of them.

    `internal_errors` counts the bugs that the registry has contained since it started.
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
"""A command (dialler) and the registry (listener)."""
