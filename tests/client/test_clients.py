"""All clients of a node are told its events; which are attended and which conversations they have
open.
"""

from collections.abc import Collection

import pytest

from p2pchat.client.clients import Clients
from p2pchat.protocol.client.events import Called, ChatStarted, Event
from tests.world import Person, World

A = "10.0.0.2"


class Observer:
    """A client that records what it is told."""

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


def test_all_clients_are_told_until_removed(secure_world: World) -> None:
    """Each client is told events and changes until it is removed."""
    clients = Clients(secure_world.loop)
    first, second = Observer(), Observer()
    clients.add(first)
    clients.add(second)
    clients.on_event(Called("bob"))
    clients.remove(first)
    clients.on_event(Called("carol"))
    clients.on_changed()
    assert first.heard == [Called("bob")]
    assert second.heard == [Called("bob"), Called("carol")]
    assert (first.changes, second.changes) == (0, 1)


def test_conversation_open_in_another_client(secure_world: World) -> None:
    """The clients know whether another one has a conversation open."""
    clients, one = Clients(secure_world.loop), Observer("bob")
    clients.add(one)
    assert not clients.have_open("bob", besides=one)
    clients.add(Observer("bob"))
    assert clients.have_open("bob", besides=one)
    assert not clients.have_open("carol", besides=one)


def test_user_is_active_while_a_screen_is_attended(secure_world: World) -> None:
    """The user is active until the last attended client leaves; programs do not count."""
    alice: Person = secure_world.person("alice", A)
    clients = alice.clients
    one, two, program = Observer(attended=True), Observer(attended=True), Observer()
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


def test_contact_is_heard_when_all_clients_have_caught_up(
    secure_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A contact stays paused until every client has caught up, even if a new chat starts."""
    alice: Person = secure_world.person("alice", A)
    clients, one, two = alice.clients, Observer(), Observer()
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
