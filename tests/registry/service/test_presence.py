"""Presence: who is online, where, and until when; the test passes in the time."""

import random
from typing import Any

import pytest

from p2pchat.registry.service.presence import Audience, OnlineSession, PresenceTable

PATIENCE = 150.0


def online_session(username: str, host: str = "10.0.0.1", now: float = 0.0) -> OnlineSession:
    return OnlineSession(username, host, now, lambda _: None)


@pytest.fixture
def table() -> PresenceTable:
    """Return an empty table."""
    return PresenceTable(PATIENCE)


def test_port_belongs_to_one_user_per_address(table: PresenceTable) -> None:
    """A port is refused only to another user at the same address (PROTOCOL, "client and
    registry").
    """
    alice, bob, carol = (
        online_session("alice"),
        online_session("bob"),
        online_session("carol", "10.0.0.2"),
    )
    for each in (alice, bob, carol):
        table.arrive(each)
    assert table.announce(alice, 4000)
    assert not table.announce(bob, 4000)
    assert table.announce(carol, 4000)
    assert table.announce(alice, 4000)
    assert table.announce(alice, 4001)
    assert table.announce(bob, 4000), "given up by alice"
    table.leave(alice)
    assert table.announce(bob, 4001), "given up by leaving"


def test_refused_port_keeps_the_old_one(table: PresenceTable) -> None:
    """A user who asks for a taken port keeps the previous one."""
    alice, bob = online_session("alice"), online_session("bob")
    table.arrive(alice)
    table.arrive(bob)
    table.announce(alice, 1)
    table.announce(bob, 2)
    assert not table.announce(bob, 1)
    assert bob.port == 2


def test_second_login_replaces_the_first(table: PresenceTable) -> None:
    """The end of the replaced session does not put the new one offline."""
    first, second = online_session("alice"), online_session("alice", "10.0.0.2")
    assert table.arrive(first) is None
    table.announce(first, 4000)
    assert table.arrive(second) is first
    table.leave(first)
    assert table.find("alice") is second
    assert len(table) == 1


def test_silence_ends_presence_and_hello_prolongs_it(table: PresenceTable) -> None:
    """A user expires after the patience since the login or the last heartbeat."""
    alice, bob = online_session("alice", now=0), online_session("bob", now=10)
    table.arrive(alice)
    table.arrive(bob)
    assert table.next_deadline() == PATIENCE
    table.hear("alice", "10.0.0.1", 100)
    assert table.next_deadline() == 10 + PATIENCE
    assert table.expire(159.9) == []
    assert table.expire(160) == [bob]
    assert table.find("bob") is None
    assert table.expire(250) == [alice]
    assert table.next_deadline() is None


def test_heartbeat_counts_only_from_the_users_host(table: PresenceTable) -> None:
    """Heartbeats from other hosts and of unknown names have no effect."""
    alice = online_session("alice")
    table.arrive(alice)
    table.hear("alice", "10.6.6.6", 100)
    table.hear("mallory", "10.0.0.1", 100)
    assert table.expire(150) == [alice]


def test_deadline_queue_agrees_with_a_plain_dictionary() -> None:
    """Random logins, heartbeats and logouts give the same result as a plain dictionary."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    table, now = PresenceTable(10), 0.0
    plain: dict[str, Any] = {}
    for _ in range(3000):
        now += rng.choice((0, 0.1, 1, 5))
        gone = {a.username for a in table.expire(now)}
        assert gone == {name for name, until in plain.items() if until <= now}
        for name in gone:
            del plain[name]
        name = f"u{rng.randrange(20)}"
        what = rng.randrange(3)
        if what == 0:
            table.arrive(online_session(name, now=now))
            plain[name] = now + 10
        elif what == 1:
            table.hear(name, "10.0.0.1", now)
            if name in plain:
                plain[name] = now + 10
        elif (found := table.find(name)) is not None:
            table.leave(found)
            del plain[name]
        assert len(table) == len(plain)
        assert table.next_deadline() == min(plain.values(), default=None)


def test_late_withdrawal_does_not_affect_the_next_login() -> None:
    """Withdrawing a replaced login takes nothing from the one that replaced it."""
    table = PresenceTable(150)
    old, new = (OnlineSession("alice", "10.0.0.1", 0.0, lambda _: None) for _ in range(2))
    other = OnlineSession("bob", "10.0.0.1", 0.0, lambda _: None)
    table.arrive(other)
    table.arrive(old)
    table.announce(old, 4000)
    table.arrive(new)
    assert table.announce(new, 4000)
    told: list[object] = []
    table.watch("w", ("alice",), Audience.MEETING, lambda *news: told.append(news))
    table.withdraw(old)
    assert not told
    assert not table.announce(other, 4000)
