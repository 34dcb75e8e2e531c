"""All clients of a node are told; who is there, and who has a conversation open."""

from collections.abc import Collection

import pytest

from p2pchat.client.clients import Clients
from p2pchat.protocol.client.events import Called, ChatStarted, Event
from tests.world import Person, World

A = "10.0.0.2"


class Watcher:
    """A client that keeps what it is told."""

    def __init__(self, *opened: str, attended: bool = False) -> None:
        self.opened: Collection[str] = opened
        self.attended = attended
        self.heard: list[Event] = []
        self.changes = 0

    def on_event(self, event: Event) -> None:
        self.heard.append(event)

    def on_changed(self) -> None:
        self.changes += 1

    def on_bug(self) -> None:
        raise AssertionError


def test_all_are_told_while_they_are_there(secure_world: World) -> None:
    """Also those who go because of what is told."""
    clients = Clients(secure_world.loop)
    first, second = Watcher(), Watcher()
    clients.add(first)
    clients.add(second)
    clients.on_event(Called("bob"))
    clients.remove(first)
    clients.on_event(Called("carol"))
    clients.on_changed()
    assert first.heard == [Called("bob")]
    assert second.heard == [Called("bob"), Called("carol")]
    assert (first.changes, second.changes) == (0, 1)


def test_who_else_has_it_open(secure_world: World) -> None:
    """A conversation that is open elsewhere is not left."""
    clients, one = Clients(secure_world.loop), Watcher("bob")
    clients.add(one)
    assert not clients.have_open("bob", besides=one)
    clients.add(Watcher("bob"))
    assert clients.have_open("bob", besides=one)
    assert not clients.have_open("carol", besides=one)


def test_a_person_comes_and_goes(secure_world: World) -> None:
    """Programs are nobody; of two screens the last one counts, and contacts are told."""
    alice: Person = secure_world.person("alice", A)
    clients = alice.clients
    one, two, program = Watcher(attended=True), Watcher(attended=True), Watcher()
    away = alice.node.conversations.away_status
    away.be(idle=True)
    clients.add(program)
    assert away.ours
    clients.add(one)
    assert not away.ours
    clients.add(two)
    clients.remove(one)
    clients.remove(program)
    assert not away.ours
    clients.remove(two)
    assert away.ours
    assert not clients.attended


def test_a_contact_is_heard_when_all_have_caught_up(
    secure_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when the first has; and a new chat with them is not heard before either."""
    alice: Person = secure_world.person("alice", A)
    clients, one, two = alice.clients, Watcher(), Watcher()
    told: list[bool] = []
    monkeypatch.setattr(alice.node, "wait_for_reader", lambda _, *, behind: told.append(behind))
    for watcher in (one, two):
        clients.wait_for_reader("bob", watcher, behind=True)
    assert told == [True]
    clients.wait_for_reader("bob", one, behind=False)
    clients.on_event(ChatStarted("bob"))
    assert told == [True, True]
    clients.wait_for_reader("bob", two, behind=False)
    clients.on_event(ChatStarted("bob"))
    assert told == [True, True, False]
