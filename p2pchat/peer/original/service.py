"""A node's side of the original dialect: its peer server, its calls and its single chat.

At a secure registry it serves only chats with contacts in clear.
"""

from collections.abc import Callable
from typing import Final

from p2pchat.errors import (
    ContactOffline,
    NoSuchUser,
    NotTrusted,
    P2PError,
    StorageError,
    Unreachable,
    UsageError,
)
from p2pchat.net.endpoints import Network
from p2pchat.net.loop import Loop
from p2pchat.net.transport import SEND_HIGH_WATER
from p2pchat.peer.calls.calls import IncomingCall, in_clear_though_known
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.calls.peer_links import ClearLinks
from p2pchat.peer.calls.peer_server import OnCall, PeerServer
from p2pchat.peer.original.calls import OriginalCalls
from p2pchat.peer.presence.do_not_disturb import DoNotDisturb
from p2pchat.peer.registry_client.link import SearchUser
from p2pchat.peer.store.history import History
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import Event, Said, TextReceived, Trouble
from p2pchat.protocol.client.state import ChatState, Security
from p2pchat.protocol.messages import Presence, SearchResult
from p2pchat.protocol.talk import Reply
from p2pchat.protocol.text import excerpt

_ANY_PORT: Final = 0
_NO_KEY: Final = b""
"""The key of a contact in clear, in the history."""


