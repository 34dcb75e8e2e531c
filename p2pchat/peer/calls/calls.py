"""Outgoing and incoming calls. Each ends in an accepted link or an error."""

from collections.abc import Callable
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.errors import (
    CallRejected,
    ContactBusy,
    HungUp,
    NotTrusted,
    OnFailed,
    P2PError,
    TimedOut,
)
from p2pchat.net.endpoints import Closable
from p2pchat.net.link import Link
from p2pchat.peer.calls.peer_links import PeerLinks
from p2pchat.protocol.address import Address
from p2pchat.protocol.files.messages import CAN_FILES
from p2pchat.protocol.mailbox import CAN_MAILBOX
from p2pchat.protocol.messages import Abilities, Message
from p2pchat.protocol.talk import ChatReply, ChatRequest, Reply

ABILITIES: Final = (CAN_MAILBOX, CAN_FILES)
"""What we say in calls that we can do."""

DIAL_TIMEOUT: Final = 10.0
REPLY_TIMEOUT: Final = 120.0
"""Seconds for the contact's user to answer."""


Connect = Callable[[Callable[[Link], None], OnFailed], Closable]
"""Passes a link to the contact to the first function, or the reason why there is none."""


class OutgoingCall:
    """A call to a contact on the link that `connect(then, failed)` establishes.

    Either `on_accepted(link, can)`, with the link to chat on and what the contact can do, or
    `on_failed(error)` is called once, unless `cancel` was called first.
    """

    def __init__(
        self,
        contact: str,
        connect: Connect,
        request: ChatRequest,
        *,
        on_accepted: Callable[[Link, Abilities], None],
        on_failed: Callable[[P2PError], None],
    ) -> None:
        self.contact = contact
        self._request = request
        self._on_accepted = on_accepted
        self._on_failed = on_failed
        self._link: Link | None = None
        self._dial: Closable = connect(self._connected, on_failed)

    @property
    def has_asked(self) -> bool:
        """Whether there is a link, on which the contact has been asked."""
        return self._link is not None

    def cancel(self) -> None:
        """Hang up; no callback follows."""
        self._dial.close()
        if self._link is not None:
            self._link.on_message = ignore
            self._link.on_closed = ignore
            self._link.close()

    def _connected(self, link: Link) -> None:
        self._link = link
        link.on_message = self._replied
        link.on_closed = self._closed
        link.send(self._request)
        link.expect(REPLY_TIMEOUT, f"{self.contact} did not answer")

    def _replied(self, message: Message) -> None:
        assert isinstance(message, ChatReply)
        assert self._link is not None
        if message.reply is Reply.ACCEPT:
            self._link.relax()
            self._on_accepted(self._link, message.can)
            return
        self.cancel()
        if message.reply is Reply.BUSY:
            self._on_failed(ContactBusy(f"{self.contact} is busy"))
        else:
            self._on_failed(CallRejected(f"{self.contact} rejected your request"))

    def _closed(self, error: P2PError | None) -> None:
        gone = HungUp(f"{self.contact} hung up without an answer", advice="try again in a minute")
        self._on_failed(error or gone)


class IncomingCall:
    """A call on `link` that waits for our reply; `on_gone(call)` follows if the caller hangs up."""

    def __init__(
        self, links: PeerLinks, link: Link, request: ChatRequest, key: bytes | None
    ) -> None:
        self.links = links
        self.contact = request.username
        self.invitation = request.invitation
        self.instead = request.instead
        self.can = request.can
        self.link = link
        self.key = key
        self.call_back = Address(link.remote.host, request.port or 0)
        """The caller's own peer server: the caller's address with the announced port."""
        self.on_gone: Callable[[IncomingCall], None] = ignore
        link.on_message = ignore
        link.on_closed = self._closed

    def accept(self) -> None:
        """Accept the call; the conversation then takes over the link."""
        self.link.relax()
        self.link.send(ChatReply(Reply.ACCEPT, ABILITIES))

    def hang_up(self) -> None:
        """Close the link without an answer: the caller may call again."""
        self.link.on_closed = ignore
        self.link.close()

    def refuse(self, reply: Reply) -> None:
        """Answer REJECT or BUSY and close the link."""
        self.link.on_closed = ignore
        self.link.send(ChatReply(reply))
        self.link.close()

    def _closed(self, _: P2PError | None) -> None:
        self.on_gone(self)


def pause_after(error: P2PError) -> float | None:
    """Return the seconds until a contact may be called again after that error.

    None: at the next opportunity.
    """
    return {ContactBusy: 30.0, TimedOut: 600.0}.get(type(error))


def in_clear_though_known(contact: str) -> NotTrusted:
    """Return the error for an unencrypted call from or to a contact whose key is known."""
    return NotTrusted(
        f"{contact} may not chat in clear: you know {contact}'s key",
        likely="it is probably someone else: in clear, anyone can claim any name",
    )


def not_introduced(contact: str, why: str) -> NotTrusted:
    """Return the error for a stranger whose key the registry does not confirm."""
    return NotTrusted(
        f"the registry does not confirm that this is {contact}: {why}",
        likely=f"another user answers there, or {contact} has just logged in with another profile",
    )
