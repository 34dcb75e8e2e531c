"""Every exception of p2pchat, each with its exit code and its advice.

P2PError                          exit 1
├── UsageError                         2   wrong usage
│   └── AlreadyOnline                  2   another process runs the account's node
├── LocalProtocolError                 1   we broke the rules of a dialogue: our bug
├── InternalError                      1   a bug of p2pchat, contained where it happened
├── RemoteProtocolError                1   the remote broke them; only its link is closed
├── BindError                          1   cannot listen on an address
├── StorageError                       1   a file or a database cannot be used
├── RegistrationRefused                1   the registry did not create the account
│   └── InviteNeeded                   1   it requires a valid invitation code
├── LinkLost                           3   an open link broke
├── Unreachable                        3   a registry or a contact cannot be reached
│   ├── NodeEnded                      3   the node in another process has ended
│   └── HungUp                         3   a contact hung up without an answer
├── SlowedDown                         3   the registry is overloaded
├── LoginRefused                       4   wrong name or password
├── LoginNeeded                        4   account or password missing
├── NoSuchUser                         5
├── ContactOffline                     6
├── CallRejected                       7
├── ContactBusy                        8
├── TimedOut                           9
└── NotTrusted                        10   a key differs from the known one

Ctrl-C exits with 130. `p2p help exit-codes` shows the `meaning` of each exit code.

Knows nothing of terminals: `cli` prints the sentences. `nearest` suggests a word for them.
"""

from collections.abc import Callable, Iterable
from typing import Final

from p2pchat.surrogates import without_surrogates

INTERRUPTED: Final = 130


class P2PError(Exception):
    """An error for the user: what happened, the likeliest cause, and what to try next.

    `what` is a sentence without a full stop that names the address or user tried; `likely` and
    `advice` (the exact command, if there is one) may be empty.
    """

    exit_code: int = 1
    meaning: str = ""
    """The description in `p2p help exit-codes`."""
    likely: str = ""
    advice: str = ""

    def __init__(self, what: str, *, likely: str = "", advice: str = "") -> None:
        # They often quote paths, and are stored and sent.
        what, likely, advice = map(without_surrogates, (what, likely, advice))
        super().__init__(what)
        self.what = what
        self.likely = likely or type(self).likely
        self.advice = advice or type(self).advice


OnFailed = Callable[[P2PError], None]
"""Called at most once, with the reason for a failure."""


class UsageError(P2PError):
    """Wrong usage: the request is invalid, or not possible now."""

    exit_code = 2
    meaning = "wrong usage"


class LocalProtocolError(P2PError):
    """Our own code tried to send what the protocol does not allow: a bug."""


class RemoteProtocolError(P2PError):
    """The remote broke a rule of PROTOCOL. Close its link; nothing else is affected."""


class AlreadyOnline(UsageError):
    """Another process of ours runs the account's node; `process` is its id, 0 if unknown."""

    meaning = "another process of yours runs the account's node"

    def __init__(self, process: int) -> None:
        which = f"process {process}" if process else "another process"
        super().__init__(
            f"you are online already, in {which}",
            likely="p2p login is running in another terminal, or p2p login --headless",
            advice="p2p send, p2p search and p2p status use it; or leave it first",
        )
        self.process = process


class InternalError(P2PError):
    """A bug of p2pchat broke the link or the request in which it happened, and nothing else."""

    likely = "a bug of p2pchat; its log contains the traceback"
    advice = "try again; if it recurs, report it with the traceback"


class BindError(P2PError):
    """An address cannot be bound."""


class StorageError(P2PError):
    """A file or a database cannot be used."""


class RegistrationRefused(P2PError):
    """The registry did not create the account."""


class InviteNeeded(RegistrationRefused):
    """The registry creates no account without a valid invitation code."""


class LinkLost(P2PError):
    """An open link broke or was closed by the remote.

    `unsent`: the number of bytes that were not sent.
    """

    exit_code = 3
    meaning = "a connection broke, or the other side closed it"

    def __init__(self, what: str, *, unsent: int = 0, likely: str = "", advice: str = "") -> None:
        super().__init__(what, likely=likely, advice=advice)
        self.unsent = unsent


class Unreachable(P2PError):
    """A registry or a contact cannot be reached.

    `reason` is the cause as reported by the system or the name server, if known.
    """

    exit_code = 3
    meaning = "a registry or a contact cannot be reached"
    reason: str = ""

    def __init__(self, what: str, *, likely: str = "", advice: str = "", reason: str = "") -> None:
        super().__init__(what, likely=likely, advice=advice)
        self.reason = reason


class NodeEnded(Unreachable):
    """The node in another process, which we used, has ended."""

    meaning = "the node in another process has ended"

    def __init__(self, *, likely: str) -> None:
        super().__init__(
            "the process that was your node has ended",
            likely=likely,
            advice="start it again: p2p login",
        )


class HungUp(Unreachable):
    """A contact was reached, but hung up without an answer."""

    meaning = "a contact hung up without an answer"


class SlowedDown(P2PError):
    """The registry is overloaded, or we send too many requests.

    Try again in `seconds`.
    """

    exit_code = 3
    meaning = "the registry is overloaded, or you send too many requests"

    def __init__(self, registry: str, seconds: float) -> None:
        super().__init__(
            f"the registry at {registry} asks to slow down",
            likely="it is overloaded, or your address has sent too many requests",
            advice=f"try again in {seconds:.0f} s",
        )
        self.seconds = seconds


class LoginRefused(P2PError):
    """The registry refused the name and password."""

    exit_code = 4
    meaning = "the registry refused the name and password"


class LoginNeeded(P2PError):
    """The account or password is missing, and there is no terminal to ask on."""

    exit_code = 4
    meaning = "the account or password is missing, and there is no terminal to ask on"


class NoSuchUser(P2PError):
    """The registry knows no such name."""

    exit_code = 5
    meaning = "the registry knows no such user"


class ContactOffline(P2PError):
    """The contact has an account but is not logged in."""

    exit_code = 6
    meaning = "the contact is offline"


class CallRejected(P2PError):
    """The contact rejected the call."""

    exit_code = 7
    meaning = "the contact rejected the call"


class ContactBusy(P2PError):
    """The contact is in another chat or call."""

    exit_code = 8
    meaning = "the contact is in another chat or call"


class TimedOut(P2PError):
    """No answer came in time."""

    exit_code = 9
    meaning = "no answer came in time"


class NotTrusted(P2PError):
    """The key of a registry or a contact differs from the known one."""

    exit_code = 10
    meaning = "the key of a registry or a contact differs from the known one"


def queued(contact: str, why: str) -> ContactOffline:
    """Return the error for lines that stay in the outbox; `why` has no full stop."""
    return ContactOffline(
        f"{why}; it is queued and will be sent when {contact} is online", advice="p2p outbox"
    )


def in_mailbox(contact: str, why: str) -> ContactOffline:
    """Return the error for lines that are in a contact's mailbox; `why` has no full stop."""
    return ContactOffline(f"{why}; it waits in {contact}'s mailbox", advice="p2p outbox")


def nearest(slip: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant; empty if there is none."""
    from difflib import get_close_matches  # imported only after a mistake

    return next(iter(get_close_matches(slip, list(known), 1)), "")
