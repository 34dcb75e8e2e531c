"""Presence is accepted only for users that the node has asked about."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.presence.watching import Watching
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.messages import (
    MAX_WATCHED,
    MOST_WATCHED_IN_ALL,
    Presence,
    PresenceUpdate,
    SearchResult,
)
from tests.world import World

ONLINE = SearchResult(Presence.ONLINE, "10.0.0.9", 4000)


class Asked:
    """A `Watching`, and the names that it asked for."""

    def __init__(self, folder: Path) -> None:
        self.names: list[list[str]] = []
        self.profile = Profile(folder / "p.sqlite3")
        self.contacts = Contacts(self.profile, "r", b"k" * 32)
        self.watching = Watching(self.contacts, self.names.append)


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    """Yield one with an empty profile."""
    made = Asked(tmp_path)
    yield made
    made.profile.close()


def test_presence_of_unwatched_users_is_dropped(asked: Asked) -> None:
    """Presence of users that are not watched is dropped and takes no memory."""
    asked.watching.online()
    asked.watching.watch(["bob"])
    assert asked.watching.take(PresenceUpdate("bob", ONLINE))
    for n in range(1000):
        assert not asked.watching.take(PresenceUpdate(f"user{n}", ONLINE))
        assert asked.watching.last(f"user{n}") is None
    assert asked.watching.online_contacts == ["bob"]


def test_presence_is_forgotten_when_watching_ends(asked: Asked) -> None:
    """The presence of a user who is no longer watched is forgotten, since it becomes outdated."""
    asked.watching.online()
    asked.watching.watch(["bob", "carol"])
    for name in ("bob", "carol"):
        asked.watching.take(PresenceUpdate(name, ONLINE))
    asked.watching.watch(["carol"])
    assert asked.watching.online_contacts == ["carol"]
    assert asked.watching.last("bob") is None


def test_contacts_are_watched_unless_blocked(asked: Asked) -> None:
    """Contacts in a chat come first, each name is asked for once, and blocked ones are left out."""
    for name in ("alice", "bob", "carol"):
        asked.contacts.accept(name, b"k" * 32)
    asked.contacts.block("alice", blocked=True)
    asked.watching.online()
    asked.watching.watch(["carol"])
    assert asked.names == [["carol", "bob"]]
    asked.watching.include("bob", ["carol"])
    assert len(asked.names) == 1
    asked.watching.include("dave", ["carol", "dave"])
    assert asked.names[-1] == ["carol", "dave", "bob"]


def test_number_of_watched_users_is_limited(asked: Asked) -> None:
    """No more users are watched than the registry supports."""
    asked.watching.online()
    asked.watching.watch([f"user{n}" for n in range(MOST_WATCHED_IN_ALL + 10)])
    assert len(asked.names[-1]) == MOST_WATCHED_IN_ALL


def test_many_contacts_are_all_watched(secure_world: World) -> None:
    """More contacts than fit in one message are all watched, coming and going."""
    world = secure_world
    alice = world.person("alice", "10.0.0.2")
    names = [f"u{n:04}" for n in range(2 * MAX_WATCHED + 5)]
    for name in names:
        alice.node.contacts.accept(name, b"k" * 32)
    alice.node.conversations.online()
    world.settle()
    watched = (names[0], names[MAX_WATCHED], names[-1])
    people = [world.person(name, f"10.9.0.{n}") for n, name in enumerate(watched, start=1)]
    world.settle()
    assert sorted(alice.node.conversations.online_contacts) == sorted(watched)
    for person in people:
        person.node.stop()
    world.advance(5)
    assert alice.node.conversations.online_contacts == []
    assert len(world.presence.watched) == len(names)


def test_registry_is_asked_again_after_a_loss(asked: Asked) -> None:
    """After a loss the registry is asked again; while it is away nothing is asked."""
    asked.watching.watch(["bob"])
    assert asked.names == []
    for _ in range(2):
        asked.watching.online()
        asked.watching.watch(["bob"])
        asked.watching.offline()
    assert asked.names == [["bob"], ["bob"]]
