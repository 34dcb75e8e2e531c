"""Our node among those that share a database: it looks up users of other nodes there, listens to
their notifications, and renews the lease without which our published entries do not count.

Runs on the loop and waits for nothing: while the database cannot be used, users of this node stay,
and searches for others are told to come again.
"""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.errors import P2PError
from p2pchat.net.loop import Loop, Timer
from p2pchat.net.worker import Worker
from p2pchat.protocol.messages import Message, SearchResult, SlowDown
from p2pchat.protocol.proofs import SignedNodes
from p2pchat.registry.cluster.notifications import LoggedOut, Moved, decode
from p2pchat.registry.cluster.presence_store import Lease, PresenceStore, Published
from p2pchat.registry.cluster.publisher import Publisher
from p2pchat.registry.service.directory import NOWHERE, BuildAnswer
from p2pchat.registry.service.limits import Rank
from p2pchat.registry.service.node_lists import NodeLists
from p2pchat.registry.service.pending import BlockingJob, Deferred
from p2pchat.registry.service.presence import OnlineSession, PresenceTable, Whereabouts
from p2pchat.registry.store.accounts import AccountPolicy

_PATIENCE: Final = 4.0
"""Seconds that an announced port waits to be published."""

_PAUSE: Final = 1.0
_BUSY_PAUSE: Final = 5.0
_SWEEP_DELAY: Final = 0.1  # after the end of another's lease

_log = logging.getLogger(__name__)


