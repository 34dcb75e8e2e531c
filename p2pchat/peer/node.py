"""The facade of our own end: one account at one registry, its peer server and conversations.

Orders are method calls; events are reported by a callback. Chats in the secure and the original
dialect are used through the same interface.
"""

import random
import time
from collections.abc import Callable
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.errors import OnFailed, P2PError, UsageError
from p2pchat.net.endpoints import Network
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.net.worker import Worker
from p2pchat.peer.calls.caller_verification import CallerVerification
from p2pchat.peer.calls.calls import IncomingCall
from p2pchat.peer.calls.chat_service import ChatService
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.calls.listen_address import ListenAddress
from p2pchat.peer.calls.peer_links import SecureLinks
from p2pchat.peer.calls.peer_server import PeerServer
from p2pchat.peer.chat.conversations import Conversations
from p2pchat.peer.chat.service import SecureService
from p2pchat.peer.files.data_links import DataLinks
from p2pchat.peer.files.policy import FilesPolicy
from p2pchat.peer.files.transfers import Transfers
from p2pchat.peer.mailbox.mailbox import Mailbox
from p2pchat.peer.original.service import OriginalService
from p2pchat.peer.presence.do_not_disturb import DoNotDisturb
from p2pchat.peer.reach.reachability import Reachability
from p2pchat.peer.reach.ways import Ways
from p2pchat.peer.registry_client.credentials import Credentials
from p2pchat.peer.registry_client.dialer import RegistryDialer
from p2pchat.peer.registry_client.session import RegistrySession
from p2pchat.peer.session_changes import SessionChanges
from p2pchat.peer.store.history import History
from p2pchat.peer.store.profile import Profile
from p2pchat.peer.trust import Trust
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import (
    Event,
    Found,
    SearchFailed,
    Seen,
    TextReceived,
)
from p2pchat.protocol.client.lines import KeptLine
from p2pchat.protocol.client.state import CameBy, ChatState, SessionState
from p2pchat.protocol.files.messages import DataRequest
from p2pchat.protocol.messages import Presence, PresenceUpdate, SearchResult
from p2pchat.protocol.names import check_username

ANY_PORT: Final = 0


