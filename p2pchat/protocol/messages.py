"""The messages between clients and the registry: one frozen class for each, in both dialects.

The messages between peers are in `talk`. A message checks its fields when it is built, by sender
and receiver alike, and hides secrets from `repr`. It knows neither its encoding nor who may send it
when.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Final

import msgspec

from p2pchat.protocol.address import Address
from p2pchat.protocol.names import check_name
from p2pchat.protocol.prekeys import MailboxGrant, Timestamp
from p2pchat.protocol.proofs import SignedNodes

RequestId = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""Chosen by the client; small enough for every JSON implementation."""


"""Seconds since the epoch."""

Abilities = Annotated[
    tuple[Annotated[str, msgspec.Meta(max_length=16)], ...], msgspec.Meta(max_length=32)
]
"""Words for what a program can do beyond the first version; unknown ones are ignored."""


class Outcome(StrEnum):
    """The registry's answer to `REG`, `LOG` and `PS_PORT`."""

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
    OFFLINE = "OFFLINE"
    RELAY_OFF = "RELAY_OFF"
    RELAY_FULL = "RELAY_FULL"
    BAD_TICKET = "BAD_TICKET"
    NO_BOX = "NO_BOX"
    NO_PREKEY = "NO_PREKEY"
    BAD_PASS = "BAD_PASS"
    FULL = "FULL"
    TOO_BIG = "TOO_BIG"


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """Any message. Fields named in `secret` never appear in `repr`, logs or tracebacks.

    Fields that the original dialect lacks have a default, which they keep there.
    """

    secret: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        fields = (
            f"{name}=..." if name in self.secret else f"{name}={getattr(self, name)!r}"
            for name in self.__struct_fields__
        )
        return f"{type(self).__name__}({', '.join(fields)})"


class Request(Message, frozen=True, kw_only=True):
    """A request from a client; its answer repeats the `id`."""

    id: RequestId | None = None


class Answer(Message, frozen=True, kw_only=True):
    """An answer from the registry."""

    id: RequestId | None = None


