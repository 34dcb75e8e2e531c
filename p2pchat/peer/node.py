"""The facade of our own end: one account at one registry, its peer server, its switchboard.

What a person wishes comes in as a method call, what they are told goes out as an event.
"""

import random
from collections.abc import Callable
from functools import partial
from typing import Final

from p2pchat.errors import ContactOffline, NoSuchUser, P2PError, StorageError, UsageError
from p2pchat.net.address import Address, is_loopback
from p2pchat.net.endpoints import Network
from p2pchat.net.loop import Loop
from p2pchat.peer.events import (
    Called,
    Calling,
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
            on_event=self._tell,
            rng=rng,
        )
        self._switchboard = Switchboard(loop, network, username, self._tell)
        self._peer_server = PeerServer(
            loop,
            network,
            on_call=self._switchboard.take_call,
            on_text=self._switchboard.take_text,
            on_silent_gone=self._switchboard.silent_gone,
            may_be_silent=self._switchboard.chats_with_host,
        )

    @property
    def known_names(self) -> list[str]:
        """Everybody whom we met at this registry; raises StorageError."""
        return self._profile.known_names(str(self.url))

    @property
    def standing(self) -> Standing:
        """How we stand with the registry."""
        return self._registry.standing

    @property
    def in_chat_with(self) -> str | None:
        """The contact of the open chat."""
        return self._switchboard.in_chat_with

    @property
    def calling(self) -> str | None:
        """Whom we are calling."""
        return self._switchboard.calling

    @property
    def called_by(self) -> str | None:
        """Who waits for our answer."""
        return self._switchboard.called_by

    def start(self) -> None:
        """Begin to log in; LoggedIn or LoginFailed follows."""
        self._registry.start()

    def stop(self) -> None:
        """Leave the chat, refuse who waits, log out; run the loop until it is idle."""
        self._switchboard.close()
        self._peer_server.close()
        self._registry.stop()

    def search(self, username: str) -> None:
        """Ask where somebody is; Found or SearchFailed follows."""
        check_username(username)
        self._registry.search(
            username, partial(self._found, username), partial(self._search_failed, username)
        )

    def call(self, username: str) -> None:
        """Ask somebody for a chat; Calling and ChatStarted, or CallFailed, follow.

        If that somebody is calling us, it is the same wish, and their call is taken.
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
            partial(self._found_for_call, username),
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

    def _tell(self, event: Event) -> None:
        """Remember whom we meet, and pass the event on."""
        match event:
            case LoggedIn(username):
                self._remember(self._profile.note_account, username)
            case Found(name) | Calling(name) | Called(name):
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

    def _found_for_call(self, username: str, result: SearchResult) -> None:
        here = self._peer_server.address
        if result.presence is Presence.NOT_FOUND:
            self._switchboard.call_failed(username, _no_such_user(username))
        elif result.presence is Presence.OFFLINE or here is None:
            self._switchboard.call_failed(username, ContactOffline(f"{username} is offline"))
        else:
            self._switchboard.call(username, Address(result.host, result.port), here.port)


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
