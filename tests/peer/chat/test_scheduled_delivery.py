"""Lines that are scheduled for later, and lines that expire."""

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
    """Alice, who schedules lines by the clock of the world."""

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
    """Yield alice and bob, who have chatted before and are online."""
    alice, bob = friends(secure_world)
    with ExitStack() as stack:
        stack.callback(secure_world.settle)
        yield Sender(secure_world, alice), bob


def test_line_is_sent_at_its_time(they: tuple[Sender, Person]) -> None:
    """Scheduled lines are sent once, in order and not early, including newly scheduled ones."""
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


def test_crash_between_two_writes_sends_nothing_twice(they: tuple[Sender, Person]) -> None:
    """A line that is both queued and scheduled is recognized by its id and sent once."""
    sender, _ = they
    lines = scheduled("bob", ["once"], sender.now, 0)
    sender.schedule.add(lines)
    sender.node.conversations.outbox.put("bob", ("once",), (lines[0].uid,))
    with sender.running():
        sender.world.advance(60)
    assert sender.states() == [("once", "delivered")]
    assert sender.schedule.all() == []


def test_expired_line_is_given_up(they: tuple[Sender, Person]) -> None:
    """A queued line that has expired fails and is reported; other lines stay queued."""
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


def test_cancelled_line_is_not_sent(they: tuple[Sender, Person]) -> None:
    """Cancelling drops the scheduled lines of one contact only."""
    sender, _ = they
    for contact in ("bob", "carol"):
        sender.schedule.add(scheduled(contact, ["x", "y"], sender.now + HOUR, 0))
    assert sender.schedule.drop("bob") == 2
    assert [line.username for line in sender.schedule.all()] == ["carol", "carol"]


def test_too_long_text_is_refused_at_once(loop: Loop) -> None:
    """A text above the limit is refused when it is scheduled, not when it is due."""
    assert loop.idle
    with pytest.raises(UsageError, match="was not sent"):
        scheduled("bob", ["x" * 70_000], 0, 0)
