"""All conversations of a node over memory transports: acceptance, delivery, links."""

import pytest

from p2pchat.errors import CallRejected, ContactBusy, LinkLost, StorageError
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.store.lines import Progress
from p2pchat.peer.store.thread import Thread
from p2pchat.protocol.client.events import (
    Called,
    CallFailed,
    Calling,
    ChatEnded,
    ChatStarted,
    ContactAway,
    ContactBack,
    ContactIdle,
    ContactLeft,
    ContactLost,
    Delivered,
    Event,
    NotKept,
    Said,
    TextReceived,
)
from p2pchat.protocol.client.lines import LineState
from p2pchat.protocol.client.state import Security
from p2pchat.protocol.talk import MAX_JUMP
from tests.world import Person, World, unread_at

A, B, C = "10.0.0.2", "10.0.0.3", "10.0.0.4"


@pytest.fixture
def world(secure_world: World) -> World:
    """Return a world of the secure dialect."""
    return secure_world


def friends(world: World) -> tuple[Person, Person]:
    """Return alice and bob, who have chatted before and are online but not chatting."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    bob.node.accept()
    world.settle()
    for person in (alice, bob):
        person.leave()
    world.advance(PeerLimits().idle_link_timeout + 2)
    assert not alice.node.conversations.links
    alice.told()
    bob.told()
    return alice, bob


def texts(events: list[Event]) -> list[str]:
    return [e.text for e in events if isinstance(e, TextReceived)]


def states(person: Person, contact: str) -> list[LineState]:
    lines = person.node.history.lines(contact)
    return [line.state for line in lines if line.outgoing]


def test_accepted_contact_is_not_asked_about_again(world: World) -> None:
    """A known contact is linked without a request; their lines are unread until seen."""
    alice, bob = friends(world)
    alice.node.call("bob")
    world.settle()
    assert alice.told() == [ChatStarted("bob", Security.UNVERIFIED)]
    alice.say("hello")
    world.settle()
    assert bob.told() == [TextReceived("alice", "hello")]
    assert [line.text for line in unread_at(bob.node, "alice")] == ["hello"]
    bob.node.seen("alice", unread_at(bob.node, "alice")[-1].id)
    assert unread_at(bob.node) == []


def test_strangers_are_asked_about(world: World) -> None:
    """Several strangers may ask at once; each is accepted or rejected by name, else the first."""
    alice = world.person("alice", A)
    bob, carol = world.person("bob", B), world.person("carol", C)
    for caller in (bob, carol):
        caller.node.call("alice")
        world.settle()
        assert caller.told()[-1] == Calling("alice")
    assert alice.node.called_by == ["bob", "carol"]
    alice.node.accept("carol")
    alice.node.reject()
    world.settle()
    assert carol.told()[-1] == ChatStarted("alice", Security.UNVERIFIED)
    failed = bob.told()[-1]
    assert isinstance(failed, CallFailed)
    assert isinstance(failed.error, CallRejected)


def test_lines_to_an_offline_contact_are_sent_when_both_are_online(world: World) -> None:
    """Queued lines are sent when both users are online, without polling."""
    alice, bob = friends(world)
    bob.node.stop()
    world.settle()
    alice.node.call("bob")
    world.settle()
    assert alice.told()[-1] == ContactAway("bob")
    alice.node.say("bob", "one")
    alice.node.say("bob", "two")
    world.advance(1000)
    assert states(alice, "bob") == [LineState.QUEUED] * 2
    bob = world.person("bob", B)
    world.settle()
    assert texts(bob.told()) == ["one", "two"]
    assert Delivered("bob", 0) in alice.told()
    assert states(alice, "bob") == [LineState.DELIVERED] * 2


def test_queued_lines_survive_a_restart(world: World) -> None:
    """Queued lines are on disk and are sent after a restart."""
    alice, bob = friends(world)
    bob.node.stop()
    world.settle()
    alice.node.call("bob")
    world.settle()
    alice.node.say("bob", "one")
    alice.node.stop()
    world.advance(5)
    bob = world.person("bob", B)
    assert texts(bob.told()) == []
    alice = world.person("alice", A)
    world.settle()
    assert texts(bob.told()) == ["one"]


def test_lost_link_is_restored_without_loss(world: World) -> None:
    """A lost link is restored, no line is lost, and the user is told of both."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    bob.node.accept()
    world.settle()
    alice.told()
    alice.say("before")
    for pair in world.internet.wires:
        if {pair[0].local.host, pair[1].local.host} == {A, B}:
            pair[0].cut()
    alice.say("during")
    world.settle()
    lost = [e for e in alice.told() if isinstance(e, ContactLost)]
    assert [type(e.error) for e in lost] == [LinkLost]
    world.advance(3)
    assert ContactBack("bob") in alice.told()
    assert texts(bob.told()) == ["before", "during"]
    alice.say("after")
    world.settle()
    assert texts(bob.told()) == ["after"]


