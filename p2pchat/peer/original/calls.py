"""The calls and the single chat of the original dialect.

There is one conversation at a time: while called, calling or chatting, we are busy for all other
users. Knows nothing of the registry: addresses of contacts are passed in.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.errors import OnFailed, P2PError, Unreachable, UsageError
from p2pchat.net.endpoints import Closable
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.peer.calls.calls import DIAL_TIMEOUT, IncomingCall, OutgoingCall
from p2pchat.peer.calls.peer_links import PeerLinks
from p2pchat.peer.original.chat import ClearChat
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import (
    Called,
    CallFailed,
    Calling,
    CallTurnedAway,
    CallWithdrawn,
    Event,
)
from p2pchat.protocol.client.state import Security
from p2pchat.protocol.messages import Message
from p2pchat.protocol.talk import ChatRequest, ChatText, Reply

_MAX_EARLY: Final = 100
"""Messages of a contact kept until our call is answered."""


class OriginalCalls:
    """Our calls and our chat, as the user `username`. Methods raise UsageError as Node's do."""

    def __init__(self, loop: Loop, username: str, on_event: Callable[[Event], None]) -> None:
        self._loop = loop
        self._username = username
        self._on_event = on_event
        self._sought: str | None = None
        self._outgoing: OutgoingCall | None = None
        self._called_host = ""  # of the outgoing call
        self._incoming: IncomingCall | None = None
        self._chat: ClearChat | None = None
        self._calling_back: Closable | None = None
        self._early: _EarlyLink | None = None
        self.on_drained: Callable[[], None] = ignore

    @property
    def in_chat_with(self) -> str | None:
        """The contact of the open chat."""
        return self._chat.contact if self._chat is not None else None

    @property
    def calling(self) -> str | None:
        """The contact that we are calling."""
        return self._outgoing.contact if self._outgoing is not None else self._sought

    @property
    def called_by(self) -> str | None:
        """The user waiting for our answer."""
        return self._incoming.contact if self._incoming is not None else None

    @property
    def queued(self) -> int | None:
        """Bytes of the chat that were not sent yet; None if nothing can be sent now."""
        return self._chat.queued if self._chat is not None else None

    def seek(self, contact: str) -> None:
        """Begin a call before its address is known; `call` or `call_failed` must follow."""
        if self._chat is not None:
            raise UsageError(
                f"you are in a chat with {self._chat.contact}", advice="/leave it first"
            )
        if self.called_by is not None:
            raise UsageError(
                f"{self.called_by} is waiting for your answer", advice="/accept or /reject first"
            )
        if self.calling is not None:
            raise UsageError(f"you are calling {self.calling} already", advice="/leave cancels it")
        self._sought = contact

    def call(
        self,
        links: PeerLinks,
        contact: str,
        address: Address,
        our_port: int,
    ) -> None:
        """Dial the contact of `seek`, unless cancelled meanwhile; Calling follows.

        `our_port` is the port for their connection back.
        """
        if self._sought != contact:
            return
        self._sought = None
        self._called_host = address.host
        self._outgoing = OutgoingCall(
            contact,
            partial(_dial, links, contact, address),
            ChatRequest(self._username, our_port),
            on_accepted=lambda link, _: self._accepted(link),
            on_failed=self._outgoing_failed,
        )
        self._on_event(Calling(contact))

    def call_failed(self, contact: str, error: P2PError) -> None:
        """End a call whose address could not be found; CallFailed follows."""
        if self._sought == contact:
            self._sought = None
            self._on_event(CallFailed(contact, error))

    def accept(self) -> None:
        """Accept the waiting call; ChatStarted follows."""
        call = self._waiting_call()
        self._incoming = None
        chat = self._open_chat(call.contact, call.link.remote.host)
        call.accept()
        chat.hear_on(call.link)
        chat.start()
        self._call_back(chat, call)

    def reject(self) -> None:
        """Reject the waiting call."""
        call = self._waiting_call()
        self._incoming = None
        call.refuse(Reply.REJECT)

    def say(self, text: str) -> None:
        """Send a line in the open chat."""
        if self._chat is None:
            raise UsageError("you are in no chat", advice="/chat NAME starts one")
        self._chat.say(text)

    def wait_for_reader(self, contact: str, *, behind: bool) -> None:
        """Stop reading from the contact while the client that reads its lines is behind."""
        if self._chat is not None and self._chat.contact == contact:
            self._chat.wait_for_reader(behind=behind)

    def leave(self) -> bool:
        """Leave the chat (ChatEnded follows) or withdraw a call; return False if there is none."""
        if self._chat is not None:
            self._chat.leave()
            return True
        was_calling = self.calling is not None
        self._stop_calling()
        return was_calling

    def close(self) -> None:
        """Refuse waiting callers and leave the chat."""
        if self._incoming is not None:
            self.reject()
        self.leave()

    def take_call(self, call: IncomingCall) -> None:
        """Handle a call that CallerVerification has passed on."""
        call.on_gone = self._withdrawn
        if self._yields_to(call):
            self._stop_calling()
            self._incoming = call
            self.accept()
        elif self._chat or self._incoming or self.calling is not None:
            call.refuse(Reply.BUSY)
            if call.contact != self.calling:  # otherwise they accept our call, see _yields_to
                self._on_event(CallTurnedAway(call.contact))
        else:
            self._incoming = call
            self._on_event(Called(call.contact, Security.CLEAR))

    def take_text(self, link: Link, message: ChatText) -> None:
        """Handle the connection that an accepted contact opens back (PROTOCOL, "peer")."""
        chat, host = self._chat, link.remote.host
        if chat is not None and not chat.heard and host == chat.contact_host:
            chat.hear_on(link)
            chat.hear(message)
        elif self._early is None and self._outgoing and host == self._called_host:
            self._early = _EarlyLink(link, message)
        else:
            link.close()

    def silent_gone(self, host: str) -> None:
        """Record that the last silent link from a host has ended."""
        if self._chat is not None and self.chats_with_host(host):
            self._chat.nothing_to_hear()

    def chats_with_host(self, host: str) -> bool:
        """Return whether there is an open chat with a contact at that host."""
        return self._chat is not None and self._chat.contact_host == host

    def _accepted(self, link: Link) -> None:
        assert self._outgoing is not None
        contact = self._outgoing.contact
        self._outgoing = None
        chat = self._open_chat(contact, link.remote.host)
        chat.speak_on(link)
        chat.start()
        if self._early is not None:
            early, self._early = self._early, None
            early.join(chat)

    def _outgoing_failed(self, error: P2PError) -> None:
        assert self._outgoing is not None
        contact = self._outgoing.contact
        self._outgoing = None
        self._drop_early()
        self._on_event(CallFailed(contact, error))

    def _yields_to(self, call: IncomingCall) -> bool:
        """Return whether our call to the caller gives way to theirs.

        When two users call each other at once, each would be busy for the other. So the one whose
        name sorts first keeps its call, and the other accepts it. As anyone can claim a name, the
        call must come from the address that we are calling.
        """
        ours = self._outgoing
        if ours is None or ours.contact != call.contact or call.contact > self._username:
            return False
        return call.link.remote.host == self._called_host

    def _withdrawn(self, call: IncomingCall) -> None:
        if self._incoming is call:
            self._incoming = None
            self._on_event(CallWithdrawn(call.contact))

    def _call_back(self, chat: ClearChat, call: IncomingCall) -> None:
        """Open the connection on which we send in clear (PROTOCOL, "peer and peer")."""
        self._calling_back = call.links.dial(
            call.call_back,
            DIAL_TIMEOUT,
            lambda link, _: chat.speak_on(link),
            chat.cannot_call_back,
        )

    def _open_chat(self, contact: str, host: str) -> ClearChat:
        self._chat = ClearChat(
            self._loop,
            contact,
            host,
            on_event=self._on_event,
            on_over=self._chat_over,
            on_drained=self._drained,
        )
        return self._chat

    def _chat_over(self) -> None:
        self._chat = None
        if self._calling_back is not None:
            self._calling_back.close()
            self._calling_back = None

    def _stop_calling(self) -> None:
        self._sought = None
        if self._outgoing is not None:
            self._outgoing.cancel()
            self._outgoing = None
            self._drop_early()

    def _drop_early(self) -> None:
        if self._early is not None:
            self._early.link.close()
            self._early = None

    def _drained(self) -> None:
        self.on_drained()

    def _waiting_call(self) -> IncomingCall:
        if self._incoming is None:
            raise UsageError("there is no call to answer")
        return self._incoming


