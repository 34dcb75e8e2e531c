"""Data links: one end opens them, the other expects them, until the bytes of a file can begin.

The ticket in the first message binds a data link to the conversation in which it was agreed, and
the contact's key must be proved on it. On a circuit, both ends first look for a direct link (see
reach.upgrade). Does not handle file contents.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from p2pchat.callbacks import ignore
from p2pchat.errors import LinkLost, OnFailed, P2PError, RemoteProtocolError, TimedOut, Unreachable
from p2pchat.net.endpoints import Closable
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.calls.calls import DIAL_TIMEOUT
from p2pchat.peer.calls.peer_links import SecureLinks
from p2pchat.peer.reach.upgrade import Rounds, Upgrade
from p2pchat.peer.reach.ways import Ways
from p2pchat.protocol.address import Address
from p2pchat.protocol.files.messages import DataGo, DataRequest
from p2pchat.protocol.messages import Message
from p2pchat.protocol.talk import ChatReply, Go, Paths, Reply

TICKET_TIMEOUT: Final = 60.0
"""Seconds for which a ticket is valid."""

_ANSWER_TIMEOUT: Final = 20.0
_GO_TIMEOUT: Final = 45.0
"""Seconds for a dialler to look for a direct link before it uses the circuit."""

_AFTERGLOW: Final = 2.0

OnReady = Callable[[Link], None]
"""Receives a link that is ready for raw bytes."""


class DataLinks:
    """Opens and accepts data links for the user `username`."""

    def __init__(self, loop: Loop, username: str, links: SecureLinks, ways: Ways) -> None:
        self._loop = loop
        self._username = username
        self._links = links
        self._ways = ways
        self._expected: dict[bytes, _Expected] = {}

    def open_as_receiver(
        self,
        contact: str,
        key: bytes,
        address: Address | None,
        remote: Address | None,
        request: DataRequest,
        then: OnReady,
        failed: OnFailed,
    ) -> Closable:
        """Open a link to receive on: to `remote` if given, otherwise by any path to the contact."""
        terms = _Terms(self._loop, self._ways, key, request, then, failed, is_receiver=True)
        opening = _Opening(terms)
        if remote is not None:
            opening.begin(partial(self._dial, contact, key, remote))
        else:
            opening.begin(partial(self._ways.connect, contact, address, key))
        return opening

    def open_as_sender(
        self,
        contact: str,
        key: bytes,
        remote: Address,
        request: DataRequest,
        then: OnReady,
        failed: OnFailed,
    ) -> Closable:
        """Open a link to send on, to that address."""
        terms = _Terms(self._loop, self._ways, key, request, then, failed, is_receiver=False)
        opening = _Opening(terms)
        opening.begin(partial(self._dial, contact, key, remote))
        return opening

    def expect(
        self,
        contact: str,
        key: bytes,
        offer: str,
        ticket: bytes,
        then: OnReady,
        failed: OnFailed,
        *,
        is_receiver: bool,
    ) -> Closable:
        """Wait for the contact to open a link with that ticket."""
        mirrored = DataRequest(offer, self._username, contact, ticket, instead=True)
        terms = _Terms(self._loop, self._ways, key, mirrored, then, failed, is_receiver)
        expected = _Expected(terms, on_over=lambda: self._expected.pop(ticket, None))
        self._expected[ticket] = expected
        return expected

    def take(self, link: Link, request: DataRequest, key: bytes | None) -> None:
        """Handle the first message on a link that a remote opened."""
        expected = self._expected.get(request.ticket)
        if expected is None or not expected.take(link, request, key):
            link.on_message = link.on_closed = ignore
            link.send(ChatReply(Reply.REJECT))
            link.close()

    def close(self) -> None:
        """Stop expecting links."""
        for expected in tuple(self._expected.values()):
            expected.close()

    def _dial(
        self,
        contact: str,
        key: bytes,
        remote: Address,
        then: Callable[[Link], None],
        failed: OnFailed,
    ) -> Closable:
        def linked(link: Link, proved: bytes | None) -> None:
            if proved == key:
                then(link)
                return
            link.on_closed = ignore
            link.abort()
            failed(Unreachable(f"another program answers at {remote} instead of {contact}"))

        return self._links.dial(remote, DIAL_TIMEOUT, linked, failed)


class _Terms(NamedTuple):
    """The terms of a data link: whose key it must prove, and the first message on it."""

    loop: Loop
    ways: Ways
    key: bytes
    request: DataRequest
    then: OnReady
    failed: OnFailed
    is_receiver: bool


class _Attempt:
    """A data link that is not ready yet. Calls `then` or `failed` once, unless closed before."""

    def __init__(self, terms: _Terms) -> None:
        self._loop = terms.loop
        self._ways = terms.ways
        self._key = terms.key
        self._request = terms.request
        self._then = terms.then
        self._failed = terms.failed
        self._is_receiver = terms.is_receiver
        self._link: Link | None = None
        self._upgrade: Upgrade | None = None
        self._is_over = False

    def close(self) -> None:
        """Abandon the link; no callback follows."""
        self._end()
        if self._link is not None:
            _drop(self._link)
            self._link = None

    def _ready(self, link: Link) -> None:
        self._link = None
        self._end()
        link.relax()
        link.on_message = link.on_closed = ignore
        self._then(link)

    def _fail(self, error: P2PError) -> None:
        if not self._is_over:
            self.close()
            self._failed(error)

    def _end(self) -> None:
        self._is_over = True
        if self._upgrade is not None:
            self._upgrade.close()
            self._upgrade = None

    def _closed(self, error: P2PError | None) -> None:
        self._link = None
        self._fail(error or LinkLost("the contact closed the data link"))

    def _improve(self, link: Link, *, is_initiator: bool, failed: Callable[[], None]) -> None:
        """Look for a direct link to replace a circuit."""
        self._upgrade = Upgrade(
            self._loop,
            self._ways.direct,
            link,
            self._key,
            self._request,
            rounds=Rounds(),
            is_initiator=is_initiator,
            on_moved=self._moved,
            on_failed=failed,
        )
        self._upgrade.begin()

    def _moved(self, link: Link, _punched: bool, _asked: bool) -> None:
        """Continue on a direct link, and leave the circuit."""
        if self._is_over:
            _drop(link)
            return
        if self._link is not None:
            old = self._link
            old.on_message = old.on_closed = ignore
            self._loop.call_later(_AFTERGLOW, old.close)
        self._link = link
        self._use(link)

    def _use(self, link: Link) -> None:
        """Continue on this link."""
        raise NotImplementedError


class _Opening(_Attempt):
    """A link that we open."""

    _dial: Closable | None = None

    def begin(self, connect: Callable[[Callable[[Link], None], OnFailed], Closable]) -> None:
        """Connect, then send the request."""
        self._dial = connect(self._connected, self._fail)

    def close(self) -> None:
        """Abandon the link; no callback follows."""
        if self._dial is not None:
            self._dial.close()
            self._dial = None
        super().close()

    def _connected(self, link: Link) -> None:
        self._dial = None
        if self._is_over:
            _drop(link)
            return
        self._link = link
        link.on_message = partial(self._replied, link)
        link.on_closed = self._closed
        link.send(self._request)
        link.expect(_ANSWER_TIMEOUT, f"{self._request.to} did not answer on the data link")

    def _replied(self, link: Link, message: Message) -> None:
        if not isinstance(message, ChatReply) or message.reply is not Reply.ACCEPT:
            self._fail(LinkLost(f"{self._request.to} did not accept the data link"))
            return
        if not self._is_receiver:
            self._ready(link)
        elif link.relayed and not self._ways.direct.is_hidden:
            link.relax()
            link.on_message = self._hear_paths
            self._request = _again(self._request)
            self._improve(link, is_initiator=True, failed=lambda: self._use(link))
        else:
            self._use(link)

    def _hear_paths(self, message: Message) -> None:
        if isinstance(message, Paths | Go) and self._upgrade is not None:
            self._upgrade.hear(message)

    def _use(self, link: Link) -> None:
        if not self._is_over:
            link.send(DataGo())
            self._ready(link)


class _Expected(_Attempt):
    """A link that the contact is to open."""

    def __init__(self, terms: _Terms, on_over: Callable[[], object]) -> None:
        super().__init__(terms)
        self._on_over = on_over
        self._deadline: Timer = terms.loop.call_later(TICKET_TIMEOUT, self._too_late)

    def take(self, link: Link, request: DataRequest, key: bytes | None) -> bool:
        """Accept a link, or return False if it does not match."""
        ours = self._request
        names = (request.offer, request.username, request.to)
        is_right = key == self._key and names == (ours.offer, ours.to, ours.username)
        is_first = self._link is None and not request.instead
        is_better = (
            request.instead
            and self._upgrade is not None
            and not self._upgrade.has_decided
            and self._link is not None
        )
        if not is_right or not (is_first or is_better):
            return False
        link.send(ChatReply(Reply.ACCEPT))
        if is_better:
            assert self._upgrade is not None
            self._upgrade.moved()
            self._moved(link, False, False)
        elif self._is_receiver:
            self._ready(link)
        else:
            self._link = link
            self._use(link)
            if link.relayed:
                self._improve(link, is_initiator=False, failed=ignore)
        return True

    def _use(self, link: Link) -> None:
        link.on_message = partial(self._heard, link)
        link.on_closed = self._closed
        link.expect(_GO_TIMEOUT, f"{self._request.to} did not begin on the data link")

    def _heard(self, link: Link, message: Message) -> None:
        if isinstance(message, DataGo):
            self._ready(link)
        elif isinstance(message, Paths | Go) and self._upgrade is not None:
            self._upgrade.hear(message)
        else:
            self._fail(RemoteProtocolError(f"{type(message).__name__} came on a data link"))

    def _too_late(self) -> None:
        if self._link is None:  # otherwise the link has deadlines of its own
            self._fail(TimedOut(f"{self._request.to} did not open the data link"))

    def _end(self) -> None:
        self._deadline.cancel()
        self._on_over()
        super()._end()


def _again(request: DataRequest) -> DataRequest:
    """Return the request for the link that replaces the first one."""
    return DataRequest(request.offer, request.username, request.to, request.ticket, instead=True)


def _drop(link: Link) -> None:
    link.on_message = link.on_closed = ignore
    link.abort()
