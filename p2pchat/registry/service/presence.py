"""Which users are online, where, and until when. The time is passed in; no clock, no socket.

All users have the same patience, so the order of their last heartbeats is the order of their
deadlines: one ordered queue, in which each heartbeat moves its sender to the end.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

from p2pchat.callbacks import ignore
from p2pchat.protocol.heartbeat import SealedHello
from p2pchat.protocol.mailbox import BoxNews
from p2pchat.protocol.meeting import Meeting
from p2pchat.protocol.messages import (
    MOST_WATCHED_IN_ALL,
    Presence,
    PresenceUpdate,
    Reason,
    SearchResult,
)


def _at_once(callback: Callable[[], None]) -> None:
    callback()


OFFLINE: Final = SearchResult(Presence.OFFLINE)


class Audience(Enum):
    """The kinds of clients, which are told different things about a user."""

    ORIGINAL = auto()
    """Clients of the original listener."""
    SECURE = auto()
    """Clients of a secure listener that cannot meet."""
    MEETING = auto()
    """Clients of a secure listener that can meet."""


class Whereabouts(NamedTuple):
    """The search results for a user: `found_in_clear` at the original listener, else `found`."""

    found: SearchResult
    found_in_clear: SearchResult

    def told(self, audience: Audience) -> SearchResult:
        """Return the search result for clients of that kind."""
        if audience is Audience.ORIGINAL:
            return self.found_in_clear
        return told(self.found, audience)


def told(found: SearchResult, audience: Audience) -> SearchResult:
    """Return a search result of a secure listener as clients of that kind are told it.

    A user who can only be met is offline to clients that cannot meet.
    """
    if found.is_hidden and audience is not Audience.MEETING:
        return SearchResult(Presence.OFFLINE, key=found.key)
    return found


def whereabouts(
    host: str,
    port: int,
    clear_port: int,
    key: bytes | None,
    *,
    in_clear: bool,
    meets: bool = False,
    hidden: bool = False,
) -> Whereabouts:
    """Return the search results for an online user with these ports; see OnlineSession."""
    if hidden and meets:
        return Whereabouts(SearchResult(Presence.ONLINE, key=key, meets=True), OFFLINE)
    if not port:
        return Whereabouts(SearchResult(Presence.OFFLINE, key=key), OFFLINE)
    found = SearchResult(Presence.ONLINE, host, port, key, in_clear, meets)
    port = port if in_clear else clear_port
    return Whereabouts(found, SearchResult(Presence.ONLINE, host, port) if port else OFFLINE)


class Seal(NamedTuple):
    """The session id and key that identify heartbeats at a secure listener."""

    session: bytes
    hello_key: bytes


class OnlineSession:
    """One user's presence: host, announced ports (0 until one is accepted), last heartbeat.

    `seal` is None if the user logged in at the original listener. `port` is for calls in the
    dialect of the user's listener, `clear_port` for calls in clear that a user of a secure listener
    also accepts. `hang_up(reason)` closes the user's connection. `key` is the user's public key.
    `on_box_news(news)` tells the user that lines were left in the mailbox; None if the client knows
    none. `on_meeting(meeting)` tells the user that another one asks for a circuit; None if the
    user's client cannot meet. `hidden`: the user's address is not disclosed.
    Search results are built once per change: `found` for a secure listener, and `found_in_clear`
    for the original one, which omits users who cannot be reached in clear.
    """

    __slots__ = (
        "clear_port",
        "counter",
        "found",
        "found_in_clear",
        "hang_up",
        "heard_at",
        "hidden",
        "host",
        "key",
        "on_box_news",
        "on_meeting",
        "port",
        "seal",
        "username",
    )

    def __init__(
        self,
        username: str,
        host: str,
        now: float,
        hang_up: Callable[[Reason], None],
        seal: Seal | None = None,
        key: bytes | None = None,
        on_meeting: Callable[[Meeting], None] | None = None,
        on_box_news: Callable[[BoxNews], None] | None = None,
    ) -> None:
        self.username = username
        self.on_box_news = on_box_news
        self.on_meeting = on_meeting
        self.host = host
        self.key = key
        self.heard_at = now
        self.counter = 0
        self.seal = seal
        self.hang_up = hang_up
        self.move(0, 0)

    def move(self, port: int, clear_port: int, *, hidden: bool = False) -> None:
        """Set what was announced."""
        self.port = port
        self.clear_port = clear_port
        self.hidden = hidden
        self.found, self.found_in_clear = whereabouts(
            self.host,
            port,
            clear_port,
            self.key,
            in_clear=self.seal is None,
            meets=self.on_meeting is not None,
            hidden=hidden,
        )

    def told(self, audience: Audience) -> SearchResult:
        """Return the search result for clients of that kind."""
        if audience is Audience.ORIGINAL:
            return self.found_in_clear
        return told(self.found, audience)


OnMoved = Callable[[PresenceUpdate], None]
"""Called with the new addresses of a watched user."""


class PresenceTable:
    """The users who are online; `patience` is the longest allowed silence, in seconds.

    `soon(callback)` calls at the end of the turn: however often a user moves in one turn, each
    watcher is notified once.
    """

    def __init__(
        self, patience: float, soon: Callable[[Callable[[], None]], None] = _at_once
    ) -> None:
        self._soon = soon
        self._moved: dict[str, SearchResult] = {}
        self._patience = patience
        self._by_name: OrderedDict[str, OnlineSession] = OrderedDict()  # longest silent first
        self.find: Callable[[str], OnlineSession | None] = self._by_name.get
        """Returns the session of an online user: the dictionary's own method, for speed."""
        self._by_address: dict[tuple[str, int], OnlineSession] = {}
        self._by_session: dict[bytes, OnlineSession] = {}
        self._watchers: dict[str, dict[Hashable, tuple[Audience, OnMoved]]] = {}
        self._watched: dict[Hashable, set[str]] = {}
        self.ready: tuple[dict[bytes, bytes], dict[bytes, bytes]] = {}, {}
        """Answers to searches that can be sent as they are, by the bytes of the name: those of the
        original listener and those of the secure one.

        They are added where they are needed, and dropped when the user's addresses change.
        """
        self.on_change: Callable[[str], None] = ignore
        """Called with the name of a user who went online, announced ports, or went offline."""

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[OnlineSession]:
        return iter(self._by_name.values())

    @property
    def watched(self) -> list[str]:
        """The names of watched users."""
        return list(self._watchers)

    def arrive(self, online_session: OnlineSession) -> OnlineSession | None:
        """Put a user online; return the session that this one replaces, if any."""
        replaced = self._by_name.get(online_session.username)
        if replaced is not None:
            self.leave(replaced)
        self._by_name[online_session.username] = online_session
        if online_session.seal is not None:
            self._by_session[online_session.seal.session] = online_session
        self._changed(online_session)
        return replaced

    def hear_heartbeats(self, online_session: OnlineSession) -> None:
        """Accept a user's heartbeats until `leave`, without putting the user online."""
        assert online_session.seal is not None
        self._by_session[online_session.seal.session] = online_session

    def announce(
        self,
        online_session: OnlineSession,
        port: int,
        clear_port: int = 0,
        *,
        hidden: bool = False,
    ) -> bool:
        """Set the user's addresses; return False if another user has one of them.

        See PROTOCOL, "client and registry".
        """
        wanted = [(online_session.host, p) for p in (port, clear_port) if p]
        if any(self._by_address.get(a, online_session) is not online_session for a in wanted):
            return False
        self._give_addresses_back(online_session)
        for address in wanted:
            self._by_address[address] = online_session
        online_session.move(port, clear_port, hidden=hidden)
        self.tell_watchers(online_session.username, online_session.found)
        self._changed(online_session)
        return True

    def withdraw(self, online_session: OnlineSession) -> None:
        """Remove the announced addresses; harmless if they were replaced or removed already."""
        if self._by_name.get(online_session.username) is not online_session:
            return
        self._give_addresses_back(online_session)
        online_session.move(0, 0)
        self.tell_watchers(online_session.username, online_session.found)
        self._changed(online_session)

    def watch(
        self, watcher: Hashable, usernames: tuple[str, ...], audience: Audience, on_moved: OnMoved
    ) -> None:
        """Subscribe the watcher to these users too, up to MOST_WATCHED_IN_ALL in total."""
        watched = self._watched.setdefault(watcher, set())
        for username in usernames:
            if len(watched) >= MOST_WATCHED_IN_ALL:
                return
            watched.add(username)
            self._watchers.setdefault(username, {})[watcher] = audience, on_moved

    def unwatch(self, watcher: Hashable) -> None:
        """Drop all subscriptions of the watcher."""
        for username in self._watched.pop(watcher, ()):
            watchers = self._watchers.get(username, {})
            watchers.pop(watcher, None)
            if not watchers:
                self._watchers.pop(username, None)

    def hear(self, username: str, host: str, now: float) -> None:
        """Record a heartbeat in clear; it is valid only from the host that the user logged in from.

        It has no effect on users of a secure listener: anyone can forge one.
        """
        online_session = self._by_name.get(username)
        if (
            online_session is not None
            and online_session.host == host
            and online_session.seal is None
        ):
            self._heard(online_session, now)

    def hear_sealed(self, hello: SealedHello, now: float) -> bool:
        """Record a sealed heartbeat; return False if it is forged or repeated.

        It may come from any host: its MAC proves whose it is, and networks of carriers give TCP and
        UDP of one customer different addresses.
        """
        online_session = self._by_session.get(hello.session)
        if (
            online_session is None
            or online_session.seal is None
            or hello.counter <= online_session.counter
            or not hello.is_true(online_session.seal.hello_key)
        ):
            return False
        online_session.counter = hello.counter
        self.note_alive(online_session, now)
        return True

    def note_alive(self, online_session: OnlineSession, now: float) -> None:
        """Record a sign of life, if that user is still online there."""
        if self._by_name.get(online_session.username) is online_session:
            self._heard(online_session, now)

    def leave(self, online_session: OnlineSession, *, elsewhere: bool = False) -> None:
        """Put the user offline; harmless if replaced or gone already.

        `elsewhere`: the user is at another node, and watchers will be told where separately.
        """
        if online_session.seal is not None:
            self._by_session.pop(online_session.seal.session, None)
        if self._by_name.get(online_session.username) is online_session:
            del self._by_name[online_session.username]
            self._give_addresses_back(online_session)
            if online_session.found.presence is Presence.ONLINE and not elsewhere:
                offline = SearchResult(Presence.OFFLINE, key=online_session.key)
                self.tell_watchers(online_session.username, offline)
            self._changed(online_session)

    def next_deadline(self) -> float | None:
        """Return the instant at which the next user's patience ends, or None."""
        for online_session in self._by_name.values():
            return online_session.heard_at + self._patience
        return None

    def begin_anew(self, now: float) -> None:
        """Restart every user's patience, because no heartbeats could be received."""
        for online_session in self._by_name.values():
            online_session.heard_at = now

    def expire(self, now: float) -> list[OnlineSession]:
        """Put all users who were silent for too long offline, and return their sessions."""
        expired: list[OnlineSession] = []
        for online_session in self._by_name.values():
            if online_session.heard_at + self._patience > now:
                break
            expired.append(online_session)
        for online_session in expired:
            self.leave(online_session)
        return expired

    def tell_watchers(self, username: str, found: SearchResult) -> None:
        """Send the new search result to the user's watchers, at the end of the turn."""
        if username not in self._watchers:
            return
        due = bool(self._moved)
        self._moved[username] = found
        if not due:
            self._soon(self._tell)

    def _tell(self) -> None:
        moved, self._moved = self._moved, {}
        for username, found in moved.items():
            sightings = {each: PresenceUpdate(username, told(found, each)) for each in Audience}
            for audience, on_moved in tuple(self._watchers.get(username, {}).values()):
                on_moved(sightings[audience])

    def _changed(self, online_session: OnlineSession) -> None:
        name = online_session.username.encode()
        for ready in self.ready:
            ready.pop(name, None)
        self.on_change(online_session.username)

    def _heard(self, online_session: OnlineSession, now: float) -> None:
        online_session.heard_at = now
        self._by_name.move_to_end(online_session.username)

    def _give_addresses_back(self, online_session: OnlineSession) -> None:
        for port in (online_session.port, online_session.clear_port):
            if self._by_address.get((online_session.host, port)) is online_session:
                del self._by_address[online_session.host, port]
