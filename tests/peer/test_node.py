"""The node: orders go to the right service, and what is refused changes nothing."""

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
    """Two people who are logged in and do not know each other."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.told()
    bob.told()
    return alice, bob


def test_from_the_login_to_the_end(world: World) -> None:
    """It is online with an address, and stopped when it was stopped."""
    alice = world.person("alice", A)
    assert alice.node.address is not None
    standings = [alice.node.standing]
    alice.node.stop()
    world.settle()
    standings.append(alice.node.standing)
    assert standings == [SessionState.ONLINE, SessionState.STOPPED]
    assert world.presence.find("alice") is None


def test_a_search_tells_all_and_then_who_has_asked(
    world: World, pair: tuple[Person, Person]
) -> None:
    """The event comes first; of an unknown user one who was meant is named."""
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


def test_a_chat_in_either_dialect(world: World, pair: tuple[Person, Person]) -> None:
    """Called, accepted, said, left: the same orders and events."""
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


def test_what_makes_no_sense_is_refused(world: World, pair: tuple[Person, Person]) -> None:
    """Nobody is calling, a name is none, oneself in clear, a chat that is not there."""
    alice, _ = pair
    with pytest.raises(UsageError, match="nobody is calling you"):
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


def test_rejected(world: World, pair: tuple[Person, Person]) -> None:
    """By name or by default, and once."""
    alice, bob = pair
    alice.node.call("bob")
    world.settle()
    bob.node.reject("alice")
    world.settle()
    assert alice.node.calling is None
    with pytest.raises(UsageError):
        bob.node.reject("alice")


def test_what_was_said_is_unread_until_it_is_seen(secure_world: World) -> None:
    """Up to a line; it is told, so that all clients know."""
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
    bob.node.seen("alice", 0)  # in clear there is no line to count
    secure_world.settle()
    assert bob.told() == []


def test_a_profile_that_cannot_be_written_ends_nothing(
    world: World, pair: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are not remembered, which is told; the search has its answer."""
    alice, _ = pair

    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(Profile, "note_name", full)
    alice.node.search("bob")
    world.settle()
    assert [type(event) for event in alice.told()] == [Trouble, Found]


def test_a_change_without_an_event_is_told(world: World, pair: tuple[Person, Person]) -> None:
    """That the registry is dialled again, say."""
    alice, _ = pair
    standings: list[SessionState] = []
    alice.node.on_changed = lambda: standings.append(alice.node.standing)
    world.kill_registry()
    world.start_registry()
    world.advance(30)
    assert SessionState.CONNECTING in standings
    assert alice.node.standing is SessionState.ONLINE
