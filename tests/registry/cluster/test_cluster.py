"""Announcing a port at one node of a cluster: the answer follows the write to the
shared database.
"""

from typing import Any

import pytest

from p2pchat.net.loop import Loop
from p2pchat.protocol.messages import (
    AnnouncePortResult,
    Message,
    Outcome,
    Presence,
    Reason,
    SlowDown,
)
from p2pchat.registry.cluster.cluster import Cluster
from p2pchat.registry.cluster.presence_store import Lease, PresenceRow, Published
from p2pchat.registry.service.node_lists import NodeLists
from p2pchat.registry.service.presence import OnlineSession, PresenceTable
from tests.fakes import InlineWorker, advance, settle

KEPT = AnnouncePortResult(Outcome.OK)
TAKEN = AnnouncePortResult(Outcome.FAIL, Reason.PORT_TAKEN)


class SharedTable:
    """A shared table in which some ports are taken by users at other nodes."""

    def __init__(self) -> None:
        self.taken: set[int] = set()

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
