"""Links linger for the next line and are closed after an idle time."""

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


def test_dialler_closes_first(loop: Loop) -> None:
    """The side that dialled closes the idle link; the other side waits longer."""
    ours, theirs = Ended(loop), Ended(loop)
    ours.lingering.begin(dialled=True)
    theirs.lingering.begin(dialled=False)
    advance(loop, 9)
    assert (ours.count, theirs.count) == (0, 0)
    advance(loop, 2)
    assert (ours.count, theirs.count) == (1, 0)
    advance(loop, 10)
    assert theirs.count == 1


def test_activity_and_need_keep_the_link(loop: Loop) -> None:
    """Activity restarts the idle time, and a needed link is not closed."""
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


def test_timeout_of_0_keeps_the_link_for_ever(loop: Loop) -> None:
    """A timeout of 0 never closes the link; a link that is gone is not closed."""
    for_ever, gone = Ended(loop, 0), Ended(loop)
    for_ever.lingering.begin(dialled=True)
    gone.lingering.begin(dialled=True)
    gone.lingering.stop()
    advance(loop, 10_000)
    assert (for_ever.count, gone.count) == (0, 0)


def test_500_lines_use_one_link(secure_world: World) -> None:
    """500 lines, each acknowledged before the next, are sent on a single link."""
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


def test_idle_link_ends_at_both_ends(secure_world: World) -> None:
    """An idle link is closed at both ends, and the next line opens another."""
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


def test_line_said_while_the_link_closes_is_delivered(secure_world: World) -> None:
    """A line said while the link closes is delivered over a new one."""
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


def test_contact_may_call_often(secure_world: World) -> None:
    """The call rate limit does not apply to contacts, who are known by their key."""
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


def test_idle_contact_is_reported_once(secure_world: World) -> None:
    """An idle contact is reported once, however often the link is renewed."""
    world = secure_world
    alice, bob = friends(world)
    bob.node.conversations.away_status.be(idle=True)
    for _ in range(3):
        alice.node.conversations.outbox.queue("bob", ["hi"], lambda _: None, lambda _: None)
        world.settle()
        world.advance(TIMEOUT + 1)
    assert [e for e in alice.told() if isinstance(e, ContactIdle)] == [ContactIdle("bob", True)]
