"""One connection to the registry: each request gets one answer, or an error by a deadline.

Knows neither heartbeats nor how to reconnect; see `session`.
"""

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from p2pchat.callbacks import ignore
from p2pchat.errors import (
    LinkLost,
    OnFailed,
    P2PError,
    RemoteProtocolError,
    SlowedDown,
    Unreachable,
)
from p2pchat.net.endpoints import Closable
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.protocol.mailbox import BoxNews
from p2pchat.protocol.meeting import Meeting
from p2pchat.protocol.messages import Goodbye, Logout, Message, PresenceUpdate, SlowDown

ANSWER_TIMEOUT: Final = 15.0
"""Seconds. A registry that is checking many passwords may be slow."""


_NEWS: Final = (PresenceUpdate, Meeting, BoxNews)
"""What a registry sends without a request, besides its goodbye."""


class _Question(NamedTuple):
    request: Message
    then: Callable[[Message], None]
    failed: OnFailed
    timeout: float


class Dialer(Protocol):
    """Dial a registry, at one machine or any."""

    url: RegistryUrl

    def dial(self, then: Callable[[Link], None], failed: OnFailed) -> Closable:
        """Call `then` with a link, or `failed` with an error, in a later turn of the loop."""


class RegistryClient:
    """Sends requests to the registry that `dialer` dials, one at a time.

    `on_lost(error)` is called once if the open connection ends unexpectedly, after `failed` of
    every open request; `on_goodbye` is called before that if the registry gives a reason. `on_news`
    has what is called with each other message that is sent without a request. After `close` none of
    them is called, but open requests still fail.
    """

    def __init__(self, loop: Loop, dialer: Dialer) -> None:
        self._loop = loop
        self._dialer = dialer
        self._address = dialer.url.address
        self._dial: Closable | None = None
        self._link: Link | None = None
        self._questions: deque[_Question] = deque()
        self._asked: _Question | None = None
        self._lost: P2PError | None = None
        self.on_lost: OnFailed = ignore
        self.on_goodbye: Callable[[Goodbye], None] = ignore
        self.on_news: Mapping[type[Message], Callable[[Any], None]] = {}

    def connect(self, then: Callable[[Link], None], failed: OnFailed) -> None:
        """Connect, then call `then(link)` or `failed(error)`."""

        def linked(link: Link) -> None:
            self._link = link
            link.on_message = self._answered
            link.on_closed = self._closed
            then(link)

        self._dial = self._dialer.dial(linked, failed)

    def ask(
        self,
        request: Message,
        then: Callable[[Message], None],
        failed: OnFailed,
        *,
        timeout: float = ANSWER_TIMEOUT,
    ) -> None:
        """Send a request; `then(answer)` follows, or `failed(error)` if the connection ends first.

        The connection ends if there is no answer `timeout` seconds after the request was sent. If
        the registry asks to slow down, only this request fails: SlowedDown.
        """
        if self._lost is not None:
            self._loop.call_soon(partial(failed, self._lost))
            return
        self._questions.append(_Question(request, then, failed, timeout))
        self._ask_next()

    def close(self) -> None:
        """Log out and close the connection; open requests fail in a later turn."""
        self.on_lost = ignore
        self.on_goodbye = ignore
        self.on_news = {}
        if self._lost is None:
            self._lost = LinkLost(f"the connection to the registry at {self._address} was closed")
            self._loop.call_soon(self._fail_questions)
        if self._dial is not None:
            self._dial.close()
        if self._link is not None and self._link.open:
            self._link.on_closed = ignore
            if self._link.may_send(Logout):
                self._link.send(Logout())
            self._link.close()

    def _ask_next(self) -> None:
        link = self._link
        if self._asked is None and self._questions and link is not None and link.open:
            self._asked = self._questions.popleft()
            link.send(self._asked.request)
            link.expect(self._asked.timeout, f"the registry at {self._address} does not answer")

    def _answered(self, answer: Message) -> None:
        if isinstance(answer, Goodbye):
            self.on_goodbye(answer)
            return
        if isinstance(answer, _NEWS):
            self.on_news.get(type(answer), ignore)(answer)
            return
        if self._asked is None:
            raise RemoteProtocolError("an answer came without a request")
        assert self._link is not None
        self._link.relax()
        question, self._asked = self._asked, None
        if isinstance(answer, SlowDown):
            question.failed(SlowedDown(str(self._address), answer.seconds))
        else:
            question.then(answer)
        self._ask_next()

    def _closed(self, error: P2PError | None) -> None:
        if isinstance(error, RemoteProtocolError):
            error = Unreachable(
                f"the server at {self._address} does not speak our protocol: {error.what}",
                likely="another program listens there, or another listener of the registry",
                advice="check the registry's URL and its port",
            )
        self._lost = error or LinkLost(f"the registry at {self._address} hung up")
        self._fail_questions()
        self.on_lost(self._lost)

    def _fail_questions(self) -> None:
        assert self._lost is not None
        unanswered = [self._asked] if self._asked is not None else []
        unanswered += self._questions
        self._asked = None
        self._questions.clear()
        for question in unanswered:
            question.failed(self._lost)
