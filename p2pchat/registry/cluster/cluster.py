"""One node of a cluster that shares a database.

Looks up users of other nodes there, handles their notifications, and renews the lease that keeps
this node's published entries valid. Runs on the loop and never blocks. While the database is
unavailable, this node's users stay online, and searches for other users are answered with SlowDown.
"""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final
from weakref import WeakSet

from msgspec.structs import replace

from p2pchat.callbacks import ignore
from p2pchat.errors import P2PError
from p2pchat.net.loop import Loop, Timer
from p2pchat.net.worker import Worker
from p2pchat.protocol.meeting import Meeting
from p2pchat.protocol.messages import Message, SearchResult, SlowDown
from p2pchat.protocol.proofs import SignedNodes
from p2pchat.registry.cluster.notifications import BoxFilled, LoggedOut, Met, Moved, decode
from p2pchat.registry.cluster.presence_store import Lease, PresenceStore, Published
from p2pchat.registry.cluster.publisher import Publisher
from p2pchat.registry.service.directory import NOWHERE, BuildAnswer
from p2pchat.registry.service.limits import Rank
from p2pchat.registry.service.node_lists import NodeLists
from p2pchat.registry.service.pending import BlockingJob, Deferred
from p2pchat.registry.service.presence import Audience, OnlineSession, PresenceTable, Whereabouts
from p2pchat.registry.store.accounts import AccountPolicy
from p2pchat.registry.store.mailboxes import Owner

_PATIENCE: Final = 4.0
"""Seconds to wait for an announced port to be published before the client must retry."""

_PAUSE: Final = 1.0
_BUSY_PAUSE: Final = 5.0
_SWEEP_DELAY: Final = 0.1  # seconds after another node's lease ends

_log = logging.getLogger(__name__)


