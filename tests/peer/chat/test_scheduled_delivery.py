"""Lines that are sent later, and lines that are given up when their time is over."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from p2pchat.errors import UsageError
from p2pchat.net.loop import Loop
from p2pchat.peer.chat.scheduled_delivery import ScheduledDelivery
from p2pchat.peer.store.schedule import scheduled
from p2pchat.protocol.client.events import OutboxFailed
from tests.peer.chat.test_conversations import friends
from tests.world import Person, World

HOUR = 3600_000


class Sender:
    """Alice, who sends later, by a clock of seconds since the epoch that is the world's."""

    def __init__(self, world: World, alice: Person) -> None:
        self.world = world
        self.alice = alice
        self.schedule = alice.node.schedule
        self.node = alice.node

    @property
    def now(self) -> int:
        return int(self.world.loop.now() * 1000)

    def running(self) -> "closing[ScheduledDelivery]":
        outbox = self.node.conversations.outbox
        clock = self.world.loop.now
        return closing(
            ScheduledDelivery(
                self.world.loop,
                self.schedule,
                self.node.history,
                outbox,
                self.alice.events.append,
                wall=clock,
            )
        )

    def states(self) -> list[tuple[str, str]]:
        return [(line.text, line.state.value) for line in self.node.history.lines("bob")]


@pytest.fixture
def they(secure_world: World) -> Iterator[tuple[Sender, Person]]:
    """Alice and bob, who have talked, both online."""
    alice, bob = friends(secure_world)
    with ExitStack() as stack:
        stack.callback(secure_world.settle)
        yield Sender(secure_world, alice), bob


def test_a_line_goes_out_when_its_time_has_come(they: tuple[Sender, Person]) -> None:
    """Not before, once, in order; what was scheduled meanwhile, too."""
    sender, _ = they
    sender.schedule.add(scheduled("bob", ["second"], sender.now + 2 * HOUR, 0))
    with sender.running():
        sender.world.advance(10)
        sender.schedule.add(scheduled("bob", ["first"], sender.now + HOUR, 0))
        sender.world.advance(3500)
        assert sender.states() == []
        sender.world.advance(200)
        assert sender.states() == [("first", "delivered")]
        sender.world.advance(3700)
        assert sender.states() == [("first", "delivered"), ("second", "delivered")]
        sender.world.advance(10_000)
    assert len(sender.states()) == 2
    assert sender.schedule.all() == []


def test_a_crash_between_two_writes_sends_nothing_twice(they: tuple[Sender, Person]) -> None:
    """A line that was queued and is scheduled still is the same by its id."""
    sender, _ = they
    lines = scheduled("bob", ["once"], sender.now, 0)
    sender.schedule.add(lines)
    sender.node.conversations.outbox.put("bob", ("once",), (lines[0].uid,))
    with sender.running():
        sender.world.advance(60)
    assert sender.states() == [("once", "delivered")]
    assert sender.schedule.all() == []


def test_what_has_expired_is_given_up(they: tuple[Sender, Person]) -> None:
    """If it is not on its way; other lines are delivered, and it can be sent again."""
    sender, bob = they
    bob.node.stop()
    sender.world.settle()
    sender.schedule.add(scheduled("bob", ["perishable"], sender.now, 7200))
    sender.schedule.add(scheduled("bob", ["lasting"], sender.now, 0))
    with sender.running():
        sender.world.advance(60)
        assert [state for _, state in sender.states()] == ["queued", "queued"]
        sender.world.advance(7200)
        assert sender.states() == [("perishable", "failed"), ("lasting", "queued")]
    failures = [e for e in sender.alice.events if isinstance(e, OutboxFailed)]
    assert [(e.contact, e.count, e.error.what) for e in failures] == [("bob", 1, "it has expired")]


def test_what_is_cancelled_is_not_sent(they: tuple[Sender, Person]) -> None:
    """Of that contact alone."""
    sender, _ = they
    for contact in ("bob", "carol"):
        sender.schedule.add(scheduled(contact, ["x", "y"], sender.now + HOUR, 0))
    assert sender.schedule.drop("bob") == 2
    assert [line.username for line in sender.schedule.all()] == ["carol", "carol"]


def test_what_is_too_long_is_refused_at_once(loop: Loop) -> None:
    """Not when its time has come and nobody looks."""
    assert loop.idle
    with pytest.raises(UsageError, match="was not sent"):
        scheduled("bob", ["x" * 70_000], 0, 0)
