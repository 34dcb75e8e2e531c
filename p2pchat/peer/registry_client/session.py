"""Stays logged in: logs in, announces the port, sends HELLO, and reconnects after a loss.

Knows nothing of contacts and chats; open chats are not affected.
"""

import random
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from p2pchat.callbacks import ignore
from p2pchat.errors import (
    LinkLost,
    NotTrusted,
    OnFailed,
    P2PError,
    SlowedDown,
    TimedOut,
    Unreachable,
)
from p2pchat.net.endpoints import Network
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.peer.registry_client.announcement import Announcement, OpenPort
from p2pchat.peer.registry_client.client import RegistryClient
from p2pchat.peer.registry_client.credentials import Credentials
from p2pchat.peer.registry_client.dialer import RegistryDialer
from p2pchat.peer.registry_client.given_addresses import in_zone, may_be_dialled
from p2pchat.peer.registry_client.heartbeat import Heartbeat, sealed_hellos
from p2pchat.peer.registry_client.losses import (
    cannot_ask,
    explained,
    logged_out,
    put_offline,
    replaced,
    replaced_meanwhile,
)
from p2pchat.peer.registry_client.retries import Retries
from p2pchat.peer.registry_client.self_search import SelfSearch
from p2pchat.peer.registry_client.sleep_watch import SleepWatch
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import (
    Event,
    LoggedIn,
    LoginFailed,
    RegistryBack,
    RegistryLost,
    Trouble,
)
from p2pchat.protocol.client.state import SessionState
from p2pchat.protocol.mailbox import BoxNews
from p2pchat.protocol.meeting import CAN_MEET, Meet, Meeting, MeetResult, Ping
from p2pchat.protocol.messages import (
    MAX_WATCHED,
    Goodbye,
    Grant,
    Hello,
    LoginResult,
    Message,
    PresenceUpdate,
    Reason,
    Search,
    SearchResult,
    Watch,
    WatchResult,
)
from p2pchat.protocol.original import encode_hello
from p2pchat.protocol.prekeys import MailboxGrant

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_STEADY_AFTER: Final = 60.0  # after so long a login, the next loss begins with a short pause
_PROBE_TIMEOUT: Final = 5.0


