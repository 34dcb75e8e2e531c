"""Notes to oneself: a conversation without a link, whose lines are delivered once on disk.

The history contains each line once, as one of ours. Other clients of the node receive it as a
message, so that a program can be tried out without a second user.
"""

from collections.abc import Callable, Sequence

from p2pchat.peer.store.history import History
from p2pchat.peer.store.lines import NewLine, Progress, check_text, new_uid
from p2pchat.protocol.client.events import (
    ChatEnded,
    ChatStarted,
    Delivered,
    Event,
    Said,
    TextReceived,
)
from p2pchat.protocol.client.lines import KeptLine
from p2pchat.protocol.client.state import Security
from p2pchat.wall_clock import now_ms


class Notes:
    """The conversation of the user `username` with themselves; see `conversation.Conversation`.

    `soon(callback)` must call back at the end of the turn. Raise StorageError if the disk fails.
    """

    key = b""
    """Empty, as notes belong to no key: they survive a change of our own."""

    security = Security.VERIFIED
    waiting = 0
    is_away = False

    link = None
    """There is none; see Conversation."""

    def __init__(
        self,
        username: str,
        history: History,
        on_event: Callable[[Event], None],
        soon: Callable[[Callable[[], None]], None],
    ) -> None:
        self._username = username
        self._thread = history.thread(username, self.key)
        self._on_event = on_event
        self._soon = soon
        self._progress_read: Progress | None = None
        self.wished = False
        """Whether a screen has the conversation open."""

    @property
    def _progress(self) -> Progress:
        if self._progress_read is None:
            self._progress_read = self._thread.progress()
        return self._progress_read

    @property
    def sent(self) -> int:
        """The number of the last line."""
        return self._progress.last_out

    @property
    def delivered(self) -> int:
        """The number of the last line: none waits."""
        return self._progress.last_out

    def open(self) -> None:
        """Begin the chat; ChatStarted follows."""
        self.wished = True
        self._soon(lambda: self._on_event(ChatStarted(self._username, self.security)))

    def leave(self) -> bool:
        """End the chat; return False if there was none."""
        was_open, self.wished = self.wished, False
        if was_open:
            self._soon(lambda: self._on_event(ChatEnded(self._username, None)))
        return was_open

    def say(self, text: str, uid: str = "") -> int:
        """Write a line to disk; return its number. Raise UsageError if it is too long."""
        check_text(text)
        number = self._progress.last_out + 1
        line = NewLine(number, uid or new_uid(), now_ms(), text)
        progress = self._progress._replace(last_out=number, acked=number)
        self._thread.write(progress, said=(line,))
        self._progress_read = progress
        self._soon(lambda: self._tell(line))
        return number

    def flush(self) -> None:
        """Do nothing: every line is on disk already."""

    def say_again(self, _: Sequence[KeptLine]) -> list[int]:
        """Do nothing: no line has failed."""
        return []

    def expire(self, _: Sequence[str], __: int) -> int:
        """Return 0: no line waits."""
        return 0

    def give_up(self, _: int) -> int:
        """Return 0: no line waits."""
        return 0

    def waiting_up_to(self, _: int) -> int:
        """Return 0: no line waits."""
        return 0

    def _tell(self, line: NewLine) -> None:
        self._on_event(Said(self._username, line.text, line.seq))
        self._on_event(Delivered(self._username, 0, line.seq))
        received = TextReceived(self._username, line.text, 0, line.at, self.security)
        self._on_event(received)