def test_simultaneous_reconnects_leave_one_link(world: World) -> None:
    """If both sides dial at once, one link remains and every line arrives once."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    bob.node.accept()
    world.settle()
    for _ in range(5):
        for pair in world.internet.wires:
            if {pair[0].local.host, pair[1].local.host} == {A, B}:
                pair[0].cut()
        alice.say("x")
        bob.say("y")
        world.advance(5)
    assert len(texts(bob.told())) == len(texts(alice.told())) == 5


def test_rejected_lines_are_marked_failed(world: World) -> None:
    """Lines to a contact who rejects the call fail and are not sent again."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    alice.node.say("bob", "please")
    bob.node.reject()
    world.advance(2000)
    assert states(alice, "bob") == [LineState.FAILED]
    assert [e for e in bob.told() if isinstance(e, Called)] == [Called("alice")]


def test_do_not_disturb_refuses_strangers_only(world: World) -> None:
    """Strangers get BUSY; lines of contacts arrive and stay unread."""
    alice, bob = friends(world)
    carol = world.person("carol", "10.0.0.4")
    bob.node.do_not_disturb.turn(on=True)
    alice.node.call("bob")
    world.settle()
    alice.say("when you have time")
    world.settle()
    assert texts(bob.told()) == ["when you have time"]
    assert [line.text for line in unread_at(bob.node, "alice")] == ["when you have time"]
    assert states(alice, "bob") == [LineState.DELIVERED]
    carol.node.call("bob")
    world.settle()
    failed = carol.told()[-1]
    assert isinstance(failed, CallFailed)
    assert isinstance(failed.error, ContactBusy)
    assert bob.told() == []


def test_leaving_is_reported_after_the_last_line(world: World) -> None:
    """The last line is reported before the contact's leaving."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    bob.node.accept()
    world.settle()
    bob.told()
    alice.say("bye")
    alice.leave()
    world.settle()
    assert [e for e in bob.told() if not isinstance(e, Delivered)] == [
        TextReceived("alice", "bye"),
        ContactLeft("alice"),
    ]


def test_conversation_continues_after_a_contact_leaves(world: World) -> None:
    """Lines to a contact who has left arrive as unread, and the chat is not ended."""
    alice, bob = friends(world)
    for person, contact in ((alice, "bob"), (bob, "alice")):
        person.node.call(contact)
        world.settle()
    alice.leave()
    world.settle()
    bob.told()
    bob.say("are you there?")
    world.settle()
    assert [type(e) for e in bob.told()] == [Said, Delivered]
    assert [line.text for line in unread_at(alice.node, "bob")] == ["are you there?"]
    alice.node.call("bob")
    world.advance(2)
    assert [e for e in bob.told() if not isinstance(e, ContactIdle)] == [ContactBack("alice")]
    alice.node.stop()
    world.advance(5)
    bob.say("and now?")
    world.settle()
    assert [e for e in bob.told() if isinstance(e, ChatEnded)] == []
    alice = world.person("alice", A)
    world.advance(5)
    assert texts(alice.told()) == ["and now?"]


def test_presence_in_a_chat_is_reported_once_a_second(world: World) -> None:
    """Rapid leaving and returning is reported at most once a second, and the last state always."""
    alice, bob = friends(world)
    for person, contact in ((alice, "bob"), (bob, "alice")):
        person.node.call(contact)
        world.settle()
    bob.told()
    for _ in range(50):
        alice.leave()
        world.settle()
        alice.node.call("bob")
        world.settle()
    alice.leave()
    world.advance(3)
    told = [e for e in bob.told() if isinstance(e, ContactLeft | ContactBack)]
    assert len(told) <= 4
    assert told[-1] == ContactLeft("alice")


def test_changed_key_holds_the_outbox(world: World) -> None:
    """Lines queued for the old key are never sent to the new one."""
    alice, bob = friends(world)
    bob.node.stop()
    world.settle()
    alice.node.call("bob")
    world.settle()
    alice.node.say("bob", "for the old bob")
    new_bob = world.person("bob", B, home=world.home("bob's new machine"))
    world.advance(1000)
    assert texts(new_bob.told()) == []
    failed = [e for e in alice.told() if isinstance(e, CallFailed)]
    assert len(failed) == 1
    alice.node.contacts.other_number("bob")
    assert alice.node.trust.accept_key("bob") == 1
    assert states(alice, "bob")[-1] is LineState.FAILED
    alice.node.call("bob")
    world.settle()
    new_bob.node.accept()
    alice.node.say("bob", "for the new one")
    world.advance(1000)
    assert texts(new_bob.told()) == ["for the new one"]


def test_full_disk_is_reported_and_later_lines_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that could not be stored is reported as not sent; later lines work."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    bob.node.accept()
    world.settle()

    def full(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    alice.told()
    with monkeypatch.context() as patched:
        patched.setattr(Thread, "write", full)
        alice.say("lost?")
        world.settle()
    told = [e for e in alice.told() if isinstance(e, NotKept)]
    assert [e.texts for e in told] == [("lost?",)]
    world.advance(5)
    alice.say("kept")
    world.settle()
    assert texts(bob.told()) == ["kept"]


def test_stopping_rejects_no_caller(world: World) -> None:
    """Stopping does not reject a waiting call; its lines wait until the callee is back."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    alice.node.say("bob", "hello")
    world.settle()
    bob.node.stop()
    world.settle()
    assert states(alice, "bob") == [LineState.QUEUED]
    bob = world.person("bob", B)
    world.advance(60)
    bob.node.accept()
    world.settle()
    assert texts(bob.told()) == ["hello"]


