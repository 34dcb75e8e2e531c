"""The orders of a client to its node, and their results: one frozen class for each.

Names of users are as they are written at the registry. How an order is refused is a `Failure`.
"""

from typing import Generic, TypeVar

import msgspec

from p2pchat.protocol.client.lines import KeptLine, LineState, ScheduledLine
from p2pchat.protocol.messages import Message, Presence, check_seconds
from p2pchat.protocol.talk import check_line_id


class Result(Message, frozen=True, tag_field="result"):
    """The result of an order."""


class Done(Result, frozen=True, tag="done"):
    """The order was carried out; there is no other result."""


class Number(Result, frozen=True, tag="number"):
    """The number of the last line of a `Send`; 0 in clear, where nothing is acknowledged."""

    number: int


class Count(Result, frozen=True, tag="count"):
    """The number of lines that are concerned."""

    count: int


class Switch(Result, frozen=True, tag="switch"):
    """Whether what was ordered, or asked for, is so now."""

    on: bool


class SafetyNumber(Result, frozen=True, tag="safety_number"):
    """The number that both people must see."""

    number: str


class Lines(Result, frozen=True, tag="lines"):
    """Lines of the history, the oldest first, and those that wait for their time.

    Very long ones leave no room for others: `left_out` counts those, which are the oldest.
    """

    lines: tuple[KeptLine, ...] = ()
    scheduled: tuple[ScheduledLine, ...] = ()
    left_out: int = 0
    hidden = frozenset({"lines", "scheduled"})


class Whereabouts(Result, frozen=True, tag="whereabouts"):
    """The registry's answer to a search; `host` and `port` of a user who is online."""

    presence: Presence
    host: str = ""
    port: int = 0


class ListedContact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A contact. Times in milliseconds since the epoch, 0 if there is none.

    `online` is None if it is unknown, because no node is online. `last_at`: when the contact last
    said something. `waiting_since`: when the first line that waits was written.
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


class NodeStatus(Result, frozen=True, tag="status"):
    """The state of a node: its session, who is online, what is unread, what waits, which links.

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


R = TypeVar("R", bound=Result)


class Order(Message, Generic[R], frozen=True, tag_field="order"):
    """An order whose result is an R."""


class Say(Order[Done], frozen=True, tag="say"):
    """Say a line in the open chat with a contact, as soon as there is room.

    Done once it is on the disk, or the event NotKept has told that the disk has failed.
    """

    to: str
    text: str
    hidden = frozenset({"text"})


class Send(Order[Number], frozen=True, tag="send"):
    """Send texts to a contact, with or without a chat: `p2p send`, and a program's `send`.

    With `wait` the order is done when they are acknowledged, and fails when that takes more than so
    many seconds; without it, it is done when they are on the disk. Each text may have an id, by
    which one that is sent again, after its node has died, is known. The node does nothing after
    `expires_at` (milliseconds since the epoch, 0: always): the client has given up.
    """

    to: str
    texts: tuple[str, ...]
    ids: tuple[str, ...] = ()
    wait: float | None = None
    expires_at: int = 0
    hidden = frozenset({"texts"})

    def __post_init__(self) -> None:
        if not self.texts or len(self.ids) not in {0, len(self.texts)}:
            raise ValueError("no texts, or not an id for each")
        for line_id in self.ids:
            check_line_id(line_id)
        if self.wait is not None:
            check_seconds(self.wait, at_least=0)


class SendAgain(Order[Number], frozen=True, tag="send_again"):
    """Send again what has failed or may be lost; otherwise like `Send`."""

    to: str
    wait: float
    expires_at: int

    def __post_init__(self) -> None:
        check_seconds(self.wait, at_least=0)


class Schedule(Order[Done], frozen=True, tag="schedule"):
    """Send a text not before a time, and give it up so many seconds later (0: never).

    The time is in milliseconds since the epoch.
    """

    to: str
    text: str
    not_before: int
    expires_in: int = 0
    hidden = frozenset({"text"})


class Cancel(Order[Count], frozen=True, tag="cancel"):
    """Cancel the lines that wait for a contact and are not on their way."""

    user: str


class Open(Order[Done], frozen=True, tag="open"):
    """Open a chat with a contact in this client; `in_clear` permits an unencrypted one."""

    user: str
    in_clear: bool = False


class Close(Order[Switch], frozen=True, tag="close"):
    """Close a chat in this client; on, if no other client has it open and it ends."""

    user: str


class Leave(Order[Switch], frozen=True, tag="leave"):
    """End the chat with a contact for all clients, or give up calling; on, if there was one."""

    user: str


class Accept(Order[Done], frozen=True, tag="accept"):
    """Accept a user who waits for our answer, and have the chat open in this client."""

    user: str


class Reject(Order[Done], frozen=True, tag="reject"):
    """Reject a user who waits for our answer."""

    user: str


class Seen(Order[Done], frozen=True, tag="seen"):
    """Count as seen what a contact said up to the line with that id."""

    user: str
    up_to: int


class ReadLines(Order[Lines], frozen=True, tag="lines"):
    """Read the last lines of the history: of a contact, with these words, in these states.

    `scheduled`: also those that wait for their time.
    """

    user: str = ""
    words: str = ""
    states: tuple[LineState, ...] = ()
    limit: int | None = None
    scheduled: bool = False


class Search(Order[Whereabouts], frozen=True, tag="search"):
    """Look up a user. Unless `quietly`, all clients are told the answer as an event, too."""

    user: str
    quietly: bool = False


class ListContacts(Order[ContactList], frozen=True, tag="contacts"):
    """List the contacts."""


class ShowSafetyNumber(Order[SafetyNumber], frozen=True, tag="safety_number"):
    """Show the safety number of a contact's key, or of the `other` one that was refused."""

    user: str
    other: bool = False


class Verify(Order[Done], frozen=True, tag="verify"):
    """Note that a contact sees the safety number that was shown."""

    user: str


class Trust(Order[Count], frozen=True, tag="trust"):
    """Take a contact's other key, whose number was shown; counts lines that fail by that."""

    user: str


class UseNewKey(Order[Count], frozen=True, tag="use_new_key"):
    """Use a contact's other key, which a command has taken; counts lines that fail by that."""

    user: str


class Block(Order[Done], frozen=True, tag="block"):
    """Block a contact, or unblock them."""

    user: str
    blocked: bool


class Mute(Order[Done], frozen=True, tag="mute"):
    """Make no sound for a contact, for so many seconds; 0: make it again."""

    user: str
    seconds: float


class SetAway(Order[Switch], frozen=True, tag="away"):
    """Set whether contacts see our user as away from the keyboard; None toggles it."""

    on: bool | None = None


class SetDoNotDisturb(Order[Switch], frozen=True, tag="dnd"):
    """Set whether callers are told that we are busy, perhaps for some seconds; None toggles it."""

    on: bool | None = None
    seconds: float | None = None


class HintAt(Order[Switch], frozen=True, tag="hint"):
    """Ask whether the user is to be told now how to verify a contact, which is noted as done."""

    user: str


class GetStatus(Order[NodeStatus], frozen=True, tag="status"):
    """Return the state of the node."""


class HandOver(Order[Switch], frozen=True, tag="hand_over"):
    """Ask a command that is online for a moment to end; on, if it does."""


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
    | HintAt
    | GetStatus
    | HandOver
)

AnyResult = (
    Done | Number | Count | Switch | SafetyNumber | Lines | Whereabouts | ContactList | NodeStatus
)