class Cluster:
    """The node with this number; it renews its lease of `lease` seconds before it ends.

    `worker` runs jobs in order and may wait long for the database; jobs that clients wait for are
    returned as `BlockingJob`. `on_log_out(username)` is called when another node ends all sessions
    of a user. Call `begin` once; the notify listener calls `hear` and `listening`.
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
        """The link by which clients join here; published at the next renewal."""
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
        # Weak, as a job that fails or is turned away does not call back.
        self._lookups: WeakSet[_Lookup] = WeakSet()
        self.on_log_out: Callable[[str], object] = ignore
        self.on_box_news: Callable[[Owner, int], object] = ignore
        """Called with a box in which runs were left at another node."""

    def begin(self, url: str) -> None:
        """Take a lease for this node, with its join link; blocks. Raise StorageError."""
        self.url = url
        self._renewed(self._table.renew(url))
        self._lists.learn(self._table.exchange_lists(self._lists.own))

    def stop(self, then: Callable[[], None]) -> None:
        """Put our users offline, then call `then`, even if writing that failed."""
        if self._renewal is not None:
            self._renewal.cancel()
        self._stopped = True
        self._publisher.stop()
        self._worker.submit(self._table.withdraw, lambda _: then(), lambda _: then())

    # What the service asks

    def nodes_vouched_by(self, fingerprint: str) -> SignedNodes | None:
        """Return the list of other nodes signed by the key with that fingerprint, if any."""
        return self._lists.vouched_by(fingerprint)

    def knows(self, username: str) -> bool:
        """Return whether the user is online here; only the database knows all accounts."""
        return self._presence.find(username) is not None

    def admit(self, username: str, standing: AccountPolicy) -> None:
        """Do nothing: the database holds the accounts."""

    def forget(self, username: str) -> None:
        """Do nothing: the database holds the accounts."""

    def look_up(self, username: str, audience: Audience) -> BlockingJob:
        """Answer a search for a user who is not online here."""

        def answer(found: dict[str, Whereabouts]) -> SearchResult:
            return found.get(username, NOWHERE).told(audience)

        return BlockingJob(partial(self._table.find, [username]), answer, Rank.QUICK)

    def look_up_all(self, usernames: Iterable[str], answer: BuildAnswer) -> Message | BlockingJob:
        """Return the answer built from the presence of these users, who are not online here."""
        wanted = list(usernames)
        if not wanted:
            return answer({})
        lookup = self._begin_lookup()

        def overlay(found: dict[str, Whereabouts]) -> Message:
            self._lookups.discard(lookup)
            return answer({name: found[name].found for name in found} | lookup.moved)

        return BlockingJob(partial(self._table.find, wanted), overlay, Rank.QUICK)

    def announced(
        self, online_session: OnlineSession, answer: Callable[[bool], Message]
    ) -> Deferred:
        """Return a deferred answer that comes once the announced ports are published.

        If publishing fails or takes too long, the answer is SlowDown. If another user has the port,
        the announcement is withdrawn, even after SlowDown; otherwise only this node would find the
        user there.
        """
        asked = online_session.port, online_session.clear_port

        def begin(say: Callable[[Message], None]) -> None:
            """Publish the ports; call `say` with the answer once, in time."""

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

    def tell_meeting(
        self, username: str, meeting: Meeting, answer: Callable[[bool], Message]
    ) -> BlockingJob:
        """Return the job that tells a user of another node that a circuit waits at this one."""
        told = replace(meeting, relay=self.url)
        return BlockingJob(partial(self._table.tell_meeting, username, told), answer, Rank.QUICK)

    def tell_box_news(self, owner: Owner, waiting: int) -> None:
        """Notify the other nodes of a box whose owner may be online there."""
        job = partial(self._table.tell_box_news, owner, waiting)
        self._worker.submit(job, ignore, self._unwell)

    def log_out(self, username: str) -> None:
        """End all logins of the account at other nodes."""
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
                case BoxFilled(username, _, key, waiting):
                    self.on_box_news(Owner(username, key), waiting)
                case Met(username, _, meeting):
                    self._met(username, meeting)

    def listening(self) -> None:
        """Publish our users again and catch up, as notifications may have been missed until now."""
        self._publisher.publish_all()
        self._catch_up()

    def _catch_up(self) -> None:
        """Check which logins have ended and where watched users are; retry on failure."""
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
        """Read where these users are from the table, and send it to their watchers here.

        Users who are online at this node are left out. A failure is retried. Notifications alone
        are not enough: one may arrive while this node still considers the user its own.
        """
        watched = set(self._presence.watched)
        wanted = {n for n in usernames if n in watched and self._presence.find(n) is None}
        if not wanted or self._stopped:
            return
        lookup = self._begin_lookup()

        def tell(found: dict[str, Whereabouts]) -> None:
            self._lookups.discard(lookup)
            for username in wanted - lookup.moved.keys():
                if self._presence.find(username) is None:
                    self._presence.tell_watchers(username, found.get(username, NOWHERE).found)

        def failed(error: P2PError) -> None:
            self._lookups.discard(lookup)
            self._unwell(error)
            again = list(wanted - lookup.moved.keys())
            self._loop.call_later(_PAUSE, partial(self._see_where_they_are, again))

        self._worker.submit(partial(self._table.find, sorted(wanted)), tell, failed)

    def _begin_lookup(self) -> "_Lookup":
        lookup = _Lookup()
        self._lookups.add(lookup)
        return lookup

    def _moved(self, username: str, found: SearchResult) -> None:
        here = self._presence.find(username)
        for lookup in self._lookups:
            lookup.moved[username] = found
        if here is None:
            self._presence.tell_watchers(username, found)
        else:  # even while ours is being written: it may have been written before theirs
            self._publisher.publish(username)  # the table decides whose the user is

    def _met(self, username: str, meeting: Meeting) -> None:
        here = self._presence.find(username)
        if here is not None and here.on_meeting is not None:
            here.on_meeting(meeting)

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
        if lease.is_new:
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


class _Lookup:
    """A lookup under way, and the users who have moved since it began.

    It may have read an older state than the one that watchers were told meanwhile.
    """

    def __init__(self) -> None:
        self.moved: dict[str, SearchResult] = {}
