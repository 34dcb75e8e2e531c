"""The orders of a client to its node, and their results: one frozen class for each.

Names of users are in the registry's spelling. A refused order is answered by a `Failure`.
"""

import msgspec

from p2pchat.protocol.client.file_orders import (
    CancelFile,
    DeclineFile,
    GetFile,
    ListFiles,
    SendFile,
    Transfers,
)
from p2pchat.protocol.client.lines import KeptLine, LineState, ScheduledLine
from p2pchat.protocol.client.node_order import Done, Order, Result
from p2pchat.protocol.messages import Presence, check_seconds
from p2pchat.protocol.talk import check_line_id


class Number(Result, frozen=True, tag="number"):
    """The number of the last line of a `Send`; 0 in clear, where nothing is acknowledged."""

    number: int


class Count(Result, frozen=True, tag="count"):
    """The number of affected lines.

    `kept`: of those to be cancelled, how many may have been fetched from a mailbox already.
    """

    count: int
    kept: int = 0


class Switch(Result, frozen=True, tag="switch"):
    """Whether the state in question is on."""

    on: bool


class SafetyNumber(Result, frozen=True, tag="safety_number"):
    """The number that both users must see."""

    number: str


class Lines(Result, frozen=True, tag="lines"):
    """Lines of the history, oldest first, and scheduled lines.

    `left_out` is the number of the oldest lines that did not fit into the answer.
    """

    lines: tuple[KeptLine, ...] = ()
    scheduled: tuple[ScheduledLine, ...] = ()
    left_out: int = 0
    secret = frozenset({"lines", "scheduled"})


class Whereabouts(Result, frozen=True, tag="whereabouts"):
    """The registry's answer to a search; `host` and `port` of a user who is online."""

    presence: Presence
    host: str = ""
    port: int = 0


class ListedContact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A contact. Times are in milliseconds since the epoch, 0 if there is none.

    `online`: None if unknown, because no node is online. `last_at`: when the contact last sent a
    line. `waiting_since`: when the oldest waiting line was written.
    """

    username: str
    trust: str
    online: bool | None = None
    unread: int = 0
    waiting: int = 0
    last_at: int = 0
    waiting_since: int = 0
    blocked: bool = False
    muted: bool = False


class ContactList(Result, frozen=True, tag="contacts"):
    """The contacts, sorted by name."""

    contacts: tuple[ListedContact, ...]


class LeftFor(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is left in a contact's mailbox: how many lines, and until when it keeps the first ones.

    `until` is in seconds since the epoch.
    """

    username: str
    lines: int
    until: int


class MailboxStatus(Result, frozen=True, tag="mailbox"):
    """The state of our mailbox, and what we have left in others.

    `on`: contacts may leave lines for us. `kept`: the registry keeps mailboxes; None if unknown.
    `waiting`: how many runs of lines wait there. `unreadable`: how many could not be opened since
    the node started.
    """

    on: bool
    kept: bool | None = None
    waiting: int = 0
    unreadable: int = 0
    left: tuple[LeftFor, ...] = ()


class NodeStatus(Result, frozen=True, tag="status"):
    """The state of a node: session, online contacts, unread and waiting lines, links.

    `internal_errors` is the number of bugs contained since it started.
    """

    username: str
    registry: str
    standing: str
    online: tuple[str, ...]
    unread: dict[str, int]
    waiting: dict[str, int]
    links: dict[str, str]
    internal_errors: int = 0


class Say(Order[Done], frozen=True, tag="say"):
    """Send a line in the open chat with a contact, as soon as there is room.

    Answered once it is on disk, or after the event NotKept if the disk has failed.
    """

    to: str
    text: str
    secret = frozenset({"text"})


class Send(Order[Number], frozen=True, tag="send"):
    """Send texts to a contact, with or without a chat: `p2p send`, and a program's `send`.

    With `wait`, the order is answered once the texts are acknowledged, and fails if that takes more
    than `wait` seconds; with `left_is_enough`, also once they are in the contact's mailbox. Without
    `wait`, it is answered once they are on disk. Each text may have an id, so that it can be sent
    again after its node has died without being delivered twice. After `expires_at` (milliseconds
    since the epoch; 0: never), the client has given up, and the node does nothing.
    """

    to: str
    texts: tuple[str, ...]
    ids: tuple[str, ...] = ()
    wait: float | None = None
    expires_at: int = 0
    left_is_enough: bool = False
    secret = frozenset({"texts"})

    def __post_init__(self) -> None:
        if not self.texts or len(self.ids) not in {0, len(self.texts)}:
            raise ValueError("no texts, or not an id for each")
        for line_id in self.ids:
            check_line_id(line_id)
        if self.wait is not None:
            check_seconds(self.wait, at_least=0)


