"""Who is online, where, until when; "now" is a number in the test's hand."""

import random
from typing import Any

import pytest

from p2pchat.registry.service.presence import OnlineSession, PresenceTable

PATIENCE = 150.0


def online_session(username: str, host: str = "10.0.0.1", now: float = 0.0) -> OnlineSession:
    return OnlineSession(username, host, now, lambda _: None)


@pytest.fixture
def book() -> PresenceTable:
    """An empty book."""
    return PresenceTable(PATIENCE)


def test_a_port_is_taken_by_another_user_at_the_same_address(book: PresenceTable) -> None:
    """Not at another address, and not by oneself (PROTOCOL, "client and registry")."""
    alice, bob, carol = (
        online_session("alice"),
        online_session("bob"),
        online_session("carol", "10.0.0.2"),
    )
    for each in (alice, bob, carol):
        book.arrive(each)
    assert book.announce(alice, 4000)
    assert not book.announce(bob, 4000)
    assert book.announce(carol, 4000)
    assert book.announce(alice, 4000)
    assert book.announce(alice, 4001)
    assert book.announce(bob, 4000), "given up by alice"
    book.leave(alice)
    assert book.announce(bob, 4001), "given up by leaving"


def test_a_refused_port_leaves_the_old_one(book: PresenceTable) -> None:
    """Whoever asks for a taken port stays where they were."""
    alice, bob = online_session("alice"), online_session("bob")
    book.arrive(alice)
    book.arrive(bob)
    book.announce(alice, 1)
    book.announce(bob, 2)
    assert not book.announce(bob, 1)
    assert bob.port == 2


def test_a_second_login_replaces_the_first(book: PresenceTable) -> None:
    """And the end of the first one's connection does not put the second offline."""
    first, second = online_session("alice"), online_session("alice", "10.0.0.2")
    assert book.arrive(first) is None
    book.announce(first, 4000)
    assert book.arrive(second) is first
    book.leave(first)
    assert book.find("alice") is second
    assert len(book) == 1


def test_silence_ends_presence_and_hello_prolongs_it(book: PresenceTable) -> None:
    """Patience counts from the login and from each heartbeat."""
    alice, bob = online_session("alice", now=0), online_session("bob", now=10)
    book.arrive(alice)
    book.arrive(bob)
    assert book.next_deadline() == PATIENCE
    book.hear("alice", "10.0.0.1", 100)
    assert book.next_deadline() == 10 + PATIENCE
    assert book.expire(159.9) == []
    assert book.expire(160) == [bob]
    assert book.find("bob") is None
    assert book.expire(250) == [alice]
    assert book.next_deadline() is None


def test_a_hello_counts_only_from_the_users_own_host(book: PresenceTable) -> None:
    """Nobody else can keep a user online, and unknown names do no harm."""
    alice = online_session("alice")
    book.arrive(alice)
    book.hear("alice", "10.6.6.6", 100)
    book.hear("mallory", "10.0.0.1", 100)
    assert book.expire(150) == [alice]


def test_the_queue_agrees_with_the_obvious_way_of_doing_it() -> None:
    """Random comings, heartbeats and goings against a plain list of deadlines."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    book, now = PresenceTable(10), 0.0
    plain: dict[str, Any] = {}
    for _ in range(3000):
        now += rng.choice((0, 0.1, 1, 5))
        gone = {a.username for a in book.expire(now)}
        assert gone == {name for name, until in plain.items() if until <= now}
        for name in gone:
            del plain[name]
        name = f"u{rng.randrange(20)}"
        what = rng.randrange(3)
        if what == 0:
            book.arrive(online_session(name, now=now))
            plain[name] = now + 10
        elif what == 1:
            book.hear(name, "10.0.0.1", now)
            if name in plain:
                plain[name] = now + 10
        elif (found := book.find(name)) is not None:
            book.leave(found)
            del plain[name]
        assert len(book) == len(plain)
        assert book.next_deadline() == min(plain.values(), default=None)


def test_what_is_taken_back_late_is_not_the_next_ones() -> None:
    """A login that was replaced gives nothing back of the one that came after it."""
    book = PresenceTable(150)
    old, new = (OnlineSession("alice", "10.0.0.1", 0.0, lambda _: None) for _ in range(2))
    other = OnlineSession("bob", "10.0.0.1", 0.0, lambda _: None)
    book.arrive(other)
    book.arrive(old)
    book.announce(old, 4000)
    book.arrive(new)
    assert book.announce(new, 4000)
    told: list[object] = []
    book.watch("w", ("alice",), lambda *news: told.append(news))
    book.withdraw(old)
    assert not told
    assert not book.announce(other, 4000)