class Grant(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of a login: a token for the next ones, and what the heartbeat needs.

    `session` identifies the login in heartbeats, `hello_key` authenticates them, `hello_interval`
    is in seconds. `nodes` are the registry's other nodes, signed by the key that the client asked
    for. `can`: what the registry can do. `mailbox`: the user's box, if the registry has boxes.
    """

    token: str
    session: bytes
    hello_key: bytes
    hello_interval: float
    nodes: SignedNodes | None = None
    can: Abilities = ()
    mailbox: MailboxGrant | None = None

    def __post_init__(self) -> None:
        check_seconds(self.hello_interval, at_least=0.1)

    def __repr__(self) -> str:
        return "Grant(...)"


class Register(Request, frozen=True):
    """Create an account and log in to it; the other fields are as in Login.

    `invite` is the invitation code, if the registry requires one.
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
    can: Abilities = ()
    secret = frozenset({"password", "proof", "invite"})

    def __post_init__(self) -> None:
        check_key(self.key)


class RegisterResult(Answer, frozen=True):
    """FAIL: the name is taken, or the account cannot be created."""

    outcome: Outcome
    reason: Reason | None = None
    grant: Grant | None = None


class Login(Request, frozen=True):
    """Log in by a password or a token.

    In the secure dialect the login proves an identity: `key` is its public key (32 bytes), `proof`
    its signature of `proofs.login_statement` at the client's time `at`, in seconds since the epoch.
    `allow_original`: the account may use the original listener, and be found there. `errand`: a
    transient login, which does not go online and does not replace another login. `vouched_by` is
    the fingerprint of the key that must have signed the list of nodes in the answer. `can`: what
    the client can do.
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
    can: Abilities = ()
    secret = frozenset({"password", "token", "proof"})

    def __post_init__(self) -> None:
        check_key(self.key)


class LoginResult(Answer, frozen=True):
    """FAIL: the name and password, or the name, token and key, do not match."""

    outcome: Outcome
    reason: Reason | None = None
    grant: Grant | None = None


class AnnouncePort(Request, frozen=True):
    """Announce the port of the client's own peer server; `port` is None if the sent one is invalid.

    `clear_port`: the port for callers of the original dialect, if it serves them too. `hidden`: the
    client can be reached only through the registry, which does not disclose its address.
    """

    port: int | None
    clear_port: int | None = None
    hidden: bool = False

    def __post_init__(self) -> None:
        if self.hidden and not (self.port is None and self.clear_port is None):
            raise ValueError("a hidden user has no port")
        for port in (self.port, self.clear_port):
            if port is not None:
                check_port(port)


class AnnouncePortResult(Answer, frozen=True):
    """FAIL: the port is taken at that address, or is not valid."""

    outcome: Outcome
    reason: Reason | None = None


class Search(Request, frozen=True):
    """Ask where a user is."""

    username: str


class SearchResult(Answer, frozen=True):
    """The address of a user who is ONLINE, and the user's public key, if any.

    `in_clear`: the user is at the original listener, and can only chat in clear. `meets`: the user
    can be met at the registry. A user who hides their address has no host and port (0).
    """

    presence: Presence
    host: str = ""
    port: int = 0
    key: bytes | None = None
    in_clear: bool = False
    meets: bool = False

    def __post_init__(self) -> None:
        if self.presence is not Presence.ONLINE:
            if self.port or self.meets:
                raise ValueError("a port of a user who is not online")
        elif not self.is_hidden:
            check_port(self.port)
            host = self.host
            if not host or " " in host or not (host.isascii() and host.isprintable()):
                raise ValueError(f"{self.host!r} is not a valid host")

    @property
    def is_hidden(self) -> bool:
        """Whether the user is online and can only be met, as the address is hidden."""
        return self.meets and not self.host and not self.port

    @property
    def address(self) -> Address | None:
        """The address of the user, if there is one."""
        return Address(self.host, self.port) if self.port else None


MAX_WATCHED: Final = 256
MOST_WATCHED_IN_ALL: Final = 4096
"""Names that one login may watch."""


class Watch(Request, frozen=True):
    """Report whenever the presence of these users changes, and no longer on any others.

    With `add`: in addition to earlier requests. Each name once; at most MAX_WATCHED names, and
    MOST_WATCHED_IN_ALL on a connection: users beyond it are reported only once.
    """

    usernames: tuple[str, ...]
    add: bool = False

    def __post_init__(self) -> None:
        if len(self.usernames) > MAX_WATCHED:
            raise ValueError(f"at most {MAX_WATCHED} users can be watched")
        if len(set(self.usernames)) != len(self.usernames):
            raise ValueError("a user is listed twice")
        for username in self.usernames:
            check_name(username)


class PresenceUpdate(Message, frozen=True):
    """The current presence of a watched user, sent without a request."""

    username: str
    result: SearchResult

    def __post_init__(self) -> None:
        check_name(self.username)


class WatchResult(Answer, frozen=True):
    """The current presence of the watched users."""

    sightings: tuple[PresenceUpdate, ...]

    def __post_init__(self) -> None:
        if len(self.sightings) > MAX_WATCHED:
            raise ValueError(f"at most {MAX_WATCHED} users can be watched")


class ChangePassword(Request, frozen=True):
    """Set a new password, given the old one; all tokens of the account end."""

    old: str
    new: str
    secret = frozenset({"old", "new"})


class ChangePasswordResult(Answer, frozen=True):
    """FAIL: the old password is wrong, or the new one is not acceptable."""

    outcome: Outcome
    reason: Reason | None = None


class RevokeTokens(Request, frozen=True):
    """End a token, or without one, all tokens of the account."""

    token: str = ""
    secret = frozenset({"token"})


class RevokeTokensResult(Answer, frozen=True):
    """The tokens were ended."""

    outcome: Outcome
    reason: Reason | None = None


class SlowDown(Answer, frozen=True):
    """Instead of any answer: too many requests; nothing was done. Retry after `seconds`."""

    seconds: float

    def __post_init__(self) -> None:
        check_seconds(self.seconds, at_least=0)


class Logout(Request, frozen=True):
    """Log out; the registry closes the connection."""


class Goodbye(Message, frozen=True):
    """The registry closes the connection; the reason is REPLACED, SILENT or LOGGED_OUT."""

    reason: Reason


class Hello(Message, frozen=True):
    """The heartbeat: the user is still online."""

    username: str


def check_seconds(seconds: float, *, at_least: float) -> None:
    """Raise ValueError if `seconds` is less than `at_least`, or more than a day."""
    if not at_least <= seconds <= 86400:
        raise ValueError(f"{seconds:g} s is not a valid time to wait")


def check_key(key: bytes | None) -> None:
    """Raise ValueError if a public key does not have an Ed25519 key's 32 bytes."""
    if key is not None and len(key) != 32:
        raise ValueError("an Ed25519 key has 32 bytes")


def check_port(port: int) -> None:
    """Raise ValueError if `port` is not 1 to 65535."""
    if not 0 < port < 65536:
        raise ValueError(f"{port} is not a valid port")