class SendAgain(Order[Number], frozen=True, tag="send_again"):
    """Send again the lines that have failed or may be missing; otherwise like `Send`."""

    to: str
    wait: float
    expires_at: int

    def __post_init__(self) -> None:
        check_seconds(self.wait, at_least=0)


class Schedule(Order[Done], frozen=True, tag="schedule"):
    """Send a text not before a time; give it up `expires_in` seconds after that (0: never).

    The time is in milliseconds since the epoch.
    """

    to: str
    text: str
    not_before: int
    expires_in: int = 0
    secret = frozenset({"text"})


class Cancel(Order[Count], frozen=True, tag="cancel"):
    """Cancel the lines that wait for a contact, except those sent on the current link."""

    user: str


class Open(Order[Done], frozen=True, tag="open"):
    """Open a chat with a contact in this client; `in_clear` permits an unencrypted one."""

    user: str
    in_clear: bool = False


class Close(Order[Switch], frozen=True, tag="close"):
    """Close a chat in this client. The result is on if that ended the chat for all clients."""

    user: str


class Leave(Order[Switch], frozen=True, tag="leave"):
    """End the chat with a contact for all clients, or cancel a call. On if there was one."""

    user: str


class Accept(Order[Done], frozen=True, tag="accept"):
    """Accept a waiting user, and open the chat in this client."""

    user: str


class Reject(Order[Done], frozen=True, tag="reject"):
    """Reject a waiting user."""

    user: str


class Seen(Order[Done], frozen=True, tag="seen"):
    """Mark the lines of a contact as read, up to the one with that id."""

    user: str
    up_to: int


class ReadLines(Order[Lines], frozen=True, tag="lines"):
    """Read the last lines of the history: of a contact, with these words, in these states.

    `scheduled`: scheduled lines as well.
    """

    user: str = ""
    words: str = ""
    states: tuple[LineState, ...] = ()
    limit: int | None = None
    scheduled: bool = False


class Search(Order[Whereabouts], frozen=True, tag="search"):
    """Look up a user. Unless `quietly`, all clients get the answer as an event, too."""

    user: str
    quietly: bool = False


class ListContacts(Order[ContactList], frozen=True, tag="contacts"):
    """List the contacts."""


class ShowSafetyNumber(Order[SafetyNumber], frozen=True, tag="safety_number"):
    """Return the safety number of a contact's key, or of the `other` one that was refused."""

    user: str
    other: bool = False


class Verify(Order[Done], frozen=True, tag="verify"):
    """Record that the user has compared the safety number that was shown."""

    user: str


class Trust(Order[Count], frozen=True, tag="trust"):
    """Pin a contact's other key, whose number was shown; returns how many lines fail thereby."""

    user: str


class UseNewKey(Order[Count], frozen=True, tag="use_new_key"):
    """Use a contact's key that another process has pinned; returns how many lines fail thereby."""

    user: str


class Block(Order[Done], frozen=True, tag="block"):
    """Block a contact, or unblock them."""

    user: str
    blocked: bool


class Mute(Order[Done], frozen=True, tag="mute"):
    """Mute a contact for `seconds`; 0 unmutes."""

    user: str
    seconds: float


class SetAway(Order[Switch], frozen=True, tag="away"):
    """Set whether contacts see our user as away from the keyboard; None toggles it."""

    on: bool | None = None


class SetDoNotDisturb(Order[Switch], frozen=True, tag="dnd"):
    """Set do not disturb, perhaps for some seconds; None toggles it."""

    on: bool | None = None
    seconds: float | None = None


class SetMailbox(Order[MailboxStatus], frozen=True, tag="mailbox"):
    """Return the state of our mailbox, after turning it on or off unless `on` is None."""

    on: bool | None = None


class HintAt(Order[Switch], frozen=True, tag="hint"):
    """Return whether to tell the user now how to verify a contact, and note that it was done."""

    user: str


class GetStatus(Order[NodeStatus], frozen=True, tag="status"):
    """Return the state of the node."""


class HandOver(Order[Switch], frozen=True, tag="hand_over"):
    """Ask a command that is online only briefly to end. On if it does."""


AnyOrder = (
    Say
    | Send
    | SendAgain
    | Schedule
    | Cancel
    | Open
    | Close
    | Leave
    | Accept
    | Reject
    | Seen
    | ReadLines
    | Search
    | ListContacts
    | ShowSafetyNumber
    | Verify
    | Trust
    | UseNewKey
    | Block
    | Mute
    | SetAway
    | SetDoNotDisturb
    | SetMailbox
    | SendFile
    | GetFile
    | DeclineFile
    | CancelFile
    | ListFiles
    | HintAt
    | GetStatus
    | HandOver
)

AnyResult = (
    Done
    | Number
    | Count
    | Switch
    | SafetyNumber
    | Lines
    | Whereabouts
    | ContactList
    | MailboxStatus
    | Transfers
    | NodeStatus
)
