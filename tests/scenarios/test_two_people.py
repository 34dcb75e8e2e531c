"""Whole nodes and a registry over memory transports: who sees what, in which order."""

import pytest

from p2pchat.errors import (
    CallRejected,
    ContactBusy,
    ContactOffline,
    LoginRefused,
    NoSuchUser,
    TimedOut,
    Unreachable,
    UsageError,
)
from p2pchat.peer.calls.calls import REPLY_TIMEOUT
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import (
    Called,
    CallFailed,
    Calling,
    CallTurnedAway,
    CallWithdrawn,
    ChatEnded,
    ChatStarted,
    ContactAway,
    ContactLeft,
    Found,
    LoggedIn,
    LoginFailed,
    RegistryBack,
    RegistryLost,
    SearchFailed,
    TextReceived,
)
from p2pchat.protocol.client.state import Security, SessionState
from tests.fakes import FakeClock
from tests.world import Person, World

A, B, C = "10.0.0.2", "10.0.0.3", "10.0.0.4"


def chatting(world: World) -> tuple[Person, Person]:
    """Return alice and bob in a chat."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    if bob.node.called_by:
        bob.node.accept()
    else:  # they are contacts already
        bob.node.call("alice")
    world.settle()
    alice.told()
    bob.told()
    return alice, bob


def security(world: World) -> Security:
    return Security.UNVERIFIED if world.url.secure else Security.CLEAR


def texts(person: Person) -> list[str]:
    return [e.text for e in person.events if isinstance(e, TextReceived)]


def test_login_starts_the_node(world: World) -> None:
    """The node listens, is online, and the profile remembers the account."""
    alice = world.person("alice", A)
    (event,) = alice.told()
    assert isinstance(event, LoggedIn)
    assert event.username == "alice"
    assert event.listening is not None
    assert event.listening.port in {a.port for a in world.internet.listeners if a.host == A}
    assert alice.home.profile.last_account(str(world.url)) == "alice"
    assert alice.node.standing is SessionState.ONLINE


def test_wrong_password_is_refused(world: World) -> None:
    """The login fails and nothing stays open."""
    world.person("alice", A).node.stop()
    other = world.person("alice", B, password="wrong", home=world.home("somebody else's"))
    (event,) = other.told()
    assert isinstance(event, LoginFailed)
    assert isinstance(event.error, LoginRefused)
    world.settle()
    assert not [a for a in world.internet.listeners if a.host in {A, B}]


def test_search_has_three_outcomes(world: World) -> None:
    """A user is found online, found offline, or unknown."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.told()
    for name in ("bob", "nobody"):
        alice.node.search(name)
    world.settle()
    bob.node.stop()
    world.settle()
    alice.node.search("bob")
    world.settle()
    found, failed, offline = alice.told()
    assert isinstance(found, Found)
    assert found.address is not None
    assert found.address.host == B
    assert isinstance(failed, SearchFailed)
    assert isinstance(failed.error, NoSuchUser)
    assert offline == Found("bob", False, None)
    assert alice.home.profile.known_names(str(world.url)) == ["bob"]