class RegistrySession:
    """One account's session with one registry, from `start` to `stop`.

    `open_port(local_host, again)` opens the peer server where contacts can reach us; `local_host`
    is our own address on the link to the registry, `again` means that the port was taken. It
    returns the address, and the port for callers in clear if it listens for them. `wait_at_start`:
    if the registry cannot be reached at first, keep trying.
    """

    def __init__(
        self,
        loop: Loop,
        network: Network,
        dialer: RegistryDialer,
        credentials: Credentials,
        *,
        open_port: OpenPort,
        on_event: Callable[[Event], None],
        rng: random.Random,
        wait_at_start: bool = False,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._loop = loop
        self._network = network
        self._dialer = dialer
        self._url = dialer.url
        self._credentials = credentials
        self._username = credentials.username
        self._reach = credentials.reach
        self._on_event = on_event
        self._retries = Retries(loop, rng, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
        self._client: RegistryClient | None = None
        self._heartbeat: Heartbeat | None = None
        self.announcement = Announcement(self._url, self._reach, open_port, self._ask)
        self._grant: Grant | None = None
        self._wait_at_start = wait_at_start
        self._was_online = False
        self._online_since = 0.0
        self.host = ""
        """The address of the registry's machine."""
        self._self_search: SelfSearch | None = None
        self._is_silent = False  # whether the registry has reported missing heartbeats
        self._wall = wall
        self._sleep_watch: SleepWatch | None = None
        self.on_connecting: Callable[[], None] = ignore
        self.on_presence_update: Callable[[PresenceUpdate], None] = ignore
        self.on_meeting: Callable[[Meeting], None] = ignore
        """Called with each user who asks for a circuit with us."""
        self.on_box_news: Callable[[BoxNews], None] = ignore
        self.standing = SessionState.CONNECTING

    @property
    def next_try_at(self) -> float | None:
        """The time by the loop's clock at which the lost registry is tried again."""
        return self._retries.due_at

    def may_send_to(self, host: str) -> bool:
        """Return whether we may connect to a host that the registry gives for a contact."""
        return may_be_dialled(host, self.host)

    def start(self) -> None:
        """Begin to log in; LoggedIn or LoginFailed follows, or RegistryLost if it is retried."""
        self._sleep_watch = SleepWatch(self._loop, self._wall, self.wake)
        self._connect()

    def stop(self) -> None:
        """Log out and close the connection; no event follows."""
        self.standing = SessionState.STOPPED
        if self._sleep_watch is not None:
            self._sleep_watch.close()
        self._let_go()

    def wake(self) -> None:
        """Reconnect after the machine has slept: the registry has closed the link, or will."""
        if self.standing is SessionState.ONLINE:
            self._lost(LinkLost("this machine has slept"))
        if self.standing is SessionState.WAITING:
            self._retries.hurry()

    def search(self, username: str, then: Callable[[SearchResult], None], failed: OnFailed) -> None:
        """Look up a user; `then` or `failed` is called in a later turn."""

        def answered(answer: Message) -> None:
            assert isinstance(answer, SearchResult)
            then(in_zone(answer, self.host))

        self.ask(Search(username), answered, failed)

    def meet(self, username: str, then: Callable[[MeetResult], None], failed: OnFailed) -> None:
        """Ask for a circuit with a user; `then` or `failed` is called in a later turn."""

        def answered(answer: Message) -> None:
            assert isinstance(answer, MeetResult)
            then(answer)

        if self._can_meet and self._reach.relay:
            self.ask(Meet(username), answered, failed)
            return
        why = f"the registry at {self._url.address} has no circuits"
        if not self._reach.relay:
            why = "turned off on this side (no-relay)"
        self._loop.call_soon(partial(failed, Unreachable(why, reason=why)))

    def ask(self, request: Message, then: Callable[[Message], None], failed: OnFailed) -> None:
        """Send a request if we are online; `then` or `failed` is called in a later turn."""
        if self.standing is not SessionState.ONLINE or self._client is None:
            self._loop.call_soon(partial(failed, cannot_ask(self._url)))
        else:
            self._client.ask(request, then, failed)

    @property
    def mailbox(self) -> MailboxGrant | None:
        """What the registry said of our mailbox at the login; None if it keeps none."""
        return None if self._grant is None else self._grant.mailbox

    @property
    def _can_meet(self) -> bool:
        return self._grant is not None and CAN_MEET in self._grant.can

    def announce_external(self, external: Address | None) -> None:
        """Record the external address that a router maps to our peer server; None: no mapping."""
        self.announcement.external = external
        self.announcement.confirmed = None
        if self.standing is SessionState.ONLINE and self._can_meet:
            self.announcement.renew()

    def watch(self, usernames: list[str]) -> None:
        """Subscribe to these users; the registry reports their presence now and on each change.

        Each report is passed to `on_presence_update`. The subscriptions end when the registry is
        lost.
        """
        if self._client is None:
            return
        # The first users are sent last: an older registry ignores `add` and keeps only the last
        # request.
        for start in reversed(range(0, max(len(usernames), 1), MAX_WATCHED)):
            some = tuple(usernames[start : start + MAX_WATCHED])
            add = start + MAX_WATCHED < len(usernames)
            self._client.ask(Watch(some, add), self._watching, ignore)

    def _seen(self, sighting: PresenceUpdate) -> None:
        result = in_zone(sighting.result, self.host)
        self.on_presence_update(msgspec.structs.replace(sighting, result=result))

    def _met(self, meeting: Meeting) -> None:
        if self._reach.relay:
            self.on_meeting(meeting)

    def _watching(self, answer: Message) -> None:
        assert isinstance(answer, WatchResult)
        for sighting in answer.sightings:
            self._seen(sighting)

    def _connect(self) -> None:
        self.standing = SessionState.CONNECTING
        self.on_connecting()
        self._client = RegistryClient(self._loop, self._dialer)
        self._client.on_lost = self._lost
        self._client.on_goodbye = self._told_goodbye
        self._client.on_news = {
            PresenceUpdate: self._seen,
            Meeting: self._met,
            BoxNews: self.on_box_news,
        }
        self._client.connect(self._connected, self._not_connected)

    def _not_connected(self, error: P2PError) -> None:
        if isinstance(error, NotTrusted):
            self._give_up(error)
        else:
            self._lost(error)

    def _connected(self, link: Link) -> None:
        if self._was_online and not self._url.secure:
            self._ask(Search(self._username), partial(self._see_who_i_am, link))
        else:
            self._log_in(link)

    def _see_who_i_am(self, link: Link, answer: Message) -> None:
        assert isinstance(answer, SearchResult)
        error = replaced_meanwhile(self._username, answer, self.announcement.listening)
        if error is None:
            self._log_in(link)
        else:
            self._give_up(error)

    def _told_goodbye(self, goodbye: Goodbye) -> None:
        self._is_silent = goodbye.reason is Reason.SILENT
        if goodbye.reason is Reason.REPLACED:
            self._give_up(replaced(self._username))
        elif goodbye.reason is Reason.LOGGED_OUT:
            self._give_up(logged_out(self._username))

    def _log_in(self, link: Link) -> None:
        self.host = link.remote.host
        try:
            request = self._credentials.login(link)
        except P2PError as error:
            self._give_up(error)
            return
        self._ask(request, partial(self._log_in_answered, link))

    def _log_in_answered(self, link: Link, answer: Message) -> None:
        if self._credentials.try_again(answer):
            self._log_in(link)
            return
        error = self._credentials.refusal(answer)
        if error is not None:
            self._give_up(error)
            return
        self._grant = answer.grant if isinstance(answer, LoginResult) else None
        if self._grant is not None:
            self._credentials.keep(self._grant)
            self._dialer.learn(self._grant.nodes, link)
        self.announcement.make(
            link,
            can_meet=self._can_meet,
            then=self._online,
            failed=self._give_up,
        )

    def _online(self) -> None:
        self.standing = SessionState.ONLINE
        self._online_since = self._loop.now()
        to = Address(self.host, self._dialer.reached.udp_port)
        interval = self._grant.hello_interval if self._grant else self._url.hello_interval
        try:
            self._heartbeat = Heartbeat(
                self._loop,
                self._network,
                to,
                interval,
                self._next_hello(),
                on_silence=None if self._grant is None else self._see_whether_it_lives,
            )
        except P2PError as error:  # without heartbeats, we would be put offline
            self._lost(error)
            return
        if not self._url.secure:
            self._self_search = SelfSearch(
                self._loop, self.search, self._username, self._put_offline
            )
        other = self._dialer.other_machine
        machine = "" if other is None else str(other)
        if self._was_online:
            self._on_event(RegistryBack(str(self._url), machine))
        else:
            self._was_online = True
            listening = self.announcement.listening
            self._on_event(LoggedIn(self._username, str(self._url), listening, machine))
        if self.announcement.external is not None:
            self.announce_external(self.announcement.external)

    def _see_whether_it_lives(self) -> None:
        """Send a request to a registry that answers no heartbeat, so that a dead link times out.

        PING also counts as a heartbeat, so that we stay online where no datagram passes.
        """
        if self._client is not None:
            request = Ping() if self._can_meet else Search(self._username)
            self._client.ask(request, ignore, self._unanswered, timeout=_PROBE_TIMEOUT)

    def _next_hello(self) -> Callable[[], bytes]:
        """Return the function that makes the heartbeats' datagrams."""
        grant = self._grant
        if grant is None:
            return lambda: encode_hello(Hello(self._username))
        return sealed_hellos(grant)

    def _lost(self, error: P2PError) -> None:
        if self.standing is SessionState.ONLINE and type(error) is LinkLost:
            error = explained(
                error, self._url, self._dialer.reached.udp_port, is_silent=self._is_silent
            )
        self._is_silent = False
        if isinstance(error, TimedOut):
            self._dialer.try_others_first()
        if not (self._was_online or self._wait_at_start):
            self._give_up(error)
            return
        steady = self._loop.now() - self._online_since >= _STEADY_AFTER
        if self.standing is SessionState.ONLINE and steady:
            self._retries.reset()
        self._let_go()
        self.standing = SessionState.WAITING
        more = error.seconds if isinstance(error, SlowedDown) else 0.0
        pause = self._retries.later(self._connect, more=more)
        self._on_event(RegistryLost(error, pause))

    def _put_offline(self) -> None:
        error = put_offline(self._url, self._dialer.reached.udp_port)
        self._on_event(Trouble(error))

    def _give_up(self, error: P2PError) -> None:
        self.stop()
        self._on_event(LoginFailed(error))

    def _let_go(self) -> None:
        self._retries.stop()
        if self._heartbeat is not None:
            self._heartbeat.close()
            self._heartbeat = None
        if self._self_search is not None:
            self._self_search.close()
            self._self_search = None
        if self._client is not None:
            self._client.close()
            self._client = None

    def _ask(
        self,
        request: Message,
        then: Callable[[Message], None],
        failed: OnFailed | None = None,
    ) -> None:
        assert self._client is not None
        self._client.ask(request, then, failed or self._unanswered)

    def _unanswered(self, error: P2PError) -> None:
        if isinstance(error, SlowedDown):  # a lost connection is reported by `on_lost`
            self._lost(error)