class Cluster:
    """The node with this number, which renews its lease of `lease` seconds in time.

    `worker` does what must be done in order and may wait for the database for long; what clients
    wait for is a `BlockingJob`, as everywhere. `on_log_out(username)` is called when another node
    ends all sessions of a user. Call `begin` once; feed `hear` and `listening` from the notify
    listener.
    """

    def __init__(
        self,
        loop: Loop,
        worker: Worker,
        table: PresenceStore,
        presence: PresenceTable,
        lists: NodeLists,
        *,
        node: int,
        lease: float,
    ) -> None:
        self._lists = lists
        self._loop = loop
        self._worker = worker
        self._table = table
        self._presence = presence
        self._node = node
        self._lease = lease
        self.url = ""
        """The link by which clients join here, told to the others at the next renewal."""
        self._stopped = False
        self._publisher = Publisher(
            loop,
            worker,
            table.publish,
            presence,
            on_no_lease=self._renew,
            on_failed=self._unwell,
            on_not_here=self._see_where_they_are,
        )
        self._renewal: Timer | None = None
        self._renewing = False
        self._well = True
        self._looked_up: list[set[str]] = []  # whose whereabouts are being read
        self.on_log_out: Callable[[str], object] = ignore

    def begin(self, url: str) -> None:
        """Take a lease for a node where clients join by that link; blocks. Raise StorageError."""
        self.url = url
        self._renewed(self._table.renew(url))
        self._lists.learn(self._table.exchange_lists(self._lists.own))

    def stop(self, then: Callable[[], None]) -> None:
        """Put our users offline, and call `then` once that is written or has failed."""
        if self._renewal is not None:
            self._renewal.cancel()
        self._stopped = True
        self._publisher.stop()
        self._worker.submit(self._table.withdraw, lambda _: then(), lambda _: then())

    # What the service asks

    def nodes_vouched_by(self, fingerprint: str) -> SignedNodes | None:
        """Return the list of other nodes that the key of that fingerprint has signed, if any."""
        return self._lists.vouched_by(fingerprint)

    def knows(self, username: str) -> bool:
        """Return whether the user is online here: of all others the database knows."""
        return self._presence.find(username) is not None

    def admit(self, username: str, standing: AccountPolicy) -> None:
        """Keep nothing: the database knows."""

    def forget(self, username: str) -> None:
        """Keep nothing: the database knows."""

    def look_up(self, username: str, *, secure: bool) -> BlockingJob:
        """Answer a search for a user who is not online here."""

        def answer(found: dict[str, Whereabouts]) -> SearchResult:
            where = found.get(username, NOWHERE)
            return where.found if secure else where.found_in_clear

        return BlockingJob(partial(self._table.find, [username]), answer, Rank.QUICK)

    def look_up_all(self, usernames: Iterable[str], answer: BuildAnswer) -> Message | BlockingJob:
        """Return the answer built from the presence of these users, who are not online here."""
        wanted = list(usernames)
        if not wanted:
            return answer({})
        return BlockingJob(partial(self._table.find, wanted), answer, Rank.QUICK)

    def announced(
        self, online_session: OnlineSession, answer: Callable[[bool], Message]
    ) -> Deferred:
        """Return the answer once others can find the user, or cannot.

        Where the port turns out to be taken, it is taken back, even after the user was told to come
        again: or it would be found here and nowhere else.
        """
        asked = online_session.port, online_session.clear_port

        def begin(say: Callable[[Message], None]) -> None:
            def outcome(published: Published | None) -> None:
                now = online_session.port, online_session.clear_port
                if published is Published.PORT_TAKEN and now == asked:
                    self._presence.withdraw(online_session)
                if timer.live:
                    timer.cancel()
                    kept = published is Published.KEPT and now == asked
                    say(SlowDown(_BUSY_PAUSE) if published is None else answer(kept))

            def too_late() -> None:
                say(SlowDown(_BUSY_PAUSE))

            timer = self._loop.call_later(_PATIENCE, too_late)
            self._publisher.publish(online_session.username, outcome)

        return Deferred(begin)

    def log_out(self, username: str) -> None:
        """End every login of the account at other nodes."""
        self._worker.submit(partial(self._table.log_out, username), ignore, self._unwell)

    # What the other nodes report

    def hear(self, text: bytes) -> None:
        """Handle a notification."""
        for news in decode(text):
            if news.node == self._node:
                continue
            match news:
                case Moved(username, _, found):
                    self._moved(username, found)
                case LoggedOut(username):
                    self.on_log_out(username)

    def listening(self) -> None:
        """Note that notifications arrive from now on; earlier ones may have been missed."""
        self._publisher.publish_all()
        self._catch_up()

    def _catch_up(self) -> None:
        """Check which logins have ended and where watched users are; retry until it is known."""
        here = [online_session.username for online_session in self._presence]
        with_token = [a.username for a in self._presence if a.seal is not None]

        def shut_out(usernames: list[str]) -> None:
            for username in usernames:
                self.on_log_out(username)

        def failed(error: P2PError) -> None:
            self._unwell(error)
            self._loop.call_later(_PAUSE, self._catch_up)

        self._see_where_they_are(self._presence.watched)
        if here:
            self._worker.submit(partial(self._table.shut_out, here, with_token), shut_out, failed)

    def _see_where_they_are(self, usernames: list[str]) -> None:
        """Send the watchers of users of other nodes what the table says, until it is known.

        What others notify is not enough: it may come while we still take the user for ours.
        """
        watched = set(self._presence.watched)
        wanted = {n for n in usernames if n in watched and self._presence.find(n) is None}
        if not wanted or self._stopped:
            return
        self._looked_up.append(wanted)

        def tell(found: dict[str, Whereabouts]) -> None:
            _remove(self._looked_up, wanted)
            for username in wanted:
                if self._presence.find(username) is None:
                    where = found.get(username, NOWHERE)
                    self._presence.tell_watchers(username, where.found)

        def failed(error: P2PError) -> None:
            _remove(self._looked_up, wanted)
            self._unwell(error)
            self._loop.call_later(_PAUSE, partial(self._see_where_they_are, list(wanted)))

        self._worker.submit(partial(self._table.find, sorted(wanted)), tell, failed)

    def _moved(self, username: str, found: SearchResult) -> None:
        here = self._presence.find(username)
        for wanted in self._looked_up:
            wanted.discard(username)  # what is read there may be older than this
        if here is None:
            self._presence.tell_watchers(username, found)
        else:  # even if ours is being written: it may be in the table before theirs
            self._publisher.publish(username)  # whether the user is still ours, the table says

    # Our lease

    def _renew(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
        self._renewal = None
        if self._renewing or self._stopped:
            return
        self._renewing = True
        self._worker.submit(partial(self._table.renew, self.url), self._renewed, self._not_renewed)

    def _renewed(self, lease: Lease) -> None:
        self._renewing = False
        if not self._well:
            _log.warning("the shared database is back")
        self._well = True
        self._lists.others = lease.other_nodes
        if self._stopped:
            return
        own = self._lists.own
        self._worker.submit(
            partial(self._table.exchange_lists, own), self._lists.learn, self._unwell
        )
        wait = self._lease / 3
        if lease.next_end is not None:
            wait = min(wait, max(lease.next_end, 0) + _SWEEP_DELAY)
        self._renewal = self._loop.call_later(wait, self._renew)
        if lease.anew:
            self._publisher.publish_all()
        self._publisher.go_on()

    def _not_renewed(self, error: P2PError) -> None:
        self._renewing = False
        self._unwell(error)
        self._renewal = self._loop.call_later(_PAUSE, self._renew)

    def _unwell(self, error: P2PError) -> None:
        """Log once that the database cannot be used."""
        if self._well:
            _log.error("%s", error.what)
        self._well = False


def _remove(sets: list[set[str]], one: set[str]) -> None:
    """Remove this very set, and not one that is equal to it."""
    sets[:] = [each for each in sets if each is not one]
