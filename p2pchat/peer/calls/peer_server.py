"""Our listener for peers: handles each connection until its first message.

Knows nothing of chats: links are handed on with their first message, a call or a text.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.errors import P2PError
from p2pchat.net.endpoints import Closable, Listener, Network
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop, Timer
from p2pchat.net.rate_limit import group_of
from p2pchat.net.transport import Wire
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.calls.peer_links import PeerLinks
from p2pchat.protocol.address import Address
from p2pchat.protocol.files.messages import DataRequest
from p2pchat.protocol.messages import Message
from p2pchat.protocol.talk import ChatRequest, ChatText

OnDataRequest = Callable[[Link, DataRequest, bytes | None], None]
"""Receives a data link, its request, and the key that the dialler proved."""

OnCall = Callable[[PeerLinks, Link, ChatRequest, bytes | None], None]
"""Receives a link, the call that came on it, and the key that the caller proved."""


_EVERYWHERE: Final = "::"
_EVERY_IPV4: Final = "0.0.0.0"  # noqa: S104  # compared


class PeerServer:
    """Listens, and hands on each link with its first message and the key that it proved, if any.

    Two callbacks are for the original dialect only, where the connection that a contact opens back
    stays silent until its user types something: `may_be_silent(host)` returns whether a chat with a
    caller at that host is open, and `on_silent_gone(host)` is called when the last silent link from
    that host has ended.
    """

    def __init__(
        self,
        loop: Loop,
        network: Network,
        links: PeerLinks,
        limits: PeerLimits,
        *,
        on_call: OnCall,
        on_data_request: OnDataRequest | None = None,
        on_text: Callable[[Link, ChatText], None] | None = None,
        on_silent_gone: Callable[[str], None] | None = None,
        may_be_silent: Callable[[str], bool] | None = None,
    ) -> None:
        self._loop = loop
        self._network = network
        self._links = links
        self._limits = limits
        self._on_call = on_call
        self._on_text = on_text or _hang_up
        self._on_data_request = on_data_request or _refuse_data
        self._on_silent_gone = on_silent_gone or ignore
        self._may_be_silent = may_be_silent or _never
        self._listener: Listener | None = None
        self._host = ""
        self._silent: dict[Link, Timer | None] = {}  # oldest first
        self._handshakes: dict[Wire, Closable] = {}

    @property
    def address(self) -> Address | None:
        """The address that we listen on."""
        return self._listener.address if self._listener is not None else None

    def ensure_open(self, host: str, port: int, *, again: bool) -> Address:
        """Listen on `host` only, and return the actual address. Raise BindError.

        If it listens there already, or everywhere instead of at every IPv4 address, that listener
        is kept; with `again`, it is replaced by one on `port`.
        """
        here = self.address
        is_covered = (self._host, host) == (_EVERYWHERE, _EVERY_IPV4)
        if here is not None and (self._host == host or is_covered) and not again:
            return here
        if self._listener is not None and self._host != host:  # it may have the same port
            self._listener.close()
            self._listener = None
        listener = self._network.listen(Address(host, port), self.take)
        self._host = host
        if self._listener is not None:
            self._listener.close()
        self._listener = listener
        return listener.address

    def close(self) -> None:
        """Stop listening, and close silent connections."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for handshake in self._handshakes.values():
            handshake.close()
        self._handshakes.clear()
        for link in tuple(self._silent):
            link.close()

    def take(self, transport: Wire, username: str = "") -> None:
        """Handle a connection of a caller; `username`: only that one may call on it."""
        group = group_of(transport.origin)
        groups = [group_of(link.origin) for link in self._silent]
        groups += [group_of(other.origin) for other in self._handshakes]
        limits = self._limits
        if limits.silent_links_per_host and groups.count(group) >= limits.silent_links_per_host:
            transport.abort()
            return
        if limits.silent_links and len(groups) >= limits.silent_links:
            self._make_room()
        linked = partial(self._linked, transport, username)
        under_way = self._links.take(transport, linked, lambda _: self._forget(transport))
        if self._links.secure:
            self._handshakes[transport] = under_way

    def _linked(self, transport: Wire, username: str, link: Link, key: bytes | None) -> None:
        self._forget(transport)
        link.on_message = partial(self._spoke, link, key, username)
        link.on_closed = partial(self._gone, link)
        self._watch_silence(link)

    def _make_room(self) -> None:
        """Close the oldest handshake or silent link: honest callers send at once."""
        if self._handshakes:
            transport = next(iter(self._handshakes))
            self._handshakes.pop(transport).close()
            return
        for link in self._silent:
            if not self._may_be_silent(link.remote.host):
                self._is_silent_no_more(link)
                link.abort()
                return

    def _forget(self, transport: Wire) -> None:
        self._handshakes.pop(transport, None)

    def _watch_silence(self, link: Link) -> None:
        timer = None
        if self._limits.speak_timeout:
            check = partial(self._check_silence, link)
            timer = self._loop.call_later(self._limits.speak_timeout, check)
        self._silent[link] = timer

    def _is_silent_no_more(self, link: Link) -> None:
        """Forget a link and cancel its timer."""
        timer = self._silent.pop(link, None)
        if timer is not None:
            timer.cancel()

    def _check_silence(self, link: Link) -> None:
        if self._may_be_silent(link.remote.host):
            self._watch_silence(link)
        else:
            link.close()

    def _spoke(self, link: Link, key: bytes | None, username: str, message: Message) -> None:
        self._is_silent_no_more(link)
        if username and getattr(message, "username", "") != username:
            link.close()
        elif isinstance(message, ChatRequest):
            self._on_call(self._links, link, message, key)
        elif isinstance(message, DataRequest):
            self._on_data_request(link, message, key)
        elif isinstance(message, ChatText):
            self._on_text(link, message)

    def _gone(self, link: Link, _: P2PError | None) -> None:
        self._is_silent_no_more(link)
        host = link.remote.host
        if all(other.remote.host != host for other in self._silent):
            self._on_silent_gone(host)


def _hang_up(link: Link, _: ChatText) -> None:
    """Close the link: a text must not come first."""
    link.close()


def _refuse_data(link: Link, _: DataRequest, __: bytes | None) -> None:
    """Close the link: this node expects no data link."""
    link.close()


def _never(_: str) -> bool:
    """Return False: no link may be silent."""
    return False
