"""The messages about mailboxes: sealed lines that wait at the registry for users who are offline.

A box belongs to one user's key. Contacts encrypt runs of lines to prekeys of its owner, and show a
pass that the owner has given them (PROTOCOL, "Mailbox"). Only for clients and registries that know
the word `mailbox`. What a run contains is in `sealed`.
"""

from typing import Final

from p2pchat.protocol.messages import (
    Answer,
    Message,
    Outcome,
    Reason,
    Request,
    check_key,
)
from p2pchat.protocol.names import check_name
from p2pchat.protocol.prekeys import ID_BYTES, Prekey, Size, Timestamp, check_size

CAN_MAILBOX: Final = "mailbox"
"""The word by which a client, a registry or a peer says that it knows these messages."""

PASS_BYTES: Final = 16
PASS_HASH_BYTES: Final = 32

MOST_PREKEYS_AT_ONCE: Final = 24
MOST_PASSES: Final = 500
MOST_IDS: Final = 200
"""Of one message; of a box; of one message."""


class BoxKeys(Request, frozen=True):
    """Add prekeys and passes to our box; `passes` are the SHA-256 of each.

    `replace`: forget all others of the kinds that are given.
    """

    prekeys: tuple[Prekey, ...] = ()
    passes: tuple[bytes, ...] | None = None
    replace: bool = False

    def __post_init__(self) -> None:
        if len(self.prekeys) > MOST_PREKEYS_AT_ONCE:
            raise ValueError(f"at most {MOST_PREKEYS_AT_ONCE} prekeys can be sent at once")
        if len(self.passes or ()) > MOST_PASSES:
            raise ValueError(f"a box has at most {MOST_PASSES} passes")
        for each in self.passes or ():
            check_size(each, PASS_HASH_BYTES, "the hash of a pass")


class BoxKeysResult(Answer, frozen=True):
    """FAIL: the box has too many prekeys (FULL)."""

    outcome: Outcome
    reason: Reason | None = None


class BoxKey(Request, frozen=True):
    """Ask for a prekey of that user's key, with the pass that the user has given us."""

    username: str
    key: bytes
    permit: bytes
    secret = frozenset({"permit"})

    def __post_init__(self) -> None:
        _check_box(self.username, self.key, self.permit)


class BoxKeyResult(Answer, frozen=True):
    """FAIL: NO_BOX, NO_PREKEY or BAD_PASS."""

    outcome: Outcome
    reason: Reason | None = None
    prekey: Prekey | None = None

    def __post_init__(self) -> None:
        if (self.outcome is Outcome.OK) != (self.prekey is not None):
            raise ValueError("a prekey is given if all is well, and only then")


class BoxLeave(Request, frozen=True):
    """Leave a sealed run in a box."""

    username: str
    key: bytes
    permit: bytes
    sealed: bytes
    secret = frozenset({"permit", "sealed"})

    def __post_init__(self) -> None:
        _check_box(self.username, self.key, self.permit)


class BoxLeaveResult(Answer, frozen=True):
    """OK: the run has that `run` id, and is kept until `until`, in seconds since the epoch.

    FAIL: NO_BOX, BAD_PASS, FULL or TOO_BIG.
    """

    outcome: Outcome
    reason: Reason | None = None
    run: bytes = b""
    until: Timestamp = 0

    def __post_init__(self) -> None:
        if self.outcome is Outcome.OK:
            check_size(self.run, ID_BYTES, "the id of a run")


class _OfRuns(Request, frozen=True):
    """A request about runs with these ids; who knows an id may ask."""

    runs: tuple[bytes, ...]

    def __post_init__(self) -> None:
        _check_ids(self.runs)


class _Runs(Answer, frozen=True):
    """The ids of runs for which the answer is yes."""

    runs: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        _check_ids(self.runs)


class BoxHas(_OfRuns, frozen=True):
    """Ask which of these runs are still in a box."""


class BoxHasResult(_Runs, frozen=True):
    """The runs that are still there."""


class BoxUndo(_OfRuns, frozen=True):
    """Withdraw these runs."""


class BoxUndoResult(_Runs, frozen=True):
    """The runs that were still there, and no longer are."""


class BoxList(Request, frozen=True):
    """Ask for the runs in our box, in the order of leaving; `after`: those after that one."""

    after: bytes = b""

    def __post_init__(self) -> None:
        if self.after:
            check_size(self.after, ID_BYTES, "the id of a run")


class BoxListResult(Answer, frozen=True):
    """The ids and sizes of at most MOST_IDS runs."""

    runs: tuple[tuple[bytes, Size], ...] = ()

    def __post_init__(self) -> None:
        _check_ids(tuple(run for run, _ in self.runs))


class BoxGet(Request, frozen=True):
    """Ask for a run in our box."""

    run: bytes

    def __post_init__(self) -> None:
        check_size(self.run, ID_BYTES, "the id of a run")


class BoxRun(Answer, frozen=True):
    """A sealed run; empty if it is no longer there."""

    sealed: bytes = b""
    secret = frozenset({"sealed"})


class BoxDone(_OfRuns, frozen=True):
    """Forget these runs of our box."""


class BoxDoneResult(Answer, frozen=True):
    """OK: the runs are deleted."""


class BoxNews(Message, frozen=True):
    """Runs were left in our box; sent without a request. `waiting`: how many there are."""

    waiting: Size


class BoxPass(Message, frozen=True):
    """Between peers: the pass with which the receiver may leave lines in the sender's box.

    It ends all earlier ones.
    """

    permit: bytes
    secret = frozenset({"permit"})

    def __post_init__(self) -> None:
        check_size(self.permit, PASS_BYTES, "a pass")


def _check_box(username: str, key: bytes, permit: bytes) -> None:
    check_name(username)
    check_key(key)
    check_size(permit, PASS_BYTES, "a pass")


def _check_ids(ids: tuple[bytes, ...]) -> None:
    if len(ids) > MOST_IDS:
        raise ValueError(f"at most {MOST_IDS} runs can be named at once")
    for each in ids:
        check_size(each, ID_BYTES, "the id of a run")
