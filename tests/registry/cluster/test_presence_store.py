"""Presence in a real PostgreSQL, with two nodes that do not always agree."""

from collections.abc import Iterator

import pytest

from p2pchat.protocol.meeting import Meeting
from p2pchat.protocol.messages import Presence
from p2pchat.registry.cluster.presence_store import PresenceRow, PresenceStore, Published
from p2pchat.registry.service.presence import Audience
from p2pchat.registry.store.accounts import Accounts
from p2pchat.registry.store.stores import open_shared
from p2pchat.storage import Store
from tests.accounts import CHEAP

KEPT, ELSEWHERE, PORT_TAKEN = Published.KEPT, Published.ELSEWHERE, Published.PORT_TAKEN


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    store = open_shared(database)
    accounts = Accounts(store, CHEAP)
    for name in ("alice", "bob"):
        accounts.create(name, "x")
    yield store
    store.release()


@pytest.fixture
def nodes(store: Store) -> list[PresenceStore]:
    """Return two nodes whose leases do not end during a test."""
    tables = [PresenceStore(store, number, 60.0) for number in (1, 2)]
    for i, table in enumerate(tables):
        assert table.renew(f"p2p://n{i}").is_new
    return tables


def row(
    username: str,
    port: int,
    *,
    is_new: bool = True,
    host: str = "10.0.0.1",
    meets: bool = False,
    hidden: bool = False,
) -> PresenceRow:
    return PresenceRow(
        username,
        host,
        port,
        0,
        in_clear=False,
        key=b"k" * 32,
        meets=meets,
        hidden=hidden,
        is_new=is_new,
    )


def end_lease(store: Store, node: int) -> None:
    with store.transaction():
        store.rows(
            "UPDATE node SET lease_until = clock_timestamp() - interval '1s' WHERE id = %s", (node,)
        )


def test_newer_login_owns_the_name(nodes: list[PresenceStore]) -> None:
    """The newer login owns the name; the older node learns that when it publishes again."""
    one, two = nodes
    assert one.publish([row("alice", 4000)], []) == {"alice": KEPT}
    assert two.publish([row("alice", 5000)], []) == {"alice": KEPT}
    assert one.publish([row("alice", 4000, is_new=False)], []) == {"alice": ELSEWHERE}
    assert one.find(["alice"])["alice"].found.port == 5000
    assert one.publish([], ["alice"]) == {}  # another node's row is not removed
    assert two.find(["alice", "bob", "nobody"]).keys() == {"alice", "bob"}
    assert two.find(["alice"])["alice"].found.port == 5000
    two.publish([], ["alice"])
    assert two.find(["alice"])["alice"].found.presence is Presence.OFFLINE


def test_address_is_unique_across_nodes(nodes: list[PresenceStore]) -> None:
    """An address belongs to one online user at all nodes (PROTOCOL, "client and registry")."""
    one, two = nodes
    one.publish([row("alice", 4000)], [])
    assert two.publish([row("bob", 4000)], []) == {"bob": PORT_TAKEN}
    assert two.publish([row("bob", 4000, host="10.0.0.2")], []) == {"bob": KEPT}
    one.publish([], ["alice"])
    assert two.publish([row("bob", 4000)], []) == {"bob": KEPT}


def test_expired_lease_makes_users_offline(store: Store, nodes: list[PresenceStore]) -> None:
    """Users of a node without a lease are offline; it must renew the lease before it publishes."""
    one, two = nodes
    one.publish([row("alice", 4000)], [])
    end_lease(store, 1)
    assert two.find(["alice"])["alice"].found.presence is Presence.OFFLINE
    assert two.publish([row("alice", 4000, is_new=False)], []) == {"alice": KEPT}
    assert two.renew("p2p://n1").other_nodes == ()
    assert one.publish([row("alice", 4000)], []) is None
    lease = one.renew("p2p://n0")
    assert lease.is_new
    assert lease.other_nodes == ("p2p://n1",)
    assert lease.next_end is not None
    assert 50 < lease.next_end <= 60
    assert not one.renew("p2p://n0").is_new


def test_leaving_node_removes_only_its_own_users(nodes: list[PresenceStore]) -> None:
    """A node that leaves removes its own users and no others."""
    one, two = nodes
    one.publish([row("alice", 4000)], [])
    two.publish([row("bob", 4001)], [])
    one.withdraw()
    found = two.find(["alice", "bob"])
    assert found["alice"].found.presence is Presence.OFFLINE
    assert found["bob"].found.presence is Presence.ONLINE
    assert two.renew("p2p://n1").other_nodes == ()


def test_hidden_user_of_another_node(store: Store, nodes: list[PresenceStore]) -> None:
    """Only clients that can meet are told that the user is online, and none the address."""
    one, two = nodes
    two.publish([row("alice", 0, meets=True, hidden=True), row("bob", 0, meets=True)], [])
    found = one.find(["alice", "bob"])
    assert found["alice"].told(Audience.MEETING).is_hidden
    for audience in (Audience.SECURE, Audience.ORIGINAL):
        assert found["alice"].told(audience).presence is Presence.OFFLINE
    assert found["bob"].found.presence is Presence.OFFLINE  # has announced nothing yet
    with store.transaction():
        store.rows("UPDATE node SET meets = FALSE WHERE id = 2")  # a node of an older version
    assert one.find(["alice"])["alice"].found.presence is Presence.OFFLINE


def test_older_nodes_need_not_write_newer_columns(store: Store) -> None:
    """A database made by this version takes the rows that nodes of an older one write."""
    with store.transaction():
        store.rows("INSERT INTO node (id, url, lease_until) VALUES (9, '', clock_timestamp())")
        store.rows(
            "INSERT INTO presence (username, node, host, port, clear_port, in_clear, key)"
            " VALUES ('alice', 9, '10.0.0.1', 4000, 0, FALSE, NULL)"
        )


def test_only_users_who_can_be_met_are_told(store: Store, nodes: list[PresenceStore]) -> None:
    """A meeting is told to a user of another live node, if program and node know what it is."""
    one, two = nodes
    meeting = Meeting("carol", bytes(16), "p2p://n0")
    two.publish([row("alice", 4000, meets=True), row("bob", 4001)], [])
    assert one.find(["alice"])["alice"].found.meets
    assert not one.find(["bob"])["bob"].found.meets
    assert one.tell_meeting("alice", meeting)
    assert not one.tell_meeting("bob", meeting)
    assert not one.tell_meeting("nobody", meeting)
    assert not two.tell_meeting("alice", meeting)  # who is at that node itself
    with store.transaction():
        store.rows("UPDATE node SET meets = FALSE WHERE id = 2")  # a node of an older version
    assert not one.tell_meeting("alice", meeting)
    assert not one.find(["alice"])["alice"].found.meets
    with store.transaction():
        store.rows("UPDATE node SET meets = TRUE WHERE id = 2")
    end_lease(store, 2)
    assert not one.tell_meeting("alice", meeting)
