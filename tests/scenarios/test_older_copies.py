"""A disk is restored from a backup, or two copies of one are used: no line is lost or repeated."""

import pytest

from p2pchat.client.delivery import Delivery
from p2pchat.protocol.client.events import LinesMissing, Renumbered
from p2pchat.protocol.client.lines import LineState
from tests.peer.chat.test_conversations import A, B, friends, states, texts
from tests.world import Person, World


@pytest.fixture
def world(secure_world: World) -> World:
    """Return a world of the secure dialect, which stores lines."""
    return secure_world


def say(world: World, who: Person, contact: str, *said: str) -> None:
    """Queue lines and send them if possible."""
    who.node.conversations.outbox.queue(contact, said, lambda _: None, lambda _: None)
    world.settle()


def stop(world: World, person: Person) -> None:
    person.node.stop()
    world.advance(3)
    person.told()


def incoming(person: Person, contact: str) -> list[str]:
    return [line.text for line in person.node.history.lines(contact) if not line.outgoing]


def test_rewound_receiver(world: World) -> None:
    """Acknowledged lines are not sent again unasked; both users are told, and a retry shows each
    line once.
    """
    alice, bob = friends(world)
    say(world, alice, "bob", "one")
    backup = world.copy_home("bob", "backup of bob")
    say(world, alice, "bob", "two", "three")
    stop(world, bob)
    alice.told()
    bob = world.person("bob", B, home=backup)
    say(world, alice, "bob", "four")
    assert texts(bob.told()) == ["four"]
    assert [e for e in alice.told() if isinstance(e, LinesMissing)] == [
        LinesMissing("bob", 2, ours=False)
    ]
    assert [e for e in bob.all_events if isinstance(e, LinesMissing)] == [
        LinesMissing("alice", 2, ours=True)
    ]
    assert states(alice, "bob") == [
        LineState.DELIVERED,
        LineState.MISSING,
        LineState.MISSING,
        LineState.DELIVERED,
    ]
    outbox = alice.node.conversations.outbox
    outbox.queue_again("bob", lambda _: None, lambda _: None)
    world.settle()
    assert texts(bob.told()) == ["two", "three"]
    assert set(states(alice, "bob")) == {LineState.DELIVERED}


def test_retried_lines_are_shown_once(world: World) -> None:
    """A contact who still has the lines does not show them again."""
    alice, bob = friends(world)
    backup = world.copy_home("bob", "backup of bob")
    say(world, alice, "bob", "one", "two")
    stop(world, bob)
    copy = world.person("bob", B, home=backup)
    say(world, alice, "bob", "three")
    assert texts(copy.told()) == ["three"]
    stop(world, copy)
    bob = world.person("bob", B)
    alice.node.conversations.outbox.queue_again("bob", lambda _: None, lambda _: None)
    world.settle()
    say(world, alice, "bob", "four")
    assert texts(bob.told()) == ["four"]
    assert incoming(bob, "alice") == ["one", "two", "four"]


def test_rewound_sender(world: World) -> None:
    """Lines whose numbers the contact knows from other lines still arrive."""
    alice, bob = friends(world)
    say(world, alice, "bob", "one")
    backup = world.copy_home("alice", "backup of alice")
    say(world, alice, "bob", "two", "three")
    stop(world, alice)
    bob.told()
    alice = world.person("alice", A, home=backup)
    ends: list[object] = []

    def wait_for_delivery(*said: str) -> None:
        def queue(then: object, failed: object) -> None:
            alice.node.conversations.outbox.queue("bob", said, then, failed)  # type: ignore[arg-type]

        delivery = Delivery(
            world.loop, alice.node, "bob", queue, 60, lambda error, _: ends.append(error)
        )
        alice.hear_too(delivery.on_event)

    wait_for_delivery("other two", "other three")
    world.advance(5)
    assert [e for e in alice.told() if isinstance(e, Renumbered)]
    assert texts(bob.told()) == ["other two", "other three"]
    assert incoming(bob, "alice") == ["one", "two", "three", "other two", "other three"]
    assert states(alice, "bob") == [LineState.DELIVERED] * 3
    assert ends == [None]


def test_two_copies_used_in_turn(world: World) -> None:
    """Every line of either copy arrives once."""
    alice, bob = friends(world)
    world.copy_home("alice", "second machine")
    stop(world, alice)
    said = []
    for n in range(4):
        home = world.home("alice" if n % 2 else "second machine")
        alice = world.person("alice", A, home=home)
        for text in (f"{n} a", f"{n} b"):
            say(world, alice, "bob", text)
            said.append(text)
        world.advance(5)
        assert not alice.node.history.waiting()
        stop(world, alice)
    assert incoming(bob, "alice") == said
