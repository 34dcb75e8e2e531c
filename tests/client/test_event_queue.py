"""A client that falls behind costs no memory, stops nothing, and misses no message."""

import pytest

from p2pchat.client.event_queue import EventQueue
from p2pchat.protocol.client.events import ContactIdle, Event, RegistryBack, TextReceived
from tests.peer.chat.test_conversations import A, B, friends
from tests.world import Person, World, unread_at

LINES = 3000


class Slow:
    """A client that acknowledges events only in `read_all`."""

    def __init__(self, alice: Person, *, seen: bool = False, waits: bool = False) -> None:
        self.queue = EventQueue(
            alice.node,
            self._told,
            lambda contact, behind: alice.node.wait_for_reader(contact, behind=behind),
            seen=seen,
            waits=waits,
        )
        self.queue.begin()
        alice.hear_too(self.queue.put)
        self.untaken: list[int] = []
        self.told: list[Event] = []

    def _told(self, number: int, event: Event) -> None:
        self.untaken.append(number)
        self.told.append(event)

    def read_all(self, world: World) -> None:
        while self.untaken:
            last = self.untaken[:100][-1]
            del self.untaken[:100]
            self.queue.taken(last)
            world.settle()

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, TextReceived)]


@pytest.fixture
def pair(secure_world: World) -> tuple[Person, Person]:
    alice, bob = friends(secure_world)
    bob.node.call("alice")
    secure_world.settle()
    alice.told()
    return alice, bob


def say(world: World, bob: Person, count: int) -> None:
    for n in range(count):
        bob.say(f"line {n}")
        if n % 100 == 99:
            world.settle()
    world.settle()


def waiting(bob: Person) -> int:
    state = bob.node.chat("alice")
    assert state is not None
    return state.waiting


@pytest.mark.parametrize("how", [{}, {"seen": True}, {"waits": True}])
def test_slow_client_gets_every_message_in_order(
    secure_world: World, pair: tuple[Person, Person], how: dict[str, bool]
) -> None:
    """Messages are read from the history; if the client reads for the user, the contact
    is paused.
    """
    alice, bob = pair
    slow = Slow(alice, **how)
    say(secure_world, bob, LINES)
    assert len(slow.told) == 1000
    assert (waiting(bob) > 0) is bool(how)
    slow.read_all(secure_world)
    assert slow.texts == [f"line {n}" for n in range(LINES)]
    assert len(unread_at(alice.node)) == (0 if "seen" in how else LINES)
    assert waiting(bob) == 0


def test_large_messages_are_limited_by_size(
    secure_world: World, pair: tuple[Person, Person]
) -> None:
    """Unacknowledged events are also limited by their size."""
    alice, bob = pair
    slow = Slow(alice)
    for _ in range(40):
        bob.say("x" * 60_000)
        secure_world.settle()
    assert 10 < len(slow.told) < 20
    slow.read_all(secure_world)
    assert len(slow.texts) == 40


def test_other_events_are_merged_to_the_newest(
    secure_world: World, pair: tuple[Person, Person]
) -> None:
    """Other events that wait are merged into the newest state."""
    alice, bob = pair
    slow = Slow(alice)
    say(secure_world, bob, 2000)
    for n in range(20_001):
        slow.queue.put(ContactIdle("bob", n % 2 == 0))
        slow.queue.put(RegistryBack("here"))
    slow.read_all(secure_world)
    others = [event for event in slow.told if not isinstance(event, TextReceived)]
    assert others == [ContactIdle("bob", True), RegistryBack("here")]


@pytest.mark.parametrize("seen", [False, True])
def test_texts_in_clear_wait_at_the_contact(original_world: World, seen: bool) -> None:
    """Texts in clear are not in the history, so the contact is paused; each arrives
    once, in order.
    """
    alice, bob = original_world.person("alice", A), original_world.person("bob", B)
    bob.node.call("alice")
    original_world.settle()
    alice.node.accept()
    original_world.settle()
    slow = Slow(alice, seen=seen)
    say(original_world, bob, LINES)
    assert len(slow.told) == 1000
    slow.read_all(original_world)
    assert slow.texts == [f"line {n}" for n in range(LINES)]


def test_client_that_disconnects_resumes_its_contacts(
    secure_world: World, pair: tuple[Person, Person]
) -> None:
    """What it has not acknowledged stays unread for the next client."""
    alice, bob = pair
    slow = Slow(alice, seen=True)
    say(secure_world, bob, LINES)
    slow.queue.end()
    secure_world.settle()
    assert waiting(bob) == 0
    assert len(unread_at(alice.node)) == LINES


def test_texts_in_clear_are_not_repeated_from_the_history(
    secure_world: World, pair: tuple[Person, Person]
) -> None:
    """A text in clear is reported once, and not as if it had been encrypted."""
    alice, bob = pair
    slow = Slow(alice)
    say(secure_world, bob, 1001)
    alice.node.history.thread("carl", b"").keep_clear("in clear", outgoing=False)
    slow.queue.put(TextReceived("carl", "in clear"))
    slow.read_all(secure_world)
    told = [event for event in slow.told if isinstance(event, TextReceived)]
    in_clear = [(event.text, event.id) for event in told if event.contact == "carl"]
    assert in_clear == [("in clear", 0)]