class _EarlyLink:
    """A connection that a contact opened back before answering our call.

    The two may arrive in either order; messages on this link wait for the chat.
    """

    def __init__(self, link: Link, first: ChatText) -> None:
        self.link = link
        self._said: list[Message] = [first]
        self._ended = False
        link.on_message = self._hear
        link.on_closed = self._close

    def join(self, chat: ClearChat) -> None:
        """Hand the link over to the open chat, with the messages that have arrived on it."""
        if not self._ended:
            chat.hear_on(self.link)
        for message in self._said:
            chat.hear(message)
        if self._ended:
            chat.nothing_to_hear()

    def _hear(self, message: Message) -> None:
        if len(self._said) < _MAX_EARLY:
            self._said.append(message)
        else:
            self.link.close()

    def _close(self, _: P2PError | None) -> None:
        self._ended = True


def _dial(
    links: PeerLinks,
    contact: str,
    address: Address,
    then: Callable[[Link], None],
    failed: OnFailed,
) -> Closable:
    """Dial the contact, who proves no key."""

    def unreachable(error: P2PError) -> None:
        failed(
            Unreachable(
                f"cannot reach {contact} at {address}: {error.what.rpartition(': ')[2]}",
                likely=f"{contact} is behind a firewall, or has just left",
                advice="try again in a minute",
            )
        )

    return links.dial(address, DIAL_TIMEOUT, lambda link, _: then(link), unreachable)
