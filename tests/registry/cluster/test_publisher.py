"""The publisher keeps the shared table equal to the local one, whatever fails."""

import random

from p2pchat.errors import P2PError, StorageError
from p2pchat.net.loop import Loop
from p2pchat.protocol.messages import Reason
from p2pchat.registry.cluster.presence_store import PresenceRow, Published
from p2pchat.registry.cluster.publisher import Publisher
from p2pchat.registry.service.presence import OnlineSession, PresenceTable
from tests.fakes import InlineWorker, advance, settle


class Node:
    """A local table, a publisher, and a shared table that can be made to fail."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.worker = InlineWorker(loop)
        self.book = PresenceTable(150)
        self.table: dict[str, PresenceRow] = {}
        self.elsewhere: set[str] = set()
        self.fails = False
        self.has_lease = True
        self.hung_up: list[tuple[str, Reason]] = []
        self.errors: list[P2PError] = []
        self.not_here: list[str] = []
        self.publisher = Publisher(
            loop,
            self.worker,
            self.write,
            self.book,
            on_no_lease=lambda: None,
            on_failed=self.errors.append,
            on_not_here=self.not_here.extend,
        )

    def write(self, rows: list[PresenceRow], gone: list[str]) -> dict[str, Published] | None:
        if self.fails:
            raise StorageError("the database is gone")
        if not self.has_lease:
            return None
        for name in gone:
            self.table.pop(name, None)
        outcomes = {}
        for row in rows:
            if row.username in self.elsewhere and not row.is_new:
                outcomes[row.username] = Published.ELSEWHERE
            else:
                self.table[row.username] = row
                outcomes[row.username] = Published.KEPT
        return outcomes

    def arrive(self, name: str) -> OnlineSession:
        def hang_up(reason: Reason) -> None:
            self.hung_up.append((name, reason))
            self.book.leave(online_session)

        online_session = OnlineSession(name, "10.0.0.1", 0.0, hang_up)
        self.book.arrive(online_session)
        return online_session


def test_shared_table_follows_the_local_one_through_failures(loop: Loop) -> None:
    """Random changes with a failing database end with equal tables."""
    seed = 7
    print(f"seed {seed}")
    rng = random.Random(seed)
    node = Node(loop)
    here: dict[str, OnlineSession] = {}
    for _ in range(500):
        name = f"user{rng.randrange(20)}"
        node.fails = rng.random() < 0.3
        match rng.randrange(3):
            case 0:
                here[name] = node.arrive(name)
            case 1 if name in here:
                node.book.leave(here.pop(name))
            case 2 if name in here:
                node.book.announce(here[name], rng.randrange(1, 60_000))
        if rng.random() < 0.5:
            settle(loop)
    node.fails = False
    advance(loop, 5)
    assert {n: r.port for n, r in node.table.items()} == {n: a.port for n, a in here.items()}
    assert node.errors


def test_outcome_is_reported_once(loop: Loop) -> None:
    """A waiting caller is told once: kept, or None if the write failed and is retried."""
    node = Node(loop)
    node.arrive("alice")
    told: list[Published | None] = []
    node.publisher.publish("alice", told.append)
    settle(loop)
    node.fails = True
    node.publisher.publish("alice", told.append)
    settle(loop)
    node.fails = False
    advance(loop, 2)
    assert told == [Published.KEPT, None]
    assert "alice" in node.table


def test_publishing_waits_for_a_lease(loop: Loop) -> None:
    """Without a lease a caller waits until there is one."""
    node = Node(loop)
    node.has_lease = False
    node.arrive("alice")
    told: list[Published | None] = []
    node.publisher.publish("alice", told.append)
    settle(loop)
    assert told == []
    node.has_lease = True
    node.publisher.go_on()  # the lease may be renewed before it was missed
    settle(loop)
    assert told == [Published.KEPT]


def test_only_a_published_login_is_replaced(loop: Loop) -> None:
    """A published login is replaced by one at another node; a new login takes the name."""
    node = Node(loop)
    node.elsewhere = {"alice"}
    online_session = node.arrive("alice")
    settle(loop)
    assert node.publisher.is_published(online_session)
    node.publisher.publish("alice")
    settle(loop)
    assert node.hung_up == [("alice", Reason.REPLACED)]
    again = node.arrive("alice")
    settle(loop)
    assert node.publisher.is_published(again)
    assert len(node.hung_up) == 1
