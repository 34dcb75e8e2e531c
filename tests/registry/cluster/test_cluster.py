"""One node of a cluster: the answer to an announced port follows the write to the shared
database, and what clients are told of users elsewhere is never older than what they were told.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from p2pchat.errors import StorageError
from p2pchat.net.loop import Loop
from p2pchat.protocol.messages import (
    AnnouncePortResult,
    Message,
    Outcome,
    Presence,
    PresenceUpdate,
    Reason,
    SearchResult,
    SlowDown,
    WatchResult,
)
from p2pchat.registry.cluster.cluster import Cluster
from p2pchat.registry.cluster.notifications import Moved, encode
from p2pchat.registry.cluster.presence_store import Lease, PresenceRow, Published
from p2pchat.registry.service.directory import NOT_FOUND
from p2pchat.registry.service.node_lists import NodeLists
from p2pchat.registry.service.pending import BlockingJob
from p2pchat.registry.service.presence import Audience, OnlineSession, PresenceTable, Whereabouts
from tests.fakes import InlineWorker, advance, settle

KEPT = AnnouncePortResult(Outcome.OK)
TAKEN = AnnouncePortResult(Outcome.FAIL, Reason.PORT_TAKEN)
OFFLINE = SearchResult(Presence.OFFLINE)
MOVED = SearchResult(Presence.ONLINE, "10.0.0.2", 4000)


class SharedTable:
    """A shared table in which some ports are taken by users at other nodes."""

    def __init__(self) -> None:
        self.taken: set[int] = set()
        self.elsewhere: dict[str, Whereabouts] = {}
        self.fails = False

    def find(self, usernames: list[str]) -> dict[str, Whereabouts]:
        if self.fails:
            raise StorageError("the database is away")
        return {name: self.elsewhere[name] for name in usernames if name in self.elsewhere}

    def shut_out(self, usernames: list[str], with_token: list[str]) -> list[str]:
        return []

    def renew(self, url: str) -> Lease:
        return Lease(is_new=False, other_nodes=(), next_end=None)

    def exchange_lists(self, own: object) -> list[object]:
        return []

    def publish(self, rows: list[PresenceRow], gone: list[str]) -> dict[str, Published]:
        return {
            row.username: Published.PORT_TAKEN if row.port in self.taken else Published.KEPT
            for row in rows
        }


class Node:
    """A cluster with one user online."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.worker = InlineWorker(loop)
        self.table: Any = SharedTable()
        self.book = PresenceTable(150)
        self.cluster = Cluster(
            loop,
            self.worker,
            self.table,  # type: ignore[arg-type]
            self.book,
            NodeLists(),
            node=1,
            lease=60,
        )
        self.cluster.begin("p2p://node")
        self.alice = OnlineSession("alice", "10.0.0.1", 0.0, lambda _: None)
        self.book.arrive(self.alice)
        settle(loop)
        self.answers: list[Message] = []

    def announce(self, port: int) -> None:
        """Announce a port as the service does: locally first, then to the other nodes."""
        assert self.book.announce(self.alice, port)
        later = self.cluster.announced(self.alice, lambda kept: KEPT if kept else TAKEN)
        later.begin(self.answers.append)

    def notify(self, username: str, found: SearchResult) -> None:
        """Receive the notification of another node that a user moved."""
        for text in encode([Moved(username, 2, found)]):
            self.cluster.hear(text.encode())

    def look_up(self, *usernames: str) -> BlockingJob:
        """Return the lookup that a client who watches these users waits for."""

        def answer(elsewhere: Mapping[str, SearchResult]) -> WatchResult:
            return WatchResult(
                tuple(PresenceUpdate(name, elsewhere.get(name, NOT_FOUND)) for name in usernames)
            )

        job = self.cluster.look_up_all(usernames, answer)
        assert isinstance(job, BlockingJob)
        return job

    def watch(self, username: str) -> list[SearchResult]:
        """Watch a user; return the list to which the news will be added."""
        told: list[SearchResult] = []
        self.book.watch(
            object(), (username,), Audience.SECURE, lambda update: told.append(update.result)
        )
        return told


