"""Everybody with whom we talk, on memory wires: who is asked, who is not, what waits."""

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
    """The secure dialect."""
    return secure_world


def friends(world: World) -> tuple[Person, Person]:
    """Give alice and bob, who have talked before and do not now."""
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


def test_who_was_accepted_once_is_not_asked_about_again(world: World) -> None:
    """The link comes up, and what is said is unread until the person looks."""
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


def test_strangers_still_ask(world: World) -> None:
    """Several at once, each by name; the first one first."""
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


def test_what_is_written_to_somebody_offline_goes_out_by_itself(world: World) -> None:
    """When both are online, whoever comes last; nobody polls for it."""
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


def test_it_goes_out_after_a_restart_too(world: World) -> None:
    """What waits is on the disk."""
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


def test_a_lost_link_is_sought_again_and_nothing_is_lost(world: World) -> None:
    """The chat goes on, and the person is told both."""
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


def test_two_who_lost_each_other_find_each_other_once(world: World) -> None:
    """Both dial; one link stays."""
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


def test_rejected_lines_have_failed(world: World) -> None:
    """They are not sent another time."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    alice.node.say("bob", "please")
    bob.node.reject()
    world.advance(2000)
    assert states(alice, "bob") == [LineState.FAILED]
    assert [e for e in bob.told() if isinstance(e, Called)] == [Called("alice")]


def test_do_not_disturb(world: World) -> None:
    """Strangers hear that we are busy; what contacts say comes, and stays unread."""
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


def test_leaving_is_told_after_what_was_said(world: World) -> None:
    """In the order in which it happened."""
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


def test_nobody_takes_a_conversation_away(world: World) -> None:
    """Alice leaves: bob is told once, and what he writes is unread at hers; she comes back."""
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


def test_a_contact_who_comes_and_goes_is_told_of_once_a_second(world: World) -> None:
    """However fast; and what is true at last is told."""
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


def test_a_changed_key_holds_the_outbox(world: World) -> None:
    """What was written to the old key is never sent to the new one unasked."""
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
    assert alice.node.trust("bob") == 1
    assert states(alice, "bob")[-1] is LineState.FAILED
    alice.node.call("bob")
    world.settle()
    new_bob.node.accept()
    alice.node.say("bob", "for the new one")
    world.advance(1000)
    assert texts(new_bob.told()) == ["for the new one"]


def test_a_full_disk_is_told_and_what_comes_later_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that could not be kept is shown as not sent."""
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


def test_who_quits_rejects_nobody(world: World) -> None:
    """What was written to them waits; they are asked when they are back."""
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


def test_absurd_numbers_of_a_contact_break_nothing(world: World) -> None:
    """The most that a SYNC may say leaves room for lines after it."""
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
def test_two_who_call_each_other_at_once_talk(world: World, slow: str) -> None:
    """Whoever's call is the slower one, neither is told that the other is busy."""
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
    for _ in range(12):  # so far that its request is on its way, and not there
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


def test_who_is_away_is_told_until_they_say_something(world: World) -> None:
    """By whatever screen; and again to a link that comes up meanwhile."""
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