def test_chat_from_call_to_end(world: World) -> None:
    """Both users see the chat start, its texts in order, and its end."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.told()
    bob.told()
    alice.node.call("bob")
    world.settle()
    assert alice.told() == [Calling("bob")]
    assert bob.told() == [Called("alice")]
    assert bob.node.called_by == ["alice"]
    bob.node.accept()
    world.settle()
    assert alice.told() == [ChatStarted("bob", security(world))]
    assert bob.told() == [ChatStarted("alice", security(world))]
    for i in range(3):
        alice.say(f"a{i}")
        bob.say(f"b{i}")
    world.settle()
    assert texts(alice) == ["b0", "b1", "b2"]
    assert texts(bob) == ["a0", "a1", "a2"]
    alice.told()
    bob.told()
    assert bob.leave()
    world.settle()
    assert bob.told() == [ChatEnded("alice", None)]
    if not world.url.secure:
        assert alice.told() == [ChatEnded("bob", None)]
    else:
        assert alice.told() == [ContactLeft("bob")]
        assert alice.leave()
        world.settle()
    assert alice.chats == bob.chats == []


def test_last_texts_are_heard(world: World) -> None:
    """A text sent right before leaving or quitting arrives, in both roles."""
    alice, bob = chatting(world)
    alice.say("bye")
    alice.leave()
    world.advance(5)
    assert texts(bob) == ["bye"]
    alice, bob = chatting(world)
    bob.say("bye")
    bob.node.stop()
    world.advance(5)
    assert texts(alice) == ["bye"]
    left = ContactLeft if world.url.secure else ChatEnded
    assert [e for e in alice.events if isinstance(e, left)]


def test_texts_before_the_second_link_are_sent(world: World) -> None:
    """The callee may accept, send and leave at once."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    alice.told()
    bob.node.accept()
    bob.say("one")
    bob.say("two")
    bob.leave()
    world.advance(5)
    assert texts(alice) == ["one", "two"]
    assert alice.told()[-1] == (ContactLeft("bob") if world.url.secure else ChatEnded("bob", None))
    assert ChatEnded("alice", None) in bob.told()


def test_caller_with_a_closed_port_is_heard(original_world: World) -> None:
    """Texts to a caller who cannot be dialled back are reported as unsent."""
    world = original_world
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    for address in [a for a in world.internet.listeners if a.host == A]:
        del world.internet.listeners[address]
    bob.node.accept()
    bob.say("can you hear me")
    world.settle()
    alice.say("hello?")
    world.settle()
    assert texts(bob) == ["hello?"]
    world.advance(5)
    ended = bob.told()[-1]
    assert isinstance(ended, ChatEnded)
    assert isinstance(ended.error, Unreachable)
    assert ended.unsent == ("can you hear me",)


def test_rejected_call_ends_for_both(world: World) -> None:
    """There is no chat, and both users are free again."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    bob.node.reject()
    world.settle()
    failed = alice.told()[-1]
    assert isinstance(failed, CallFailed)
    assert isinstance(failed.error, CallRejected)
    assert failed.error.what == "bob rejected your request"
    assert alice.node.calling is None
    assert bob.node.called_by == []


@pytest.mark.parametrize("when", ["being asked", "chatting", "calling"])
def test_busy_user_refuses_further_callers(original_world: World, when: str) -> None:
    """During a chat or a call, a further caller gets BUSY."""
    world = original_world
    alice, bob, carol = world.person("alice", A), world.person("bob", B), world.person("carol", C)
    if when == "calling":
        bob.node.call("alice")
    else:
        alice.node.call("bob")
    world.settle()
    if when == "chatting":
        bob.node.accept()
        world.settle()
    bob.told()
    carol.node.call("bob")
    world.settle()
    failed = carol.told()[-1]
    assert isinstance(failed, CallFailed)
    assert isinstance(failed.error, ContactBusy)
    assert bob.told() == [CallTurnedAway("carol")]
    if when == "chatting":
        alice.say("still here")
        world.settle()
        assert texts(bob) == ["still here"]


def test_offline_and_unknown_contacts_are_distinguished(world: World) -> None:
    """Calling them has different errors."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    bob.node.stop()
    world.settle()
    errors = []
    for name in ("bob", "nobody"):
        alice.node.call(name)
        world.settle()
        event = alice.told()[-1]
        errors.append(event.error if isinstance(event, CallFailed) else event)
    offline = ContactAway if world.url.secure else ContactOffline
    assert isinstance(errors[0], offline)
    assert isinstance(errors[1], NoSuchUser)


def test_contact_that_cannot_be_dialled(world: World) -> None:
    """A contact who is online but has no listener is unreachable."""
    alice, _ = world.person("alice", A), world.person("bob", B)
    world.cannot_meet("bob")
    for address in [a for a in world.internet.listeners if a.host == B]:
        del world.internet.listeners[address]
    alice.node.call("bob")
    world.settle()
    failed = alice.told()[-1]
    assert isinstance(failed, CallFailed)
    assert isinstance(failed.error, Unreachable)
    assert f"bob at {B}" in failed.error.what