@pytest.fixture
def node(loop: Loop) -> Node:
    """Return a node at which a port can be announced."""
    return Node(loop)


def test_answer_waits_until_other_nodes_know_the_user(node: Node) -> None:
    """The answer waits for the shared table, which may refuse a port taken at another node."""
    node.worker.hold()
    node.announce(7000)
    settle(node.loop)
    assert node.answers == []
    node.worker.release()
    settle(node.loop)
    assert node.answers == [KEPT]
    node.table.taken = {7001}
    node.announce(7001)
    settle(node.loop)
    assert node.answers == [KEPT, TAKEN]
    assert node.alice.port == 0


def test_port_found_taken_after_a_slow_answer(node: Node) -> None:
    """After SLOW_DOWN, a port that turns out to be taken is withdrawn here, too."""
    node.worker.hold()
    node.table.taken = {7000}
    node.announce(7000)
    advance(node.loop, 4.0)
    assert node.answers == [SlowDown(5.0)]
    assert node.alice.port == 7000
    node.worker.release()
    settle(node.loop)
    assert node.answers == [SlowDown(5.0)]
    assert node.alice.found.presence is Presence.OFFLINE


@pytest.mark.parametrize(("port", "answer", "left"), [(7001, KEPT, 7001), (7000, TAKEN, 0)])
def test_late_outcome_applies_only_to_the_same_port(
    node: Node, port: int, answer: AnnouncePortResult, left: int
) -> None:
    """A late outcome of an earlier port affects a newer one only if it is the same port."""
    node.worker.hold()
    node.table.taken = {7000}
    node.announce(7000)
    advance(node.loop, 4.0)
    node.announce(port)
    node.worker.release()
    settle(node.loop)
    assert node.answers == [SlowDown(5.0), answer]
    assert node.alice.port == left


def test_answer_is_not_older_than_news(node: Node) -> None:
    """A notification wins over a lookup that ran before it arrived."""
    told = node.watch("bob")
    node.table.elsewhere = {name: Whereabouts(OFFLINE, OFFLINE) for name in ("bob", "carol")}
    look_up = node.look_up("bob", "carol", "dave")
    found = look_up.job()
    node.notify("bob", MOVED)
    settle(node.loop)
    assert told == [MOVED]
    answer = look_up.then(found)
    assert answer == WatchResult(
        (
            PresenceUpdate("bob", MOVED),
            PresenceUpdate("carol", OFFLINE),
            PresenceUpdate("dave", NOT_FOUND),
        )
    )
    look_up = node.look_up("bob")  # later lookups are believed again
    assert look_up.then(look_up.job()) == WatchResult((PresenceUpdate("bob", OFFLINE),))


def test_user_who_left_this_node_during_a_lookup(node: Node) -> None:
    """The answer says where the user is now, although the lookup was not about that user."""
    look_up = node.look_up("alice", "bob")
    found = look_up.job()
    node.book.leave(node.alice, elsewhere=True)
    node.notify("alice", MOVED)
    assert look_up.then(found) == WatchResult(
        (PresenceUpdate("alice", MOVED), PresenceUpdate("bob", NOT_FOUND))
    )


def test_watchers_are_not_told_of_an_older_state(node: Node) -> None:
    """A lookup that catches up does not undo a notification, even if it must be repeated."""
    told = node.watch("bob")
    node.table.elsewhere = {"bob": Whereabouts(OFFLINE, OFFLINE)}
    node.worker.hold()
    node.cluster.listening()
    node.notify("bob", MOVED)
    node.worker.release()
    settle(node.loop)
    assert told == [MOVED]
    node.table.fails = True
    node.worker.hold()
    node.cluster.listening()
    node.notify("bob", OFFLINE)
    node.worker.release()
    settle(node.loop)
    node.table.fails = False
    node.table.elsewhere = {"bob": Whereabouts(MOVED, MOVED)}
    advance(node.loop, 2.0)
    assert told == [MOVED, OFFLINE]
