"""The catalogue: one frozen class for each message, whatever dialect carries it.

A message refuses nonsense when it is built, by sender and receiver alike, and hides secrets from
`repr`. It knows neither bytes nor who may say it when.
"""

from enum import StrEnum
from typing import ClassVar

import msgspec


class Outcome(StrEnum):
    """What the registry answers to `REG`, `LOG` and `PS_PORT`."""

    OK = "OK"
    FAIL = "FAIL"


class Presence(StrEnum):
    """What the registry knows of a user who was searched for."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    NOT_FOUND = "NOT_FOUND"


class Reply(StrEnum):
    """What the person who was called answers."""

    ACCEPT = "ACCEPT"
    REJECT = "REJECT"
    BUSY = "BUSY"


class Message(msgspec.Struct, frozen=True):
    """What is said. Fields named in `hidden` never show in `repr`, logs or tracebacks."""

    hidden: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        fields = (
            f"{name}=..." if name in self.hidden else f"{name}={getattr(self, name)!r}"
            for name in self.__struct_fields__
        )
        return f"{type(self).__name__}({', '.join(fields)})"


class Register(Message, frozen=True):
    """Make an account, and be logged in as it."""

    username: str
    password: str
    hidden = frozenset({"password"})


class RegisterResult(Message, frozen=True):
    """FAIL: the name is taken or cannot be had."""

    outcome: Outcome


class Login(Message, frozen=True):
    """Be logged in."""

    username: str
    password: str
    hidden = frozenset({"password"})


class LoginResult(Message, frozen=True):
    """FAIL: name and password do not match."""

    outcome: Outcome


class AnnouncePort(Message, frozen=True):
    """Tell the registry where one's peer server listens; None where what came is no port."""

    port: int | None

    def __post_init__(self) -> None:
        if self.port is not None:
            check_port(self.port)


class AnnouncePortResult(Message, frozen=True):
    """FAIL: the port is taken at that address, or is no port."""

    outcome: Outcome


class Search(Message, frozen=True):
    """Ask where a user is."""

    username: str


class SearchResult(Message, frozen=True):
    """Where the user is; host and port with ONLINE only."""

    presence: Presence
    host: str = ""
    port: int = 0

    def __post_init__(self) -> None:
        if self.presence is Presence.ONLINE:
            check_port(self.port)
            if not self.host or " " in self.host:
                raise ValueError(f"{self.host!r} is no host")


class Logout(Message, frozen=True):
    """Be offline; the registry closes the connection."""


class Hello(Message, frozen=True):
    """The heartbeat: this user is still there."""

    username: str


class ChatRequest(Message, frozen=True):
    """Ask the person who listens here for a chat; `port` is the caller's own peer server's."""

    username: str
    port: int

    def __post_init__(self) -> None:
        check_port(self.port)


class ChatReply(Message, frozen=True):
    """The answer to a chat request."""

    reply: Reply


class ChatText(Message, frozen=True):
    """What a person says to the other."""

    text: str
    hidden = frozenset({"text"})


def check_port(port: int) -> None:
    """Raise ValueError where `port` is not 1 to 65535."""
    if not 0 < port < 65536:
        raise ValueError(f"{port} is no port")
