"""A conversation in the original dialect.

We send on the link that we opened and receive on the one that the contact opened (PROTOCOL, "peer
and peer"). Closing a link ends the chat, once everything that the contact sent before has been
received. Lines are not acknowledged.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.errors import P2PError, UsageError
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.store.lines import check_text
from p2pchat.protocol.client.events import ChatEnded, ChatStarted, Event, TextReceived
from p2pchat.protocol.client.state import Security
from p2pchat.protocol.messages import Message
from p2pchat.protocol.talk import ChatText
from p2pchat.protocol.text import printable

LAST_WORDS_TIMEOUT: Final = 1.0
"""Seconds without a message after which a contact who closed our link has no more to say."""

MAX_UNSENT: Final = 1000
"""Lines kept while the link to the contact is being opened."""


class _State(Enum):
    """The life of a ClearChat; it only moves down this list, and may skip states."""

    TALKING = auto()
    LEAVING = auto()
    """We leave as soon as the link opens on which to say what waits."""
    LAST_WORDS = auto()
    """We can no longer send; the contact may still have something to say."""
    OVER = auto()


class ClearChat:
    """A chat from its acceptance to its end; `on_over` is called once, just before ChatEnded.

    `on_drained` is called when all lines have been sent, and when the link to send on opens. The
    links are passed to `speak_on` and `hear_on`, in any order.
    """

    def __init__(
        self,
        loop: Loop,
        contact: str,
        contact_host: str,
        *,
        on_event: Callable[[Event], None],
        on_over: Callable[[], None],
        on_drained: Callable[[], None],
    ) -> None:
        self.contact = contact
        self.contact_host = contact_host
        self._loop = loop
        self._on_event = on_event
        self._on_over = on_over
        self._on_drained = on_drained
        self._speaking: Link | None = None
        self._hearing: Link | None = None
        self._unsent: list[str] = []
        self._state = _State.TALKING
        self._reader_is_behind = False
        self._nothing_to_hear = False
        self._last_words: Timer | None = None
        self._error: P2PError | None = None

    @property
    def heard(self) -> bool:
        """Whether the contact's own link is open."""
        return self._hearing is not None

    def start(self) -> None:
        """Report that the chat has started."""
        self._on_event(ChatStarted(self.contact, Security.CLEAR))

    def speak_on(self, link: Link) -> None:
        """Send on this link from now on, beginning with the lines that were kept."""
        if self._state is _State.OVER:
            link.close()
            return
        self._speaking = link
        link.on_message = ignore
        link.on_closed = self._cannot_speak
        link.on_drained = self._on_drained
        unsent, self._unsent = self._unsent, []
        for text in unsent:
            link.send(ChatText(text))
        if self._state is _State.LEAVING:
            self._end(None)
        else:
            self._loop.call_soon(self._on_drained)

    def hear_on(self, link: Link) -> None:
        """Receive on this link from now on."""
        self._hearing = link
        if self._reader_is_behind:
            link.hold()
        link.on_message = self.hear
        link.on_closed = self._cannot_hear

    def wait_for_reader(self, *, behind: bool) -> None:
        """Stop reading while the client that reads the contact's lines is behind."""
        self._reader_is_behind = behind
        if self._hearing is not None:
            (self._hearing.hold if behind else self._hearing.release)()

    @property
    def queued(self) -> int | None:
        """Bytes that were not sent yet; None if the link to the contact is not open yet."""
        return self._speaking.queued if self._speaking is not None else None

    def hear(self, message: Message) -> None:
        """Handle a text of the contact."""
        assert isinstance(message, ChatText)
        if self._state is _State.OVER:
            return
        self._on_event(TextReceived(self.contact, printable(message.text)))
        if self._state is _State.LAST_WORDS:  # each line extends the wait
            self._wait_for_last_words()

    def say(self, text: str) -> None:
        """Send the text, or keep it until the link opens. Raise UsageError if too many are kept."""
        check_text(text)
        if self._speaking is not None:
            self._speaking.send(ChatText(text))
        elif len(self._unsent) < MAX_UNSENT:
            self._unsent.append(text)
        else:
            raise UsageError(f"{self.contact} cannot be reached yet; the line was not sent")

    def leave(self) -> None:
        """Leave the chat once the waiting lines have been sent."""
        if self._state is _State.TALKING and self._unsent and self._speaking is None:
            self._state = _State.LEAVING
        else:
            self._end(None)

    def cannot_call_back(self, error: P2PError) -> None:
        """Record that the link to send on could not be opened.

        The chat ends with that error once nothing more is to be received.
        """
        self._cannot_speak(error)

    def nothing_to_hear(self) -> None:
        """Record that the connection that the contact opened back has ended silently."""
        if self._hearing is None:
            self._nothing_to_hear = True
            if self._state is _State.LAST_WORDS:
                self._end(None)

    def _cannot_speak(self, error: P2PError | None) -> None:
        self._speaking = None
        if self._state in {_State.LAST_WORDS, _State.OVER}:
            return
        if self._nothing_to_hear:
            self._end(error)
            return
        self._error = error
        self._wait_for_last_words()

    def _wait_for_last_words(self) -> None:
        self._state = _State.LAST_WORDS
        self._stop_waiting()
        self._last_words = self._loop.call_later(LAST_WORDS_TIMEOUT, lambda: self._end(self._error))

    def _stop_waiting(self) -> None:
        if self._last_words is not None:
            self._last_words.cancel()

    def _cannot_hear(self, error: P2PError | None) -> None:
        self._end(error)

    def _end(self, error: P2PError | None) -> None:
        if self._state is _State.OVER:
            return
        self._state = _State.OVER
        self._stop_waiting()
        for link in (self._speaking, self._hearing):
            if link is not None:
                link.close()
        self._on_over()
        self._on_event(ChatEnded(self.contact, error, tuple(self._unsent)))
