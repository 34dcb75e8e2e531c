"""The facade of our own end: one account at one registry, its peer server, its calls and its chat.

What a person wishes comes in as a method call, what they are told goes out as an event. In the
original dialect a node has one conversation at a time: being called, calling or chatting, it is
busy for everybody else.
"""

import random
from collections.abc import Callable
from functools import partial
from typing import Final

from p2pchat.errors import ContactOffline, NoSuchUser, P2PError, StorageError, UsageError
from p2pchat.net.address import Address, is_loopback
from p2pchat.net.endpoints import Closable, Network
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.net.transport import Transport
from p2pchat.peer.calls import DIAL_TIMEOUT, IncomingCall, OutgoingCall
from p2pchat.peer.chat_session import ChatSession
from p2pchat.peer.events import (
    Called,
    CallFailed,
    Calling,
    CallTurnedAway,
    CallWithdrawn,
    Event,
    Found,
    LoggedIn,
    SearchFailed,
    Trouble,
)
from p2pchat.peer.peer_server import PeerServer
from p2pchat.peer.profile import Profile
from p2pchat.peer.registry_session import RegistrySession, Standing
from p2pchat.peer.registry_url import RegistryUrl
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.messages import ChatRequest, ChatText, Presence, Reply, SearchResult
from p2pchat.protocol.original import ORIGINAL
from p2pchat.protocol.states import PEER_DIALOGUE, Speaker
from p2pchat.protocol.text import is_username

ANY_PORT: Final = 0