def test_unanswered_call_times_out(world: World) -> None:
    """The caller gives up, and the callee is told."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    bob.told()
    world.advance(REPLY_TIMEOUT + 1)
    failed = alice.told()[-1]
    assert isinstance(failed, CallFailed)
    assert isinstance(failed.error, TimedOut)
    assert bob.told() == [CallWithdrawn("alice")]
    with pytest.raises(UsageError, match="no call to answer"):
        bob.node.accept()


def test_call_can_be_given_up(world: World) -> None:
    """Leaving during a call withdraws it."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    assert alice.node.leave("bob")
    world.settle()
    assert alice.node.calling is None
    alice.node.call("bob")
    world.settle()
    assert alice.node.leave("bob")
    world.settle()
    assert bob.told()[-1] == CallWithdrawn("alice")
    assert not alice.node.leave("bob")


def test_crossing_calls_become_one_chat(world: World) -> None:
    """Two users who call each other are in one chat."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    bob.node.call("alice")
    world.settle()
    assert alice.chats == ["bob"]
    assert bob.chats == ["alice"]
    alice.say("hi")
    bob.say("ho")
    world.settle()
    assert texts(bob) == ["hi"]
    assert texts(alice) == ["ho"]
    assert not [e for e in alice.events + bob.events if isinstance(e, CallFailed | CallTurnedAway)]


def test_calling_a_caller_accepts_the_call(world: World) -> None:
    """Calling a user who is calling accepts their call."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    bob.node.call("alice")
    world.settle()
    assert alice.chats == ["bob"]


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (lambda n: n.call("b b"), "not a valid username"),
        (lambda n: n.search("\x1b"), "not a valid username"),
        (lambda n: n.say("bob", "x"), "in no chat"),
        (lambda n: n.accept(), "no call to answer"),
        (lambda n: n.reject(), "no call to answer"),
    ],
)
def test_invalid_orders_are_refused(world: World, wish: object, why: str) -> None:
    """An invalid order raises an error and has no effect."""
    alice = world.person("alice", A)
    with pytest.raises(UsageError, match=why):
        wish(alice.node)  # type: ignore[operator]


def test_one_conversation_at_a_time(original_world: World) -> None:
    """In the original dialect there is one chat or call at a time."""
    world = original_world
    alice, bob = chatting(world)
    world.person("carol", C)
    with pytest.raises(UsageError, match="in a chat with bob"):
        alice.node.call("carol")
    bob.leave()
    world.settle()
    alice.node.call("carol")
    with pytest.raises(UsageError, match="calling carol"):
        alice.node.call("bob")


def test_too_long_text_is_not_sent(world: World) -> None:
    """A text above the limit is refused, and the chat goes on."""
    alice, bob = chatting(world)
    with pytest.raises(UsageError, match="65537 bytes was not sent"):
        alice.say("x" * 65537)
    alice.say("ü" * 32768)
    world.settle()
    assert texts(bob) == ["ü" * 32768]


def test_received_texts_are_sanitized(world: World) -> None:
    """Control characters are replaced when a text is received."""
    alice, bob = chatting(world)
    alice.say("\x1b[31mred\x07 \u202eevil")
    world.settle()
    assert texts(bob) == ["\ufffd[31mred\ufffd \ufffdevil"]


def test_open_chat_survives_the_registry(world: World) -> None:
    """The node reports the loss, retries with growing pauses, and reports the return."""
    alice, bob = chatting(world)
    world.kill_registry()
    (lost,) = alice.told()
    assert isinstance(lost, RegistryLost)
    assert 0.5 <= lost.retry_in <= 1.0
    assert alice.node.standing is SessionState.WAITING
    alice.say("can you hear me?")
    world.settle()
    assert texts(bob) == ["can you hear me?"]
    alice.node.search("bob")
    world.settle()
    failed = alice.told()[-1]
    assert isinstance(failed, SearchFailed)
    assert "lost" in failed.error.what
    world.advance(60)
    pauses = [e.retry_in for e in alice.told() if isinstance(e, RegistryLost)]
    assert len(pauses) >= 3
    assert pauses == sorted(pauses)
    assert max(pauses) <= 60
    world.start_registry()
    world.advance(61)
    assert alice.told()[-1] == RegistryBack(str(world.url))
    assert world.presence.find("alice") is not None
    assert alice.chats == ["bob"]


