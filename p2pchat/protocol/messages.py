"""The messages between clients and the registry: one frozen class for each, of either dialect.

What peers say to each other is in `talk`.

A message refuses nonsense when it is built, by sender and receiver alike, and hides secrets from
`repr`. It knows neither bytes nor who may say it when.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Final

import msgspec

from p2pchat.protocol.names import check_name
from p2pchat.protocol.proofs import SignedNodes

RequestId = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""Chosen by the client; every JSON implementation can repeat such a number."""


Timestamp = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
"""Seconds since the epoch."""


class Outcome(StrEnum):
    """What the registry answers to `REG`, `LOG` and `PS_PORT`."""

    OK = "OK"
    FAIL = "FAIL"


class Presence(StrEnum):
    """What the registry knows of a user who was searched for."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    NOT_FOUND = "NOT_FOUND"


class Reason(StrEnum):
    """Why a request was refused, for programs; the original dialect cannot express it."""

    NAME_TAKEN = "NAME_TAKEN"
    BAD_NAME = "BAD_NAME"
    WEAK_PASSWORD = "WEAK_PASSWORD"
    WRONG_PASSWORD = "WRONG_PASSWORD"
    BAD_TOKEN = "BAD_TOKEN"
    BAD_PROOF = "BAD_PROOF"
    BAD_CLOCK = "BAD_CLOCK"
    PORT_TAKEN = "PORT_TAKEN"
    REGISTRATION_CLOSED = "REGISTRATION_CLOSED"
    INVITE_NEEDED = "INVITE_NEEDED"
    REPLACED = "REPLACED"
    SILENT = "SILENT"
    LOGGED_OUT = "LOGGED_OUT"
    DISABLED = "DISABLED"


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """Any message. Fields named in `hidden` never show in `repr`, logs or tracebacks.

    Fields with a default that the original dialect cannot say are absent there.
    """

    hidden: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        fields = (
            f"{name}=..." if name in self.hidden else f"{name}={getattr(self, name)!r}"
            for name in self.__struct_fields__
        )
        return f"{type(self).__name__}({', '.join(fields)})"


class Request(Message, frozen=True, kw_only=True):
    """What a client asks of the registry; its answer repeats the `id`."""

    id: RequestId | None = None


class Answer(Message, frozen=True, kw_only=True):
    """What the registry answers."""

    id: RequestId | None = None


class Grant(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a login gives: a token for the next ones, and what the heartbeat needs.

    `session` names the login in heartbeats, `hello_key` signs them, `hello_interval` is in seconds.
    `nodes` are the registry's other nodes, vouched for by the key that the client asked for.
    """

    token: str
    session: bytes
    hello_key: bytes
    hello_interval: float
    nodes: SignedNodes | None = None

    def __post_init__(self) -> None:
        check_seconds(self.hello_interval, at_least=0.1)

    def __repr__(self) -> str:
        return "Grant(...)"


class Register(Request, frozen=True):
    """Create an account and log in to it; further fields as in Login.

    `invite` is the code that a registry may want to see.
    """

    username: str
    password: str
    key: bytes | None = None
    proof: bytes = b""
    at: Timestamp = 0
    allow_original: bool = False
    errand: bool = False
    invite: str = ""
    vouched_by: str = ""
    hidden = frozenset({"password", "proof", "invite"})

    def __post_init__(self) -> None:
        check_key(self.key)


class RegisterResult(Answer, frozen=True):
    """FAIL: the name is taken, or the account cannot be created."""

    outcome: Outcome
    reason: Reason | None = None
    grant: Grant | None = None


class Login(Request, frozen=True):
    """Log in, by password or, if there is one, by a token.

    In the secure dialect the login proves an identity: `key` is its public key (32 bytes), `proof`
    its signature of `proofs.login_statement` at the client's time `at`, in seconds since the epoch.
    `allow_original`: the account may use the original listener, and be found there. `errand`: only
    to ask something; neither be online, nor replace a login that is. `vouched_by` is the
    fingerprint of the key that must have signed the list of nodes in the answer.
    """

    username: str
    password: str = ""
    token: str = ""
    key: bytes | None = None
    proof: bytes = b""
    at: Timestamp = 0
    allow_original: bool = False
    errand: bool = False
    vouched_by: str = ""
    hidden = frozenset({"password", "token", "proof"})

    def __post_init__(self) -> None:
        check_key(self.key)


class LoginResult(Answer, frozen=True):
    """FAIL: name and password, or name, token and key, do not match."""

    outcome: Outcome
    reason: Reason | None = None
    grant: Grant | None = None


