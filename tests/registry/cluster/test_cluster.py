"""An announced port at a node among others: the answer, and what is found, after it was written."""

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
    """A table where some ports are those of users at other nodes."""

    def __init__(self) -> None:
        self.taken: set[int] = set()

    def renew(self, url: str) -> Lease:
        return Lease(anew=False, other_nodes=(), next_end=None)

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
        """As the service does: in the book first, then to the others."""
        assert self.book.announce(self.alice, port)
        later = self.cluster.announced(self.alice, lambda kept: KEPT if kept else TAKEN)
        later.begin(self.answers.append)


@pytest.fixture
def node(loop: Loop) -> Node:
    """A node where a port can be announced."""
    return Node(loop)


def test_the_answer_waits_until_others_can_find_the_user(node: Node) -> None:
    """Or cannot, because the port is that of somebody at another node."""
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


def test_a_port_that_turns_out_to_be_taken_after_the_answer(node: Node) -> None:
    """Is found here no more than elsewhere, though the user was told to come again."""
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
def test_a_port_announced_meanwhile(
    node: Node, port: int, answer: AnnouncePortResult, left: int
) -> None:
    """What is heard late of the one before concerns it only if it is the same one."""
    node.worker.hold()
    node.table.taken = {7000}
    node.announce(7000)
    advance(node.loop, 4.0)
    node.announce(port)
    node.worker.release()
    settle(node.loop)
    assert node.answers == [SlowDown(5.0), answer]
    assert node.alice.port == left