def test_absurd_line_numbers_break_nothing(world: World) -> None:
    """The highest position that a SYNC may report leaves room for later lines."""
    alice, bob = friends(world)
    bob.node.stop()
    world.advance(2)
    thread = bob.node.history.thread("alice", alice.home.identity.public)
    thread.write(Progress(MAX_JUMP, "5" * 32, 1, 1))
    bob = world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    for text in ("one", "two"):
        alice.say(text)
        world.settle()
    assert states(alice, "bob") == [LineState.DELIVERED] * 2
    assert [line.text for line in unread_at(bob.node, "alice")] == ["one", "two"]


@pytest.mark.parametrize("slow", ["alice", "bob"])
def test_crossing_calls_become_one_chat(world: World, slow: str) -> None:
    """Two crossing calls become one chat; neither side is told that the other is busy."""
    alice, bob = friends(world)
    for one in (alice, bob):
        one.node.stop()
    world.settle()
    alice, bob = world.person("alice", A), world.person("bob", B)
    world.settle()
    for one in (alice, bob):
        one.told()
    first, second = (bob, alice) if slow == "alice" else (alice, bob)
    first.node.call(second.name)
    for _ in range(12):  # until the request is sent but has not arrived
        world.loop.run_once(0)
    second.node.call(first.name)
    world.settle()
    world.advance(5)
    for one in (alice, bob):
        told = one.told()
        assert not [event for event in told if isinstance(event, CallFailed)]
        assert [event for event in told if isinstance(event, ChatStarted)]
    alice.say("hello")
    bob.say("ciao")
    world.settle()
    assert texts(bob.told()) == ["hello"]
    assert texts(alice.told()) == ["ciao"]


def test_idle_state_is_reported_until_the_contact_writes(world: World) -> None:
    """A contact is told that the user is idle, also on a later link, until the user writes."""
    alice, bob = friends(world)
    alice.node.call("bob")
    world.settle()
    bob.told()
    alice.node.conversations.away_status.be(idle=True)
    world.settle()
    assert bob.told() == [ContactIdle("alice", idle=True)]
    state = bob.node.chat("alice")
    assert state is not None
    assert state.idle
    alice.say("back")
    world.settle()
    assert bob.told() == [TextReceived("alice", "back")]
    world.advance(1)
    assert bob.told() == [ContactIdle("alice", idle=False)]
