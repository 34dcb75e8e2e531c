"""The messages between a screen or a program in another process and the node it is attached to.

What is typed goes one way as lines; the other way come lines to show, and what stands around the
line that is being typed. On one machine, between processes of one owner.
"""

from typing import NamedTuple

from p2pchat.protocol.messages import Message, Request

Fragment = tuple[str, str]
"""A style's name and a text in it."""


class Piece(NamedTuple):
    """A piece of the toolbar: its style, and its text in ever shorter forms, the longest first.

    The last form is empty if the piece may be left out. The most important piece is shortened last.
    """

    style: str
    forms: tuple[str, ...]
    importance: int


class Attach(Request, frozen=True):
    """Show what happens from now on, and do what is typed.

    `call`: be in a chat with that user, and end with it; `in_clear`, even for everybody to read.
    `plain`: without styles. `overtake`: commands do not wait for texts before them. `timestamps`:
    with when each line was said.
    """

    call: str = ""
    in_clear: bool = False
    plain: bool = False
    overtake: bool = True
    timestamps: bool = False


class AttachProgram(Request, frozen=True):
    """The same for a program: what is shown is lines of JSON, and what is typed orders in JSON.

    `only`: what concerns that contact alone. `seen`: what is written there counts as seen, and what
    is unread comes first. Without `as_json` the lines are plain, for one who only listens.
    """

    call: str = ""
    in_clear: bool = False
    as_json: bool = True
    only: str = ""
    seen: bool = False


class Typed(Message, frozen=True):
    """A typed line; `refused` says why it could not be read."""

    line: str = ""
    refused: str = ""
    hidden = frozenset({"line"})


class TypedAll(Message, frozen=True):
    """The end of the input."""


class Taken(Message, frozen=True):
    """So many more lines were handled: typed ones, of which at most a few hundred should be on
    their way, when they are said and kept; shown ones, by a program, when they are written.

    The node says it every few seconds in any case (0 lines): it lives.
    """

    count: int


class Shown(Message, frozen=True):
    """Show these lines, each of fragments."""

    lines: tuple[tuple[Fragment, ...], ...]
    hidden = frozenset({"lines"})


class Alert(Message, frozen=True):
    """Draw the person's attention: the contact wants something; `text` is what they have said."""

    contact: str
    sentence: str
    text: str = ""
    hidden = frozenset({"text"})


class Copy(Message, frozen=True):
    """Put this text on the clipboard of the screen's terminal."""

    text: str
    hidden = frozenset({"text"})


class Around(Message, frozen=True):
    """What stands around the line that is being typed, from now on.

    `left` and `right`: the two sides of the toolbar, about the contact and about us. `unsettled`:
    lines of ours that are not delivered, each with its state, and how many more there are before
    them. `names`: what can be completed, each with what is known of it. `front`: with whom what is
    typed is said. `unread`: how many lines are unread in all conversations.
    """

    prompt: str
    left: tuple[Piece, ...] = ()
    right: tuple[Piece, ...] = ()
    unsettled: tuple[tuple[str, str], ...] = ()
    more_unsettled: int = 0
    names: tuple[tuple[str, str], ...] = ()
    front: str = ""
    unread: int = 0
    hidden = frozenset({"unsettled"})


class Detached(Message, frozen=True):
    """It is over; if by an error, then what, its likeliest cause, and what to try."""

    exit_code: int
    what: str = ""
    likely: str = ""
    advice: str = ""