class Node:
    """Our own end, from `start` to `stop`.

    `peer_host` None: the peer server listens on loopback for a registry on this machine, otherwise
    on every interface. `wait_for_registry`: if the profile has a token for the registry, a registry
    that cannot be reached at the start is retried; lines are queued meanwhile. `on_changed` is
    called whenever more can be sent than before, or the state has changed without an event.
    `file_worker` runs file transfers in threads. `wall` returns seconds since the epoch. Methods
    raise UsageError if the call makes no sense now, and StorageError.
    """

    def __init__(
        self,
        loop: Loop,
        network: Network,
        dialer: RegistryDialer,
        credentials: Credentials,
        *,
        profile: Profile,
        on_event: Callable[[Event], None],
        rng: random.Random,
        file_worker: Worker,
        files_policy: FilesPolicy = FilesPolicy(),  # noqa: B008  # immutable
        peer_host: str | None = None,
        peer_port: int = ANY_PORT,
        limits: PeerLimits = PeerLimits(),  # noqa: B008  # immutable
        keep_history: bool = True,
        wait_for_registry: bool = False,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.username = credentials.username
        self.url = dialer.url
        self.contacts = Contacts(profile, str(self.url), credentials.identity.public)
        self.history: History = profile.history(str(self.url), keep=keep_history)
        self.schedule = profile.schedule(str(self.url))
        self.on_changed: Callable[[], None] = ignore
        self._loop = loop
        self._wall = wall
        self._on_event = on_event
        self.registry = RegistrySession(
            loop,
            network,
            dialer,
            credentials,
            open_port=self._open_port,
            on_event=self._tell,
            rng=rng,
            wait_at_start=wait_for_registry and bool(credentials.token),
        )
        self._caller_verification = CallerVerification(
            loop,
            self.username,
            self.contacts,
            self.registry.search,
            limits,
            on_welcome=self._take_call,
            on_event=self._tell,
        )
        self.do_not_disturb = DoNotDisturb(loop)
        self._clear = self._original_service(loop, network, limits)
        links = SecureLinks(loop, network, credentials.identity, limits.handshake_bytes)
        self._server = self._clear.server
        if self.url.secure:
            on_call = self._caller_verification.take_call
            self._server = PeerServer(
                loop,
                network,
                links,
                limits,
                on_call=on_call,
                on_data_request=self._take_data_link,
            )
        in_clear_too = self.url.secure and credentials.allow_original
        self._listen_address = ListenAddress(
            self._server, self._clear.server if in_clear_too else None, peer_host, peer_port
        )
        self._is_hidden = credentials.reach.is_hidden
        self._reachability = Reachability(
            loop,
            network,
            dialer,
            credentials,
            self.registry,
            self.contacts,
            links,
            self._server,
            self._listen_address,
        )
        self.mailbox = Mailbox(
            loop,
            profile.mailbox(str(self.url), self.username),
            self.contacts,
            credentials.identity,
            self.username,
            self.registry.ask,
            on_event=self._tell,
            wall=wall,
        )
        self._data_links = DataLinks(loop, self.username, links, self._reachability.ways)
        self.files = Transfers(
            loop,
            self.username,
            profile.transfers(str(self.url)),
            self.contacts,
            self._data_links,
            file_worker,
            files_policy,
            on_event=self._tell,
            on_change=self._has_changed,
        )
        self.conversations = self._make_conversations(self._reachability.ways, limits, rng)
        self.mailbox.open(lambda: self.conversations.talks, self.conversations.talk_with)
        outbox = self.conversations.outbox
        self.files.open(self.conversations.file_talk_with, outbox.open, outbox.withdraw)
        self._session_changes = SessionChanges(
            self.username,
            self.url,
            profile,
            self.registry,
            self._reachability,
            self.conversations,
            self.mailbox,
            on_event,
        )
        self.trust = Trust(
            self.username,
            self.contacts,
            self.history,
            self.conversations,
            self.mailbox,
            self.files,
        )
        secure = SecureService(self.conversations)
        self._services: tuple[ChatService, ...] = (self._clear, secure)
        self._usual: ChatService = secure if self.url.secure else self._clear
        self.registry.on_presence_update = self._sighted
        self.registry.on_connecting = self._has_changed
        self.registry.on_box_news = self.mailbox.hear_news

    def _original_service(
        self, loop: Loop, network: Network, limits: PeerLimits
    ) -> OriginalService:
        return OriginalService(
            loop,
            network,
            self.username,
            self.registry.search,
            limits,
            self.contacts,
            self.history,
            self.do_not_disturb,
            self.registry.may_send_to,
            host=lambda: None if self.address is None else self.address.host,
            among_secure=self.url.secure,
            on_call=self._caller_verification.take_call,
            on_event=self._tell,
            on_drained=self._has_changed,
        )

    def _make_conversations(
        self, ways: Ways, limits: PeerLimits, rng: random.Random
    ) -> Conversations:
        return Conversations(
            self._loop,
            self.username,
            self.contacts,
            self.history,
            ways,
            self.registry.search,
            self.registry.watch,
            self.do_not_disturb,
            self.mailbox,
            self.files,
            on_event=self._tell,
            on_room=self._has_changed,
            limits=limits,
            rng=rng,
            clock=lambda: int(self._wall() * 1000),
        )

    @property
    def standing(self) -> SessionState:
        """The state of the session with the registry."""
        return self.registry.standing

    @property
    def address(self) -> Address | None:
        """The address at which contacts reach us; None before we are logged in."""
        return self._server.address

    @property
    def calling(self) -> str | None:
        """The contact that we are calling and that has not answered yet."""
        return next(filter(None, (service.calling for service in self._services)), None)

    @property
    def called_by(self) -> list[str]:
        """The users waiting for our answer, the first caller first."""
        return [caller for service in self._services for caller in service.called_by]

    @property
    def chats(self) -> dict[str, ChatState]:
        """The state of every chat, by contact."""
        contacts = (contact for service in self._services for contact in service.contacts)
        return {name: chat for name in contacts if (chat := self.chat(name)) is not None}

    def chat(self, contact: str) -> ChatState | None:
        """Return the state of the chat with a contact; None if there is none."""
        return self._service_of(contact).chat(contact)

    def has_room(self, contact: str) -> bool:
        """Return whether more lines may be sent to a contact now; `on_changed` reports a change."""
        return self._service_of(contact).has_room(contact)

    def start(self) -> None:
        """Begin to log in; LoggedIn, LoginFailed or RegistryLost follows."""
        conversations = self.conversations
        self._reachability.open(lambda: conversations.missed, conversations.found_nearby)
        self.registry.start()

    def stop(self) -> None:
        """Leave all chats, refuse waiting callers, log out, and run the loop until it is idle.

        Lines that wait are left in mailboxes before.
        """
        self._reachability.close()
        self._caller_verification.close()
        self.do_not_disturb.close()
        self.files.close()
        for service in self._services:
            service.close()
        self._server.close()
        self.mailbox.close(self.registry.stop)

    def search(
        self,
        username: str,
        then: Callable[[SearchResult], None] = ignore,
        failed: OnFailed = ignore,
    ) -> None:
        """Look up a user; `then` or `failed` is called after the event Found or SearchFailed."""
        check_username(username)

        def has_failed(error: P2PError) -> None:
            self._tell(SearchFailed(username, error))
            failed(error)

        def found(result: SearchResult) -> None:
            if result.presence is Presence.NOT_FOUND:
                has_failed(self.contacts.no_such_user(username))
                return
            self._tell(Found(username, result.presence is Presence.ONLINE, result.address))
            then(result)

        self.registry.search(username, found, has_failed)

    def call(self, username: str, *, in_clear: bool = False) -> None:
        """Call a contact for a chat; Calling, ContactAway, ChatStarted or CallFailed follows.

        A waiting call from that user is accepted instead. A user of the original listener is called
        only with `in_clear`.
        """
        check_username(username)
        if in_clear and self._is_hidden:
            raise UsageError(
                "a call in clear would show your address, which hide-address keeps secret",
                advice="log in without hide-address for such a call",
            )
        (self._clear if in_clear else self._service_of(username)).call(username)

    def accept(self, username: str = "") -> None:
        """Accept the waiting call of that user, by default the first; ChatStarted follows."""
        caller = self._caller(username)
        self._service_of(caller).accept(caller)

    def reject(self, username: str = "") -> None:
        """Reject the waiting call of that user, by default the first."""
        caller = self._caller(username)
        self._service_of(caller).reject(caller)

    def say(self, contact: str, text: str) -> None:
        """Send a line in the open chat; the secure dialect writes it to disk first."""
        self._service_of(contact).say(contact, text)

    def leave(self, contact: str) -> bool:
        """Leave a chat (ChatEnded follows) or withdraw a call; return False if there is none."""
        return self._service_of(contact).leave(contact)

    def seen(self, contact: str, line_id: int) -> None:
        """Record that the user has read all lines of the contact up to that one."""
        if line_id:
            self.history.mark_read(contact, line_id)
            self.conversations.read(contact)
            # Later, because every screen must receive the line first.
            self._loop.call_soon(lambda: self._on_event(Seen(contact)))

    def wait_for_reader(self, contact: str, *, behind: bool) -> None:
        """Stop reading from a contact while the client that reads its lines is behind."""
        self._service_of(contact).wait_for_reader(contact, behind=behind)

    def received(self, line: KeptLine) -> TextReceived:
        """Return the event that reported a contact's line from the history."""
        security = self.contacts.security(line.username)
        return TextReceived(line.username, line.text, line.id, line.at, security, CameBy.HISTORY)

    def _open_port(self, local_host: str, again: bool) -> tuple[Address, int | None]:
        return self._listen_address.open(local_host, again)

    def _take_call(self, call: IncomingCall) -> None:
        (self._clear if call.key is None else self._usual).take_call(call)

    def _take_data_link(self, link: Link, request: DataRequest, key: bytes | None) -> None:
        self._data_links.take(link, request, key)

    def _service_of(self, contact: str) -> ChatService:
        """Return the service for a contact: the original one in a chat or call in clear."""
        return self._clear if self._clear.is_with(contact) else self._usual

    def _caller(self, username: str) -> str:
        waiting = self.called_by
        if username and username not in waiting:
            raise UsageError(f"{username} is not calling you")
        if not waiting:
            raise UsageError("there is no call to answer")
        return username or waiting[0]

    def _sighted(self, sighting: PresenceUpdate) -> None:
        self.conversations.sighted(sighting)
        if sighting.result.presence is Presence.OFFLINE:
            self._reachability.look_nearby()
        self._has_changed()

    def _has_changed(self) -> None:
        self.on_changed()

    def _tell(self, event: Event) -> None:
        """Handle changes of the session, then pass the event on."""
        self._session_changes.follow(event)
        self._on_event(event)