def test_heartbeats_keep_the_user_online(world: World) -> None:
    """Without heartbeats the user is disconnected, notices it, and logs in again.

    A secure registry also counts PING, which follows over TCP.
    """
    alice = world.person("alice", A)
    world.advance(1000)
    assert world.presence.find("alice") is not None
    assert [type(e) for e in alice.told()] == [LoggedIn]
    del world.internet.sockets[Address("10.0.0.1", world.url.udp_port)]
    world.advance(1000 if world.url.secure else 152)
    lost = [] if world.url.secure else [RegistryLost, RegistryBack]
    assert [type(e) for e in alice.told()] == lost
    assert world.presence.find("alice") is not None


def test_second_login_ends_the_first_for_good(world: World) -> None:
    """The replaced node does not log in again."""
    first, second = world.person("alice", A), world.person("alice", B)
    world.advance(300)
    events = first.told()
    gone = events[-1]
    assert isinstance(gone, LoginFailed)
    assert "alice has logged in" in gone.error.what
    kinds = [type(event) for event in events]
    if world.url.secure:  # where the registry says why it disconnects
        assert kinds == [LoggedIn, LoginFailed]
    else:
        assert kinds == [LoggedIn, RegistryLost, LoginFailed]
        assert B in gone.error.what
    assert [type(e) for e in second.told()] == [LoggedIn]


def test_changed_password_stops_the_retries(world: World) -> None:
    """Another attempt would not help."""
    alice = world.person("alice", A)
    world.accounts.change_password("alice", "another")
    world.kill_registry()
    world.start_registry()
    world.advance(300)
    assert isinstance(alice.told()[-1], LoginFailed)
    assert alice.node.standing is SessionState.STOPPED


def test_taken_port_is_changed(world: World) -> None:
    """Two nodes behind one address may choose the same port."""
    alice = world.person("alice", A)
    event = alice.told()[0]
    assert isinstance(event, LoggedIn)
    assert event.listening is not None
    taken = event.listening.port
    del world.internet.listeners[Address(A, taken)]
    world.internet.ports = iter([50_000, taken, 50_001, *range(50_002, 50_100)])
    bob = world.person("bob", A)
    event = bob.told()[0]
    assert isinstance(event, LoggedIn)
    assert event.listening is not None
    assert event.listening.port != taken


def test_stopping_closes_everything(world: World) -> None:
    """No listener, socket, connection or presence is left."""
    alice, bob = chatting(world)
    carol = world.person("carol", C)
    for person in (alice, bob, carol):
        person.node.stop()
    world.advance(5)
    assert {a.host for a in (*world.internet.listeners, *world.internet.sockets)} == {"10.0.0.1"}
    assert all(a.ended and b.ended for a, b in world.internet.wires)
    assert len(world.presence) == 0


def test_slow_screen_loses_no_last_texts(original_world: World) -> None:
    """Showing texts may take longer than the wait for the last ones."""
    world = original_world
    alice, bob = chatting(world)
    clock = world.loop.now
    assert isinstance(clock, FakeClock)

    def show(event: object) -> None:
        if isinstance(event, TextReceived):
            clock.time += 2

    bob.hear_too(show)
    said = [f"{i}" * 60_000 for i in range(3)]
    bob.say("I am listening")  # so that alice closes a link that she knows
    world.settle()
    (bobs_end,) = [r for _, r in world.internet.wires if r.local.host == B]
    bobs_end.pause_reading()
    for text in said:
        alice.say(text)
        world.settle()
    alice.leave()
    world.settle()
    bobs_end.resume_reading()
    world.advance(5)
    assert texts(bob) == said
    assert isinstance(bob.events[-1], ChatEnded)
