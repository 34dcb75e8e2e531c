"""Adapts a conversation for the mailbox: runs of waiting lines, and received runs."""

from collections.abc import Callable, Sequence

from p2pchat.peer.chat.chat_session import ChatSession
from p2pchat.peer.chat.intake import Intake
from p2pchat.peer.chat.link_place import LinkPlace
from p2pchat.peer.chat.reconnector import Reconnector
from p2pchat.peer.mailbox.runs import Lines, Verdict
from p2pchat.protocol.sealed import Position
from p2pchat.protocol.talk import ChatText


class MailboxTalk:
    """Implements mailbox.talk.Talk for the parts of one conversation."""

    def __init__(
        self,
        contact: str,
        key: bytes,
        session: ChatSession,
        intake: Intake,
        place: LinkPlace,
        reconnector: Reconnector,
    ) -> None:
        self.contact = contact
        self.key = key
        self._session = session
        self._intake = intake
        self._place = place
        self._reconnector = reconnector
        self.is_taking = False
        """Whether lines that are heard now come from a mailbox."""

    @property
    def is_linked(self) -> bool:
        """Whether there is a link, which brings all lines."""
        return self._place.link is not None

    @property
    def is_offline(self) -> bool:
        """Whether the contact is not known to be online."""
        return not self._reconnector.is_online

    @property
    def is_waiting(self) -> bool:
        """Whether lines of ours are neither acknowledged nor given up."""
        return self._session.waiting > 0

    @property
    def delivered(self) -> int:
        """The number up to which our lines are acknowledged."""
        return self._session.delivered

    def may_take(self) -> bool:
        """Return whether more lines of the contact are accepted now. Raise StorageError."""
        return self._intake.may_take()

    @property
    def position(self) -> Position:
        """Our position in the contact's lines."""
        return self._session.position

    def waits_after(self, number: int) -> bool:
        """Return whether a line of ours with a number above that one waits."""
        return self._session.waits_after(number)

    def run_after(self, number: int) -> Lines | None:
        """Return the first waiting lines with numbers above that one; None if there are none."""
        return self._session.run_after(number)

    def take_run(
        self,
        theirs: Position,
        at: int,
        after: Position,
        lines: Sequence[ChatText],
        also: Callable[[], None],
    ) -> Verdict:
        """Receive the new lines of a run; see `ChatSession.take_run`."""
        self._session.flush()  # what came on a link before
        self.is_taking = True
        try:
            return self._session.take_run(theirs, at, after, lines, also)
        finally:
            self.is_taking = False