class Node:
    """Our own end of everything, from `start` to `stop`.

    `peer_host` None: the peer server listens on loopback for a registry on this machine, else on
    every interface. Methods raise UsageError where what is wished makes no sense now.
    """

    def __init__(
        self,
        loop: Loop,
        network: Network,
        url: RegistryUrl,
        username: str,
        password: str,
        *,
        profile: Profile,
        on_event: Callable[[Event], None],
        rng: random.Random,
        peer_host: str | None = None,
        peer_port: int = ANY_PORT,
    ) -> None:
        self.username = username
        self.url = url
        self._loop = loop
        self._network = network
        self._profile = profile
        self._on_event = on_event
        self._peer_host = peer_host
        self._peer_port = peer_port
        self._registry = RegistrySession(
            loop,
            network,
            url,
            username,
            password,
            open_port=self._open_port,
            on_event=self._registry_says,
            rng=rng,
        )
        self._peer_server = PeerServer(
            loop,
            network,
            on_call=self._called,
            on_text=self._text_came,
            on_silent_gone=self._silent_gone,
            may_be_silent=self._chats_with_host,
        )
        self._sought: str | None = None
        self._outgoing: OutgoingCall | None = None
        self._incoming: IncomingCall | None = None
        self._chat: ChatSession | None = None
        self._calling_back: Closable | None = None

    @property
    def known_names(self) -> list[str]:
        """Everybody whom we met at this registry; raises StorageError."""
        return self._profile.known_names(str(self.url))

    @property
    def standing(self) -> Standing:
        """How we stand with the registry."""
        return self._registry.standing

    @property
    def next_try(self) -> float | None:
        """The instant of the next try to reach a lost registry, in the loop's time."""
        return self._registry.next_try

    @property
    def in_chat_with(self) -> str | None:
        """The contact of the open chat."""
        return self._chat.contact if self._chat is not None else None

    @property
    def calling(self) -> str | None:
        """Whom we are calling."""
        return self._outgoing.contact if self._outgoing is not None else self._sought

    @property
    def called_by(self) -> str | None:
        """Who waits for our answer."""
        return self._incoming.contact if self._incoming is not None else None

    def start(self) -> None:
        """Begin to log in; LoggedIn or LoginFailed follows."""
        self._registry.start()

    def stop(self) -> None:
        """Leave the chat, refuse who waits, log out; run the loop until it is idle."""
        if self._incoming is not None:
            self.reject()
        self.leave()
        self._peer_server.close()
        self._registry.stop()

    def search(self, username: str) -> None:
        """Ask where somebody is; Found or SearchFailed follows."""
        check_username(username)
        self._registry.search(
            username, partial(self._found, username), partial(self._search_failed, username)
        )

    def call(self, username: str) -> None:
        """Ask somebody for a chat; Calling and ChatStarted, or CallFailed, follow."""
        check_username(username)
        if username == self.username:
            raise UsageError("you cannot chat with yourself")
        if self.called_by == username:
            self.accept()
            return
        self._check_free()
        self._sought = username
        self._registry.search(
            username,
            partial(self._found_for_call, username),
            partial(self._search_for_call_failed, username),
        )

    def accept(self) -> None:
        """Take the call that waits; ChatStarted follows."""
        call = self._waiting_call()
        self._incoming = None
        chat = self._open_chat(call.contact, call.call_back.host)
        call.accept()
        chat.hear_on(call.link)
        chat.start()
        self._call_back(chat, call.call_back)

    def reject(self) -> None:
        """Refuse the call that waits."""
        call = self._waiting_call()
        self._incoming = None
        call.refuse(Reply.REJECT)

    def say(self, text: str) -> None:
        """Say it in the open chat."""
        if self._chat is None:
            raise UsageError("you are in no chat", advice="/chat NAME starts one")
        self._chat.say(text)

    def leave(self) -> bool:
        """Leave the chat (ChatEnded follows), or give up calling; False where there is neither."""
        if self._chat is not None:
            self._chat.leave()
            return True
        was_calling = self.calling is not None
        self._stop_calling()
        return was_calling

    def _open_port(self, local_host: str, again: bool) -> Address:
        current = self._peer_server.address
        host = self._peer_host or _reachable_by(local_host)
        if current is not None and not again and host in {current.host, self._peer_host}:
            return current
        if again and self._peer_port != ANY_PORT:
            raise UsageError(
                f"the registry says that port {self._peer_port} is taken",
                likely="another user at this address has announced it",
                advice="choose another --peer-port, or none",
            )
        return self._peer_server.open(Address(host, self._peer_port))

    def _registry_says(self, event: Event) -> None:
        if isinstance(event, LoggedIn):
            self._remember(self._profile.note_account, event.username)
        self._on_event(event)

    def _remember(self, note: Callable[[str, str], None], username: str) -> None:
        """Note a name in the profile; that it cannot be noted must not end a chat."""
        try:
            note(str(self.url), username)
        except StorageError as error:
            self._on_event(Trouble(error))

    def _found(self, username: str, result: SearchResult) -> None:
        if result.presence is Presence.NOT_FOUND:
            self._search_failed(username, no_such_user(username))
            return
        self._remember(self._profile.note_name, username)
        online = result.presence is Presence.ONLINE
        self._on_event(Found(username, Address(result.host, result.port) if online else None))

    def _search_failed(self, username: str, error: P2PError) -> None:
        self._on_event(SearchFailed(username, error))

    def _found_for_call(self, username: str, result: SearchResult) -> None:
        if self._sought != username:
            return  # given up meanwhile
        if result.presence is Presence.ONLINE:
            self._dial(username, Address(result.host, result.port))
        elif result.presence is Presence.OFFLINE:
            self._call_failed(ContactOffline(f"{username} is offline"))
        else:
            self._call_failed(no_such_user(username))

    def _search_for_call_failed(self, username: str, error: P2PError) -> None:
        if self._sought == username:
            self._call_failed(error)

    def _dial(self, username: str, address: Address) -> None:
        here = self._peer_server.address
        assert here is not None
        self._sought = None
        self._outgoing = OutgoingCall(
            self._loop,
            self._network,
            username,
            address,
            ChatRequest(self.username, here.port),
            on_accepted=self._accepted,
            on_failed=self._call_failed,
        )
        self._remember(self._profile.note_name, username)
        self._on_event(Calling(username))

    def _accepted(self, link: Link) -> None:
        assert self._outgoing is not None
        contact = self._outgoing.contact
        self._outgoing = None
        chat = self._open_chat(contact, link.remote.host)
        chat.speak_on(link)
        chat.start()

    def _call_failed(self, error: P2PError) -> None:
        contact = self.calling
        if contact is None:
            return  # given up meanwhile
        self._sought = self._outgoing = None
        self._on_event(CallFailed(contact, error))

    def _called(self, link: Link, request: ChatRequest) -> None:
        call = IncomingCall(link, request, self._withdrawn)
        if self._yields_to(call.contact):
            self._stop_calling()
            self._incoming = call
            self.accept()
        elif self._chat or self._incoming or self.calling is not None:
            call.refuse(Reply.BUSY)
            if call.contact != self.calling:  # they take our call then, see _yields_to
                self._on_event(CallTurnedAway(call.contact))
        else:
            self._incoming = call
            self._remember(self._profile.note_name, call.contact)
            self._on_event(Called(call.contact))

    def _yields_to(self, caller: str) -> bool:
        """Tell whether our call to the caller gives way to theirs.

        When two call each other at once, both would be busy for each other; so the one whose name
        sorts first goes on calling, and the other, who wishes the same chat, takes that call.
        """
        return self.calling == caller and caller < self.username

    def _withdrawn(self) -> None:
        if self._incoming is not None:
            contact = self._incoming.contact
            self._incoming = None
            self._on_event(CallWithdrawn(contact))

    def _text_came(self, link: Link, message: ChatText) -> None:
        """Take the connection that our accepted contact has opened back, see PROTOCOL."""
        chat = self._chat
        if chat is None or chat.heard or link.remote.host != chat.contact_host:
            link.close()
            return
        chat.hear_on(link)
        chat.hear(message)

    def _silent_gone(self, host: str) -> None:
        if self._chat is not None and self._chats_with_host(host):
            self._chat.nothing_to_hear()

    def _chats_with_host(self, host: str) -> bool:
        return self._chat is not None and self._chat.contact_host == host

    def _call_back(self, chat: ChatSession, address: Address) -> None:
        def connected(transport: Transport) -> None:
            connection = Connection(PEER_DIALOGUE, ORIGINAL, Speaker.DIALLER)
            chat.speak_on(Link(self._loop, transport, connection))

        self._calling_back = self._network.dial(
            address, DIAL_TIMEOUT, connected, chat.cannot_call_back
        )

    def _open_chat(self, contact: str, host: str) -> ChatSession:
        self._chat = ChatSession(
            self._loop, contact, host, on_event=self._on_event, on_over=self._chat_over
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

    def _waiting_call(self) -> IncomingCall:
        if self._incoming is None:
            raise UsageError("nobody is calling you")
        return self._incoming

    def _check_free(self) -> None:
        if self._chat is not None:
            raise UsageError(
                f"you are in a chat with {self._chat.contact}", advice="/leave it first"
            )
        if self.called_by is not None:
            raise UsageError(
                f"{self.called_by} is waiting for your answer", advice="/accept or /reject first"
            )
        if self.calling is not None:
            raise UsageError(f"you are calling {self.calling} already", advice="/leave gives it up")


def check_username(username: str) -> None:
    """Raise UsageError where nobody can have that name."""
    if not is_username(username):
        raise UsageError(
            f"{username!r} is no username",
            likely="a name has no spaces and nothing invisible, and at most 64 bytes",
        )


def no_such_user(username: str) -> NoSuchUser:
    """Give the error for a name that the registry does not know."""
    return NoSuchUser(f"there is no user named {username}")


def _reachable_by(local_host: str) -> str:
    """Give where to listen so that whoever sees us at `local_host` can reach us, and no wider."""
    if is_loopback(local_host):
        return local_host
    return "::" if ":" in local_host else "0.0.0.0"  # noqa: S104  # contacts come from anywhere