class OriginalService:
    """Implements ChatService with one chat at a time.

    `server` is the listener; `host()` returns the host to listen on, once we are logged in.
    `among_secure`: the registry has users of both dialects, and those with a key must not be called
    in clear. The history marks lines as sent in clear.
    """

    def __init__(
        self,
        loop: Loop,
        network: Network,
        username: str,
        search: SearchUser,
        limits: PeerLimits,
        contacts: Contacts,
        history: History,
        do_not_disturb: DoNotDisturb,
        may_send_to: Callable[[str], bool],
        *,
        host: Callable[[], str | None],
        among_secure: bool,
        on_call: OnCall,
        on_event: Callable[[Event], None],
        on_drained: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._username = username
        self._history = history
        self._do_not_disturb = do_not_disturb
        self._host = host
        self._on_event = on_event
        self._calls = OriginalCalls(loop, username, self._tell)
        self._calls.on_drained = on_drained
        self._search = search
        self._contacts = contacts
        self._may_send_to = may_send_to
        self._among_secure = among_secure
        self._links = ClearLinks(loop, network)
        self.server = PeerServer(
            loop,
            network,
            self._links,
            limits,
            on_call=on_call,
            on_text=self._calls.take_text,
            on_silent_gone=self._calls.silent_gone,
            may_be_silent=self._calls.chats_with_host,
        )

    @property
    def calling(self) -> str | None:
        """The contact that we are calling and that has not answered yet."""
        return self._calls.calling

    @property
    def called_by(self) -> list[str]:
        """The user waiting for our answer, if any."""
        return [self._calls.called_by] if self._calls.called_by else []

    @property
    def contacts(self) -> list[str]:
        """The contact of the open chat, if any."""
        return [self._calls.in_chat_with] if self._calls.in_chat_with else []

    def is_with(self, contact: str) -> bool:
        """Return whether a contact is in the chat, being called, or calling us."""
        return contact in {*self.contacts, *self.called_by, self.calling}

    def chat(self, contact: str) -> ChatState | None:
        """Return the state of the chat with a contact; None if there is none."""
        if contact not in self.contacts:
            return None
        return ChatState(Security.CLEAR, queued=self._calls.queued or 0)

    def has_room(self, contact: str) -> bool:
        """Return whether more lines may be sent to a contact now."""
        queued = self._calls.queued
        return contact not in self.contacts or (queued is not None and queued <= SEND_HIGH_WATER)

    def call(self, contact: str) -> None:
        """Ask a contact for a chat, or accept if they are asking us.

        Calling, ChatStarted or CallFailed follows.
        """
        host = self._host()
        if contact == self._username:
            raise UsageError("you cannot chat with yourself in clear")
        if contact in self.called_by:
            self._calls.accept()
        elif host is None:
            raise UsageError("you are not logged in yet")
        else:
            self._call(contact, host)

    def accept(self, contact: str) -> None:
        """Accept the waiting call; ChatStarted follows."""
        self._check_caller(contact)
        self._calls.accept()

    def reject(self, contact: str) -> None:
        """Reject the waiting call."""
        self._check_caller(contact)
        self._calls.reject()

    def say(self, contact: str, text: str) -> None:
        """Send a line in the chat; it is not acknowledged."""
        if contact not in self.contacts:
            raise UsageError(f"you are in no chat with {contact}", advice=f"/chat {contact}")
        self._calls.say(text)
        self._keep(contact, text, outgoing=True)
        self._loop.call_soon(lambda: self._on_event(Said(contact, text)))

    def leave(self, contact: str) -> bool:
        """Leave the chat (ChatEnded follows) or withdraw a call; return False if there is none."""
        return contact in {*self.contacts, self.calling} and self._calls.leave()

    def wait_for_reader(self, contact: str, *, behind: bool) -> None:
        """Stop reading from a contact while the client that reads its lines is behind."""
        self._calls.wait_for_reader(contact, behind=behind)

    def take_call(self, call: IncomingCall) -> None:
        """Handle a call that CallerVerification has passed on."""
        if self._do_not_disturb.is_on:
            call.refuse(Reply.BUSY)
        else:
            self._calls.take_call(call)

    def _call(self, contact: str, host: str) -> None:
        """Look up a contact and call them, listening on `host` for their connection back."""

        def found(result: SearchResult) -> None:
            try:
                self._call_found(contact, host, result)
            except P2PError as error:
                failed(error)

        def failed(error: P2PError) -> None:
            self._calls.call_failed(contact, error)

        self._calls.seek(contact)
        self._search(contact, found, failed)

    def close(self) -> None:
        """Leave the chat, refuse waiting callers, stop listening."""
        self._calls.close()
        self.server.close()

    def _check_caller(self, contact: str) -> None:
        if contact not in self.called_by:
            raise UsageError(f"{contact} is not calling you")

    def _tell(self, event: Event) -> None:
        if isinstance(event, TextReceived):
            self._keep(event.contact, event.text, outgoing=False)
        self._on_event(event)

    def _keep(self, contact: str, text: str, *, outgoing: bool) -> None:
        """Keep a line in the history; an error must not end a chat."""
        try:
            self._history.thread(contact, _NO_KEY).keep_clear(text, outgoing=outgoing)
        except StorageError as error:
            self._on_event(Trouble(error))

    def _call_found(self, contact: str, host: str, result: SearchResult) -> None:
        if result.presence is Presence.NOT_FOUND:
            raise NoSuchUser(f"there is no user named {contact}")
        if result.presence is Presence.OFFLINE:
            raise ContactOffline(f"{contact} is offline")
        if self._among_secure and not result.in_clear:
            raise NotTrusted(
                f"{contact} can chat encrypted", advice=f"/chat {contact}, without --in-clear"
            )
        if self._contacts.get(contact).key is not None:
            raise in_clear_though_known(contact)
        if not self._may_send_to(result.host):
            raise _wrong_address(contact, result.host)
        here = self.server.address or self.server.ensure_open(host, _ANY_PORT, again=False)
        self._calls.call(self._links, contact, Address(result.host, result.port), here.port)


def _wrong_address(contact: str, host: str) -> Unreachable:
    """Return the error for an address of a contact that we refuse to dial."""
    return Unreachable(
        f"the registry gives a forbidden address for {contact}: {excerpt(host)}",
        likely="it is not an IP address or one of this machine; the registry is broken or lying",
        advice="tell its operator",
    )
