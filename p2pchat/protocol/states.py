"""All dialogues of PROTOCOL as tables of states: whose turn it is, and what may be sent.

Rules for editors: every transition of every dialogue is in this file, and nothing here depends on
which speaker we are; see `connection`. A dialogue is in the same state at both ends; a message
leads to the next state, which may depend on its outcome. A speaker without an entry for a state has
no turn there: its messages wait, in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from p2pchat.protocol.files.messages import DataGo, DataRequest, FileDone, FileGet, FileNo
from p2pchat.protocol.mailbox import (
    BoxDone,
    BoxDoneResult,
    BoxGet,
    BoxHas,
    BoxHasResult,
    BoxKey,
    BoxKeyResult,
    BoxKeys,
    BoxKeysResult,
    BoxLeave,
    BoxLeaveResult,
    BoxList,
    BoxListResult,
    BoxNews,
    BoxPass,
    BoxRun,
    BoxUndo,
    BoxUndoResult,
)
from p2pchat.protocol.meeting import Meet, Meeting, MeetResult, Ping, Pong
from p2pchat.protocol.messages import (
    AnnouncePort,
    AnnouncePortResult,
    ChangePassword,
    ChangePasswordResult,
    Goodbye,
    Login,
    LoginResult,
    Logout,
    Message,
    Outcome,
    PresenceUpdate,
    Register,
    RegisterResult,
    RevokeTokens,
    RevokeTokensResult,
    Search,
    SearchResult,
    SlowDown,
    Watch,
    WatchResult,
)
from p2pchat.protocol.talk import (
    Ack,
    ChatReply,
    ChatRequest,
    ChatText,
    Go,
    Here,
    Idle,
    Paths,
    Reply,
    Skip,
    Sync,
)


class Speaker(Enum):
    """The two ends of a link."""

    DIALLER = "dialler"
    LISTENER = "listener"

    @property
    def other(self) -> "Speaker":
        """Return the other end."""
        return Speaker.LISTENER if self is Speaker.DIALLER else Speaker.DIALLER


class State(Enum):
    """The state of a dialogue."""

    # with the registry
    ANONYMOUS = "anonymous"
    REGISTERING = "registering"
    LOGGING_IN = "logging in"
    LOGGED_IN = "logged in"
    ANNOUNCING = "announcing"
    SEARCHING_ANONYMOUSLY = "searching, not logged in"
    SEARCHING = "searching"
    CHANGING_PASSWORD = "changing the password"
    REVOKING = "revoking tokens"
    WATCHING = "asking to watch"
    MEETING = "asking to meet"
    PINGING = "sending a heartbeat"
    PUBLISHING_PREKEYS = "publishing prekeys"
    TAKING_PREKEY = "asking for a prekey"
    LEAVING_RUN = "leaving lines in a mailbox"
    ASKING_FOR_RUNS = "asking what is still in mailboxes"
    TAKING_BACK = "taking back what was left"
    LISTING_RUNS = "listing the mailbox"
    FETCHING_RUN = "fetching from the mailbox"
    FORGETTING_RUNS = "emptying the mailbox"
    # between peers
    CONNECTED = "connected"
    ASKED = "asked"
    TALKING = "talking"
    DATA_ASKED = "asked for a data link"
    DATA_READY = "on a data link"
    # with our own node
    GREETING = "greeting"
    GREETED = "greeted"
    READY = "ready"
    # on a circuit
    TICKET_DUE = "ticket due"
    WAITING = "waiting for the other end"
    JOINED = "joined"
    # any
    OVER = "over"


Next = State | Mapping[Enum, State]
Turn = Mapping[type[Message], Next]


@dataclass(frozen=True, eq=False)
class Dialogue:
    """A dialogue: its first state, and what each side may send in each state."""

    start: State
    turns: Mapping[tuple[State, Speaker], Turn]

    def turn(self, state: State, speaker: Speaker) -> Turn:
        """Return the messages that the side may send in that state; empty if it is not its turn."""
        return self.turns.get((state, speaker), {})


def _by_outcome(ok: State, fail: State) -> Mapping[Enum, State]:
    return {Outcome.OK: ok, Outcome.FAIL: fail}


_S, _D, _L = State, Speaker.DIALLER, Speaker.LISTENER

REGISTRY_DIALOGUE: Final = Dialogue(
    _S.ANONYMOUS,
    {
        (_S.ANONYMOUS, _D): {
            Register: _S.REGISTERING,
            Login: _S.LOGGING_IN,
            Search: _S.SEARCHING_ANONYMOUSLY,
            Logout: _S.OVER,
        },
        (_S.REGISTERING, _L): {RegisterResult: _by_outcome(_S.LOGGED_IN, _S.ANONYMOUS)},
        (_S.LOGGING_IN, _L): {
            LoginResult: _by_outcome(_S.LOGGED_IN, _S.ANONYMOUS),
            # The original program refuses a login with the wrong answer by mistake.
            RegisterResult: {Outcome.FAIL: _S.ANONYMOUS},
        },
        (_S.SEARCHING_ANONYMOUSLY, _L): {SearchResult: _S.ANONYMOUS},
        (_S.LOGGED_IN, _D): {
            AnnouncePort: _S.ANNOUNCING,
            Search: _S.SEARCHING,
            Logout: _S.OVER,
        },
        (_S.ANNOUNCING, _L): {AnnouncePortResult: _S.LOGGED_IN},
        (_S.SEARCHING, _L): {SearchResult: _S.LOGGED_IN},
    },
)
"""The dialogue of a client (dialler) and the registry (listener): strictly request and answer."""


def _asked_anonymously(state: State) -> tuple[tuple[State, Speaker], Turn]:
    """Allow the registry to send SlowDown instead of the expected answer."""
    return (state, _L), {**REGISTRY_DIALOGUE.turn(state, _L), SlowDown: _S.ANONYMOUS}


def _asked(state: State, answer: type[Message]) -> tuple[tuple[State, Speaker], Turn]:
    """Allow only that answer, SlowDown instead of it, and news before it."""
    news: Turn = dict.fromkeys((PresenceUpdate, Meeting, BoxNews), state)
    return (state, _L), {answer: _S.LOGGED_IN, SlowDown: _S.LOGGED_IN, **news}


SECURE_REGISTRY_DIALOGUE: Final = Dialogue(
    _S.ANONYMOUS,
    {
        **REGISTRY_DIALOGUE.turns,
        (_S.ANONYMOUS, _D): {
            Register: _S.REGISTERING,
            Login: _S.LOGGING_IN,
            Logout: _S.OVER,
        },
        (_S.LOGGED_IN, _D): {
            AnnouncePort: _S.ANNOUNCING,
            Search: _S.SEARCHING,
            Watch: _S.WATCHING,
            ChangePassword: _S.CHANGING_PASSWORD,
            RevokeTokens: _S.REVOKING,
            Meet: _S.MEETING,
            Ping: _S.PINGING,
            BoxKeys: _S.PUBLISHING_PREKEYS,
            BoxKey: _S.TAKING_PREKEY,
            BoxLeave: _S.LEAVING_RUN,
            BoxHas: _S.ASKING_FOR_RUNS,
            BoxUndo: _S.TAKING_BACK,
            BoxList: _S.LISTING_RUNS,
            BoxGet: _S.FETCHING_RUN,
            BoxDone: _S.FORGETTING_RUNS,
            Logout: _S.OVER,
        },
        (_S.LOGGED_IN, _L): {
            PresenceUpdate: _S.LOGGED_IN,
            Meeting: _S.LOGGED_IN,
            BoxNews: _S.LOGGED_IN,
            Goodbye: _S.OVER,
        },
        **dict(
            (
                _asked_anonymously(_S.REGISTERING),
                _asked_anonymously(_S.LOGGING_IN),
                _asked(_S.ANNOUNCING, AnnouncePortResult),
                _asked(_S.SEARCHING, SearchResult),
                _asked(_S.WATCHING, WatchResult),
                _asked(_S.CHANGING_PASSWORD, ChangePasswordResult),
                _asked(_S.REVOKING, RevokeTokensResult),
                _asked(_S.MEETING, MeetResult),
                _asked(_S.PINGING, Pong),
                _asked(_S.PUBLISHING_PREKEYS, BoxKeysResult),
                _asked(_S.TAKING_PREKEY, BoxKeyResult),
                _asked(_S.LEAVING_RUN, BoxLeaveResult),
                _asked(_S.ASKING_FOR_RUNS, BoxHasResult),
                _asked(_S.TAKING_BACK, BoxUndoResult),
                _asked(_S.LISTING_RUNS, BoxListResult),
                _asked(_S.FETCHING_RUN, BoxRun),
                _asked(_S.FORGETTING_RUNS, BoxDoneResult),
            )
        ),
    },
)
"""The same in the secure dialect.