class AnnouncePort(Request, frozen=True):
    """Announce the port of the client's own peer server; None if what came is not a port.

    `clear_port`: where it listens for callers of the original dialect, if it does so too.
    """

    port: int | None
    clear_port: int | None = None

    def __post_init__(self) -> None:
        for port in (self.port, self.clear_port):
            if port is not None:
                check_port(port)


class AnnouncePortResult(Answer, frozen=True):
    """FAIL: the port is taken at that address, or is not a port."""

    outcome: Outcome
    reason: Reason | None = None


class Search(Request, frozen=True):
    """Ask where a user is."""

    username: str


class SearchResult(Answer, frozen=True):
    """Where the user is: host and port with ONLINE only; and the user's public key, if any.

    `in_clear`: the user is at the original listener, and can be talked to in clear only.
    """

    presence: Presence
    host: str = ""
    port: int = 0
    key: bytes | None = None
    in_clear: bool = False

    def __post_init__(self) -> None:
        if self.presence is not Presence.ONLINE:
            if self.port:
                raise ValueError("a port of a user who is not online")
        else:
            check_port(self.port)
            host = self.host
            if not host or " " in host or not (host.isascii() and host.isprintable()):
                raise ValueError(f"{self.host!r} is no host")


MAX_WATCHED: Final = 256
MOST_WATCHED_IN_ALL: Final = 4096
"""Names that one login may watch."""


class Watch(Request, frozen=True):
    """Report on these users whenever their presence changes, and no longer on any others.

    With `add`: of those asked about before too. Each name once; at most MAX_WATCHED names, and
    MOST_WATCHED_IN_ALL on a connection: where those beyond it are is told once.
    """

    usernames: tuple[str, ...]
    add: bool = False

    def __post_init__(self) -> None:
        if len(self.usernames) > MAX_WATCHED:
            raise ValueError(f"at most {MAX_WATCHED} users can be watched")
        if len(set(self.usernames)) != len(self.usernames):
            raise ValueError("a user is named twice")
        for username in self.usernames:
            check_name(username)


class PresenceUpdate(Message, frozen=True):
    """Where a watched user is; the registry says it unasked."""

    username: str
    result: SearchResult

    def __post_init__(self) -> None:
        check_name(self.username)


class WatchResult(Answer, frozen=True):
    """Where the watched users are now."""

    sightings: tuple[PresenceUpdate, ...]

    def __post_init__(self) -> None:
        if len(self.sightings) > MAX_WATCHED:
            raise ValueError(f"at most {MAX_WATCHED} users can be watched")


class ChangePassword(Request, frozen=True):
    """Set a new password, knowing the old one; every token of the account ends."""

    old: str
    new: str
    hidden = frozenset({"old", "new"})


class ChangePasswordResult(Answer, frozen=True):
    """FAIL: the old password is wrong, or the new one is not acceptable."""

    outcome: Outcome
    reason: Reason | None = None


class RevokeTokens(Request, frozen=True):
    """End a token, or (without one) every token of the account."""

    token: str = ""
    hidden = frozenset({"token"})


class RevokeTokensResult(Answer, frozen=True):
    """Done."""

    outcome: Outcome
    reason: Reason | None = None


class SlowDown(Answer, frozen=True):
    """Instead of any answer: too much was asked for; nothing was done. Ask again in `seconds`."""

    seconds: float

    def __post_init__(self) -> None:
        check_seconds(self.seconds, at_least=0)


class Logout(Request, frozen=True):
    """Log out; the registry closes the connection."""


class Goodbye(Message, frozen=True):
    """The registry hangs up, and says why: REPLACED by another login, SILENT for too long, or
    LOGGED_OUT from elsewhere.
    """

    reason: Reason


class Hello(Message, frozen=True):
    """The heartbeat: this user is still there."""

    username: str


def check_seconds(seconds: float, *, at_least: float) -> None:
    """Raise ValueError if `seconds` is less than that, or more than a day."""
    if not at_least <= seconds <= 86400:
        raise ValueError(f"{seconds:g} s is no time to wait")


def check_key(key: bytes | None) -> None:
    """Raise ValueError if a public key is not an Ed25519 key's 32 bytes."""
    if key is not None and len(key) != 32:
        raise ValueError("an Ed25519 key has 32 bytes")


def check_port(port: int) -> None:
    """Raise ValueError if `port` is not 1 to 65535."""
    if not 0 < port < 65536:
        raise ValueError(f"{port} is no port")
