"""A conversation with one key of a contact, as the mailbox sees it."""

from collections.abc import Callable, Sequence
from typing import Protocol

from p2pchat.peer.mailbox.runs import Lines, Verdict
from p2pchat.protocol.sealed import Position
from p2pchat.protocol.talk import ChatText


class Talk(Protocol):
    """The part of `conversation.Conversation` that the mailbox needs."""

    contact: str
    key: bytes

    @property
    def is_linked(self) -> bool:
        """Whether there is a link, which brings all lines."""

    @property
    def is_offline(self) -> bool:
        """Whether the contact is not known to be online."""

    @property
    def is_waiting(self) -> bool:
        """Whether lines of ours are neither acknowledged nor given up."""

    @property
    def delivered(self) -> int:
        """The number up to which our lines are acknowledged."""

    def may_take(self) -> bool:
        """Return whether more lines of the contact are accepted now; tell the user if not."""

    @property
    def position(self) -> Position:
        """Our position in the contact's lines."""

    def waits_after(self, number: int) -> bool:
        """Return whether a line of ours with a number above that one waits."""

    def run_after(self, number: int) -> Lines | None:
        """Return the first waiting lines with numbers above that one; None if there are none."""

    def take_run(
        self,
        theirs: Position,
        at: int,
        after: Position,
        lines: Sequence[ChatText],
        also: Callable[[], None],
    ) -> Verdict:
        """Receive the new lines of a run; see `ChatSession.take_run`."""
