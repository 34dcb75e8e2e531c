"""The node passes orders to the right service, and a refused order changes nothing."""

import pytest

from p2pchat.errors import NoSuchUser, P2PError, StorageError, UsageError
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.client.events import (
    Called,
    ChatEnded,
    ChatStarted,
    Found,
    SearchFailed,
    Seen,
    TextReceived,
    Trouble,
)
from p2pchat.protocol.client.state import Security, SessionState
from p2pchat.protocol.messages import SearchResult
from tests.world import Person, World, unread_at

A, B = "10.0.0.2", "10.0.0.3"


@pytest.fixture
def pair(world: World) -> tuple[Person, Person]:
    """Return two users who are logged in and do not know each other."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.told()
    bob.told()
    return alice, bob


def test_node_from_login_to_stop(world: World) -> None:
    """A started node is online with an address; a stopped one is offline at the registry."""
    alice = world.person("alice", A)
    assert alice.node.address is not None
    standings = [alice.node.standing]
    alice.node.stop()
    world.settle()
    standings.append(alice.node.standing)
    assert standings == [SessionState.ONLINE, SessionState.STOPPED]
    assert world.presence.find("alice") is None


def test_search_reports_the_event_before_the_result(
    world: World, pair: tuple[Person, Person]
) -> None:
    """The event precedes the result; an unknown name gets a suggestion."""
    alice, _ = pair
    order: list[str] = []
    results: list[SearchResult] = []
    errors: list[P2PError] = []
    alice.hear_too(lambda event: order.append(type(event).__name__))

    def then(result: SearchResult) -> None:
        order.append("then")
        results.append(result)

    alice.node.search("bob", then, errors.append)
    world.settle()
    assert order == ["Found", "then"]
    assert (results[0].host, errors) == (B, [])
    alice.node.search("bobb", then, errors.append)
    world.settle()
    assert isinstance(errors[0], NoSuchUser)
    assert errors[0].likely == "did you mean bob?"
    assert [type(event) for event in alice.told()] == [Found, SearchFailed]


def test_chat_in_either_dialect(world: World, pair: tuple[Person, Person]) -> None:
    """A chat has the same orders and events in both dialects."""
    alice, bob = pair
    alice.node.call("bob")
    world.settle()
    assert alice.node.calling == "bob"
    assert bob.node.called_by == ["alice"]
    bob.node.accept()
    world.settle()
    security = Security.UNVERIFIED if world.url.secure else Security.CLEAR
    assert alice.node.calling is None
    assert bob.node.called_by == []
    assert "bob" in alice.node.chats
    chat = alice.node.chat("bob")
    assert chat is not None
    assert (chat.security, chat.has_said_all, alice.node.has_room("bob")) == (security, True, True)
    alice.node.say("bob", "hello")
    world.settle()
    alice.node.leave("bob")
    world.settle()
    kinds = (Called, ChatStarted, TextReceived)
    told = [event for event in bob.told() if isinstance(event, kinds)]
    assert told == [
        Called("alice"),
        ChatStarted("alice", security),
        TextReceived("alice", "hello"),
    ]
    assert ChatEnded("bob", None) in alice.told()
    assert not alice.node.leave("bob")


def test_invalid_order_is_refused(world: World, pair: tuple[Person, Person]) -> None:
    """Accepting without a caller, invalid names and missing chats are refused."""
    alice, _ = pair
    with pytest.raises(UsageError, match="there is no call to answer"):
        alice.node.accept()
    with pytest.raises(UsageError, match="bob is not calling you"):
        alice.node.reject("bob")
    with pytest.raises(UsageError, match="not a valid username"):
        alice.node.call("al\nice")
    with pytest.raises(UsageError, match="yourself in clear"):
        alice.node.call("alice", in_clear=True)
    with pytest.raises(UsageError, match="in no chat with bob"):
        alice.node.say("bob", "hello")
    assert alice.node.chat("bob") is None
    assert alice.told() == []


def test_call_is_rejected_once(world: World, pair: tuple[Person, Person]) -> None:
    """A call is rejected by name or by default, and only once."""
    alice, bob = pair
    alice.node.call("bob")
    world.settle()
    bob.node.reject("alice")
    world.settle()
    assert alice.node.calling is None
    with pytest.raises(UsageError):
        bob.node.reject("alice")


def test_lines_are_unread_until_seen(secure_world: World) -> None:
    """Lines are unread up to the one that was seen, and all clients are told."""
    alice, bob = secure_world.person("alice", A), secure_world.person("bob", B)
    alice.node.call("bob")
    secure_world.settle()
    bob.node.accept()
    secure_world.settle()
    for text in ("one", "two"):
        alice.node.say("bob", text)
    secure_world.settle()
    first, second = unread_at(bob.node, "alice")
    event = bob.node.received(first)
    assert (event.text, event.id, event.security) == ("one", first.id, Security.UNVERIFIED)
    bob.told()
    bob.node.seen("alice", first.id)
    secure_world.settle()
    assert unread_at(bob.node) == [second]
    assert bob.told() == [Seen("alice")]
    bob.node.seen("alice", 0)  # a text in clear has no line number
    secure_world.settle()
    assert bob.told() == []


def test_unwritable_profile_does_not_stop_the_node(
    world: World, pair: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a name cannot be remembered, the user is told and the search still answers."""
    alice, _ = pair

    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(Profile, "note_name", full)
    alice.node.search("bob")
    world.settle()
    assert [type(event) for event in alice.told()] == [Trouble, Found]


def test_state_change_without_an_event_is_reported(
    world: World, pair: tuple[Person, Person]
) -> None:
    """A change without an event, such as a new dial, is reported."""
    alice, _ = pair
    standings: list[SessionState] = []
    alice.node.on_changed = lambda: standings.append(alice.node.standing)
    world.kill_registry()
    world.start_registry()
    world.advance(30)
    assert SessionState.CONNECTING in standings
    assert alice.node.standing is SessionState.ONLINE