Only users who are logged in can search. The registry also sends presence updates, SlowDown, and the
reason before it closes the connection.
"""

PEER_DIALOGUE: Final = Dialogue(
    _S.CONNECTED,
    {
        # A text without a request: the connection that a caller opens back once its call is
        # accepted.
        (_S.CONNECTED, _D): {ChatRequest: _S.ASKED, ChatText: _S.TALKING},
        (_S.ASKED, _L): {
            ChatReply: {
                Reply.ACCEPT: _S.TALKING,
                Reply.REJECT: _S.OVER,
                Reply.BUSY: _S.OVER,
            }
        },
        (_S.TALKING, _D): {ChatText: _S.TALKING},
    },
)
"""The dialogue of a node (dialler) and a peer server (listener); each sends on the link it opened.
"""

_TALK: Final[Turn] = dict.fromkeys(
    (Sync, Here, Idle, ChatText, Ack, Skip, Paths, Go, BoxPass, FileGet, FileNo, FileDone),
    _S.TALKING,
)

_DATA: Final[Turn] = dict.fromkeys((Paths, Go), _S.DATA_READY)

SECURE_PEER_DIALOGUE: Final = Dialogue(
    _S.CONNECTED,
    {
        (_S.CONNECTED, _D): {ChatRequest: _S.ASKED, DataRequest: _S.DATA_ASKED},
        (_S.DATA_ASKED, _L): {
            ChatReply: {
                Reply.ACCEPT: _S.DATA_READY,
                Reply.REJECT: _S.OVER,
                Reply.BUSY: _S.OVER,
            }
        },
        (_S.DATA_READY, _D): {**_DATA, DataGo: _S.DATA_READY},
        (_S.DATA_READY, _L): _DATA,
        (_S.ASKED, _L): PEER_DIALOGUE.turns[(_S.ASKED, _L)],
        (_S.TALKING, _D): _TALK,
        (_S.TALKING, _L): _TALK,
    },
)
"""The same in the secure dialect: one connection, on which both sides send.

On a data link, messages end where the raw bytes of a file begin.
"""
