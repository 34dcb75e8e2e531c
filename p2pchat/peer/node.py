"""The facade of our own end: one account at one registry, its peer server, its switchboard.

What a person wishes comes in as a method call, what they are told goes out as an event.
"""

import random
from collections.abc import Callable
from functools import partial
from typing import Final

from p2pchat.errors import (
    ContactOffline,
    NoSuchUser,
    NotTrusted,
    P2PError,
    StorageError,
    UsageError,
)
from p2pchat.net.address import Address, is_loopback
from p2pchat.net.endpoints import Network
from p2pchat.net.loop import Loop
from p2pchat.peer.contacts import Contacts
from p2pchat.peer.credentials import Credentials
from p2pchat.peer.events import (
    Calling,
    ChatStarted,
    Event,
    Found,
    LoggedIn,
    SearchFailed,
    Security,
    Trouble,
)
from p2pchat.peer.limits import PeerLimits
from p2pchat.peer.peer_links import ClearLinks, PeerLinks, SecureLinks
from p2pchat.peer.peer_server import PeerServer
from p2pchat.peer.profile import Profile
from p2pchat.peer.reception import Reception
from p2pchat.peer.registry_link import RegistryDialer
from p2pchat.peer.registry_session import RegistrySession, Standing
from p2pchat.peer.switchboard import Switchboard
from p2pchat.protocol.messages import Presence, SearchResult
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
        dialer: RegistryDialer,
        credentials: Credentials,
        *,
        profile: Profile,
        on_event: Callable[[Event], None],
        rng: random.Random,
        peer_host: str | None = None,
        peer_port: int = ANY_PORT,
        limits: PeerLimits = PeerLimits(),  # noqa: B008  # a frozen value
    ) -> None:
        self.username = credentials.username
        self.url = dialer.url
        self.contacts = Contacts(profile, str(self.url))
        self._identity = credentials.identity
        self._profile = profile
        self._on_event = on_event
        self._peer_host = peer_host
        self._peer_port = peer_port
        self._allows_original = credentials.allow_original
        self._registry = RegistrySession(
            loop,
            network,
            dialer,
            credentials,
            open_port=self._open_port,
            on_event=self._tell,
            rng=rng,
        )
        self._limits = limits
        self._switchboard = Switchboard(loop, self.username, self.contacts.pin, self._tell)
        self._reception = Reception(
            loop,
            self.contacts,
            self._registry.search,
            limits,
            on_welcome=self._switchboard.take_call,
            on_event=self._tell,
        )
        self._clear_links = ClearLinks(loop, network)
        self._clear_server = self._peer_server(loop, network, self._clear_links)
        self._links: PeerLinks = self._clear_links
        self._server = self._clear_server
        if self.url.secure:
            self._links = SecureLinks(loop, network, self._identity, limits.handshake_bytes)
            self._server = self._peer_server(loop, network, self._links)

    @property
    def known_names(self) -> list[str]:
        """Everybody whom we met at this registry; raises StorageError."""
        return [contact.username for contact in self.contacts.all()]

    @property
    def standing(self) -> Standing:
        """How we stand with the registry."""
        return self._registry.standing

    @property
    def in_chat_with(self) -> str | None:
        """The contact of the open chat."""
        return self._switchboard.in_chat_with

    @property
    def security(self) -> Security | None:
        """How well the open chat is protected."""
        return self._switchboard.security

    @property
    def calling(self) -> str | None:
        """Whom we are calling."""
        return self._switchboard.calling

    @property
    def called_by(self) -> str | None:
        """Who waits for our answer."""
        return self._switchboard.called_by

    @property
    def queued(self) -> int | None:
        """Bytes said in the chat that have not gone out; None where nothing can go out now."""
        return self._switchboard.queued

    def when_drained(self, callback: Callable[[], None]) -> None:
        """Call whenever all that was said has gone out, or the way to say it has opened."""
        self._switchboard.on_drained = callback

    def start(self) -> None:
        """Begin to log in; LoggedIn or LoginFailed follows."""
        self._registry.start()

    def stop(self) -> None:
        """Leave the chat, refuse who waits, log out; run the loop until it is idle."""
        self._reception.close()
        self._switchboard.close()
        self._server.close()
        self._clear_server.close()
        self._registry.stop()

    def search(self, username: str) -> None:
        """Ask where somebody is; Found or SearchFailed follows."""
        check_username(username)
        self._registry.search(
            username, partial(self._found, username), partial(self._search_failed, username)
        )

    def call(self, username: str, *, in_clear: bool = False) -> None:
        """Ask somebody for a chat; Calling and ChatStarted, or CallFailed, follow.

        If that somebody is calling us, it is the same wish, and their call is taken. Who is at the
        original door is called only with `in_clear`.
        """
        check_username(username)
        if username == self.username:
            raise UsageError("you cannot chat with yourself")
        if self.called_by == username:
            self.accept()
            return
        self._switchboard.seek(username)
        self._registry.search(
            username,
            partial(self._found_for_call, username, in_clear),
            partial(self._switchboard.call_failed, username),
        )

    def accept(self) -> None:
        """Take the call that waits; ChatStarted follows."""
        self._switchboard.accept()

    def reject(self) -> None:
        """Refuse the call that waits."""
        self._switchboard.reject()

    def say(self, text: str) -> None:
        """Say it in the open chat."""
        self._switchboard.say(text)

    def leave(self) -> bool:
        """Leave the chat (ChatEnded follows), or give up calling; False where there is neither."""
        return self._switchboard.leave()

    def safety_number(self, username: str) -> str:
        """Give the number that the contact must see too."""
        return self.contacts.safety_number(username, self._identity.public)

    def mark_verified(self, username: str) -> None:
        """Note that the number that was shown is the one that the contact sees."""
        self.contacts.mark_verified(username)
        self._switchboard.protected(username, self.contacts.security(username))

    def trust(self, username: str) -> None:
        """Take the key whose number `other_number` gave."""
        self.contacts.trust(username)
        self._switchboard.protected(username, self.contacts.security(username))

    def other_number(self, username: str) -> str:
        """Give the safety number of another key that was shown as the contact's, and refused."""
        return self.contacts.other_number(username, self._identity.public)

    def _peer_server(self, loop: Loop, network: Network, links: PeerLinks) -> PeerServer:
        return PeerServer(
            loop,
            network,
            links,
            self._limits,
            on_call=self._reception.take_call,
            on_text=self._switchboard.take_text,
            on_silent_gone=self._switchboard.silent_gone,
            may_be_silent=self._switchboard.chats_with_host,
        )

    def _open_port(self, local_host: str, again: bool) -> tuple[Address, int | None]:
        host = self._peer_host or _reachable_by(local_host)
        clear_port = None
        if self.url.secure and self._allows_original:
            clear_port = self._clear_server.ensure_open(host, ANY_PORT, again=again).port
        if again and self._peer_port != ANY_PORT:
            raise UsageError(
                f"the registry says that port {self._peer_port} is taken",
                likely="another user at this address has announced it",
                advice="choose another --peer-port, or none",
            )
        return self._server.ensure_open(host, self._peer_port, again=again), clear_port

    def _tell(self, event: Event) -> None:
        """Remember whom we meet, and pass the event on."""
        match event:
            case LoggedIn(username):
                self._remember(self._profile.note_account, username)
            case Found(name) | Calling(name) | ChatStarted(name):  # not whoever just calls
                self._remember(self._profile.note_name, name)
            case _:
                pass
        self._on_event(event)

    def _remember(self, note: Callable[[str, str], None], username: str) -> None:
        """Note a name in the profile; that it cannot be noted must not end a chat."""
        try:
            note(str(self.url), username)
        except StorageError as error:
            self._on_event(Trouble(error))

    def _found(self, username: str, result: SearchResult) -> None:
        if result.presence is Presence.NOT_FOUND:
            self._search_failed(username, _no_such_user(username))
            return
        online = result.presence is Presence.ONLINE
        self._tell(Found(username, Address(result.host, result.port) if online else None))

    def _search_failed(self, username: str, error: P2PError) -> None:
        self._tell(SearchFailed(username, error))

    def _found_for_call(self, username: str, in_clear: bool, result: SearchResult) -> None:
        try:
            self._call_found(username, in_clear, result)
        except P2PError as error:
            self._switchboard.call_failed(username, error)

    def _call_found(self, username: str, in_clear: bool, result: SearchResult) -> None:
        here = self._server.address
        if result.presence is Presence.NOT_FOUND:
            raise _no_such_user(username)
        if result.presence is Presence.OFFLINE or here is None:
            raise ContactOffline(f"{username} is offline")
        address = Address(result.host, result.port)
        if not self.url.secure:
            self._switchboard.call(self._links, username, address, None, here.port)
        elif result.in_clear:
            self._call_in_clear(username, address, in_clear, here.host)
        else:
            key = self.contacts.key_to_call(username, result.key)
            self._switchboard.call(self._links, username, address, key, None)

    def _call_in_clear(self, username: str, address: Address, agreed: bool, host: str) -> None:
        if not agreed:
            raise NotTrusted(
                f"{username} can be talked to in clear only",
                likely=f"{username} uses the original system",
                advice=f"/chat {username} --in-clear, for everybody to read",
            )
        port = self._clear_server.ensure_open(host, ANY_PORT, again=False).port
        self._switchboard.call(self._clear_links, username, address, None, port)


def check_username(username: str) -> None:
    """Raise UsageError where nobody can have that name."""
    if not is_username(username):
        raise UsageError(
            f"{username!r} is no username",
            likely="a name has no spaces and nothing invisible, and at most 64 bytes",
        )


def _no_such_user(username: str) -> NoSuchUser:
    return NoSuchUser(f"there is no user named {username}")


def _reachable_by(local_host: str) -> str:
    """Give where to listen so that whoever sees us at `local_host` can reach us, and no wider."""
    if is_loopback(local_host):
        return local_host
    return "::" if ":" in local_host else "0.0.0.0"  # noqa: S104  # contacts come from anywhere
