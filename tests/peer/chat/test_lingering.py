"""A link stays for the next line, and ends when it was idle for long enough."""

from p2pchat.net.loop import Loop
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.chat.conversation import Conversation
from p2pchat.peer.chat.lingering import Lingering
from p2pchat.protocol.client.events import ContactIdle
from tests.fakes import advance
from tests.peer.chat.test_conversations import A, friends, states, texts
from tests.world import World, unread_at

TIMEOUT = PeerLimits().idle_link_timeout


class Ended:
    """A `Lingering`, and how often it closed its link."""

    def __init__(self, loop: Loop, timeout: float = 10) -> None:
        self.count = 0
        self.needed = False
        self.lingering = Lingering(loop, timeout, lambda: self.needed, self._close)

    def _close(self) -> None:
        self.count += 1


def test_who_has_dialled_closes_it_and_the_other_is_patient(loop: Loop) -> None:
    """So that not both do, and one of them does."""
    ours, theirs = Ended(loop), Ended(loop)
    ours.lingering.begin(dialled=True)
    theirs.lingering.begin(dialled=False)
    advance(loop, 9)
    assert (ours.count, theirs.count) == (0, 0)
    advance(loop, 2)
    assert (ours.count, theirs.count) == (1, 0)
    advance(loop, 10)
    assert theirs.count == 1


def test_whatever_is_said_or_needed_keeps_it(loop: Loop) -> None:
    """The time begins anew."""
    ended = Ended(loop)
    ended.lingering.begin(dialled=True)
    for _ in range(5):
        advance(loop, 8)
        ended.lingering.note_activity()
    ended.needed = True
    advance(loop, 100)
    assert ended.count == 0
    ended.needed = False
    advance(loop, 20)
    assert ended.count == 1


def test_none_is_for_ever(loop: Loop) -> None:
    """As with every limit; and a link that is gone is not closed."""
    for_ever, gone = Ended(loop, 0), Ended(loop)
    for_ever.lingering.begin(dialled=True)
    gone.lingering.begin(dialled=True)
    gone.lingering.stop()
    advance(loop, 10_000)
    assert (for_ever.count, gone.count) == (0, 0)


def test_500_lines_one_by_one_come_on_one_link(secure_world: World) -> None:
    """Each acknowledged before the next is said, in no time: no call is made for any of them."""
    world = secure_world
    alice, bob = friends(world)
    calls = len(world.internet.wires)
    began = world.loop.now()
    for n in range(500):
        alice.node.conversations.outbox.queue("bob", [str(n)], lambda _: None, lambda _: None)
        world.settle()
    assert world.loop.now() == began
    assert len(world.internet.wires) == calls + 1
    assert texts(bob.told()) == [str(n) for n in range(500)]
    assert not alice.node.history.waiting()
    told = [e for e in (*alice.all_events, *bob.all_events) if isinstance(e, ContactIdle)]
    assert told == []


def test_it_ends_at_both_ends(secure_world: World) -> None:
    """And the next line makes another."""
    world = secure_world
    alice, bob = friends(world)
    for text in ("one", "two"):
        alice.node.conversations.outbox.queue("bob", [text], lambda _: None, lambda _: None)
        world.settle()
        assert alice.node.conversations.links
        world.advance(TIMEOUT + 1)
        assert not alice.node.conversations.links
        assert not bob.node.conversations.links
    assert texts(bob.told()) == ["one", "two"]


def test_a_line_that_is_said_as_the_link_ends(secure_world: World) -> None:
    """It comes by another one."""
    world = secure_world
    alice, bob = friends(world)
    outbox = alice.node.conversations.outbox
    outbox.queue("bob", ["one"], lambda _: None, lambda _: None)
    world.settle()
    conversation = bob.node.conversations.get("alice")
    assert isinstance(conversation, Conversation)
    conversation.close_idle_link()
    outbox.queue("bob", ["two"], lambda _: None, lambda _: None)
    world.advance(5)
    assert texts(bob.told()) == ["one", "two"]
    assert not alice.node.history.waiting()


def test_a_contact_may_call_often(secure_world: World) -> None:
    """Strangers may not; a contact is known by the key."""
    world = secure_world
    alice, bob = friends(world)
    for n in range(100):
        alice.node.conversations.outbox.queue("bob", [str(n)], lambda _: None, lambda _: None)
        world.settle()
        world.internet.cut_all(A)
        world.settle()
        world.advance(2)
    assert [line.text for line in unread_at(bob.node, "alice")] == [str(n) for n in range(100)]
    assert len(set(states(alice, "bob"))) == 1


def test_an_idle_person_is_told_of_once(secure_world: World) -> None:
    """However many links come and go."""
    world = secure_world
    alice, bob = friends(world)
    bob.node.conversations.away_status.be(idle=True)
    for _ in range(3):
        alice.node.conversations.outbox.queue("bob", ["hi"], lambda _: None, lambda _: None)
        world.settle()
        world.advance(TIMEOUT + 1)
    assert [e for e in alice.told() if isinstance(e, ContactIdle)] == [ContactIdle("bob", True)]
