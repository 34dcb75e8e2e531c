"""The contract of a client: the same orders, answers and events, wherever the node is."""

from typing import Any

from p2pchat.client.client import Client
from p2pchat.errors import NoSuchUser, P2PError, UsageError
from p2pchat.protocol.client import orders as o
from p2pchat.protocol.client.events import (
    ChatEnded,
    ChatStarted,
    ContactIdle,
    Delivered,
    Event,
    Found,
    Said,
    SearchFailed,
    Seen,
    TextReceived,
)
from p2pchat.protocol.client.lines import LineState
from p2pchat.protocol.client.node_order import Done, Order, Result
from p2pchat.protocol.client.state import Security, SessionState
from p2pchat.protocol.messages import Presence
from tests.client.conftest import Connect, Setup
from tests.world import unread_at


class Log:
    """The events and answers that a client received, in order."""

    def __init__(self, setup: Setup, client: Client) -> None:
        self.setup = setup
        self.client = client
        self.told: list[Any] = []
        client.on_event = self.told.append
        client.begin()

    @property
    def events(self) -> list[Event]:
        return [told for told in self.told if not isinstance(told, Result | P2PError)]

    def ask(self, order: Order[Any]) -> Any:
        """Return the answer to an order."""
        answers: list[Any] = []

        def answered(answer: Any) -> None:
            answers.append(answer)
            self.told.append(answer)

        self.client.order(order, answered, answered)
        assert not answers, "an answer has come within the call"
        self.setup.turn(lambda: bool(answers))
        return answers[0]


def test_client_starts_with_the_current_state(setup: Setup, connect: Connect) -> None:
    """A new client knows the node's account, names, unread lines and state."""
    setup.bob.node.call("alice")
    setup.world.settle()
    setup.bob.say("hello")
    setup.world.settle()
    client = connect(follow=True)
    assert (client.username, client.registry) == ("alice", str(setup.world.url))
    assert (client.secure, client.transient) == (True, False)
    assert client.names == ("bob",)
    assert client.unread == {"bob": 1}
    assert client.state.standing is SessionState.ONLINE
    assert client.state.online == ("bob",)
    assert client.state.chats["bob"].security is Security.UNVERIFIED


def test_line_from_order_to_delivery(setup: Setup, connect: Connect) -> None:
    """Events and answers arrive in the node's order, each with the state it belongs to."""
    log = Log(setup, connect(follow=True))
    assert log.ask(o.Open("bob")) == Done()
    setup.turn(lambda: ChatStarted("bob", Security.UNVERIFIED) in log.told)
    waiting: list[int] = []
    log.client.on_event = lambda event: (
        log.told.append(event),
        waiting.append(log.client.state.chats["bob"].waiting),
    )[0]
    log.told.clear()
    assert log.ask(o.Say("bob", "hi")) == Done()
    setup.turn(lambda: any(isinstance(told, Delivered) for told in log.told))
    said, answer, delivered = [t for t in log.told if not isinstance(t, ContactIdle)]
    assert said == Said("bob", "hi", 1)
    assert answer == Done()
    assert delivered == Delivered("bob", 0)
    assert waiting[0] == 1
    assert waiting[-1] == 0
    assert setup.texts() == ["hi"]


def test_refused_order_returns_its_error(setup: Setup, connect: Connect) -> None:
    """A refused order returns an error with its kind, what happened and what to try."""
    log = Log(setup, connect())
    error = log.ask(o.Say("eve", "hi"))
    assert isinstance(error, UsageError)
    assert (error.what, error.advice) == ("you are in no chat with eve", "/chat eve")
    error = log.ask(o.Search("nobody"))
    assert isinstance(error, NoSuchUser)
    assert isinstance(log.ask(o.Block("alice", True)), UsageError)


def test_client_that_does_not_follow_gets_answers_only(setup: Setup, connect: Connect) -> None:
    """A client that does not follow events, such as a command, gets only its answers."""
    log = Log(setup, connect())
    assert log.ask(o.Send("bob", ("hi",), wait=5.0)) == o.Number(1)
    assert log.events == []
    assert log.client.unread == {}
    status = log.ask(o.GetStatus())
    assert (status.username, status.online) == ("alice", ("bob",))


def test_search_is_reported_to_all_clients_unless_quiet(setup: Setup, connect: Connect) -> None:
    """A search is reported as an event before its answer; a quiet one has no event."""
    log, other = Log(setup, connect(follow=True)), Log(setup, setup.local(follow=True))
    found = log.ask(o.Search("bob"))
    assert (found.presence, found.host) == (Presence.ONLINE, "10.0.0.3")
    assert isinstance(log.told[-2], Found)
    setup.turn(lambda: len(other.events) == 1)
    assert log.ask(o.Search("eve", quietly=True)) == o.Whereabouts(Presence.NOT_FOUND)
    assert isinstance(log.ask(o.Search("eve")), NoSuchUser)
    assert isinstance(log.told[-2], SearchFailed)
    setup.turn(lambda: len(other.events) == 2)


def test_client_can_follow_one_contact_only(setup: Setup, connect: Connect) -> None:
    """A client that follows one contact is not told about others."""
    log = Log(setup, connect(follow=True, only="carol"))
    all_of_it = Log(setup, setup.local(follow=True))
    setup.bob.node.call("alice")
    setup.world.settle()
    setup.bob.say("hello")
    setup.turn(lambda: bool(all_of_it.events))
    log.ask(o.GetStatus())
    assert log.events == []


def test_state_changes_without_an_event(setup: Setup, connect: Connect) -> None:
    """Changes by other clients and of contacts' presence arrive without an event."""
    client, other = connect(follow=True), Log(setup, setup.local())
    changes: list[bool] = []
    client.on_changed = lambda: changes.append(client.state.dnd)
    client.begin()
    other.ask(o.SetDoNotDisturb(True))
    setup.turn(lambda: client.state.dnd)
    assert changes[-1] is True
    setup.bob.node.stop()
    setup.turn(lambda: client.state.online == ())


def test_acknowledged_messages_are_seen(setup: Setup, connect: Connect) -> None:
    """For a client that reads for the user, unread lines come first and are seen once
    acknowledged.
    """
    setup.bob.node.call("alice")
    setup.world.settle()
    for text in ("one", "two"):
        setup.bob.say(text)
    setup.world.settle()
    client = connect(follow=True, seen=True)
    client.paced = True
    log = Log(setup, client)
    setup.turn(lambda: len(log.events) == 2)
    assert [event.text for event in log.events if isinstance(event, TextReceived)] == ["one", "two"]
    assert len(unread_at(setup.node)) == 2
    client.taken(1)
    setup.turn(lambda: [line.text for line in unread_at(setup.node)] == ["two"])
    setup.turn(lambda: Seen("bob") in log.events)


def test_processed_messages_are_seen_although_the_client_closes(
    setup: Setup, connect: Connect
) -> None:
    """What a client has processed is reported even if it closes in the same turn."""
    setup.bob.node.call("alice")
    setup.world.settle()
    log = Log(setup, connect(follow=True, seen=True))
    log.client.paced = True
    log.client.on_event = lambda event: _take_and_close(log.client, event)
    setup.bob.say("hello")
    setup.turn(lambda: not log.client.is_open)
    setup.turn(lambda: not unread_at(setup.node))


def _take_and_close(client: Client, event: Event) -> None:
    if isinstance(event, TextReceived):
        client.taken(client.number)
        client.close()


def test_nothing_is_lost_before_begin(setup: Setup, connect: Connect) -> None:
    """Events that arrive with the greeting wait for begin(), and count as unseen until then."""
    setup.bob.node.call("alice")
    setup.world.settle()
    setup.bob.say("one")
    setup.world.settle()
    client = connect(follow=True, seen=True)
    for _ in range(20):
        setup.world.loop.call_soon(lambda: None)
        setup.world.loop.run_once(0)
    assert len(unread_at(setup.node)) == 1
    log = Log(setup, client)
    setup.turn(lambda: any(isinstance(event, TextReceived) for event in log.events))
    setup.turn(lambda: unread_at(setup.node) == [])


def test_conversation_is_left_with_its_last_client(setup: Setup, connect: Connect) -> None:
    """A conversation is left when the last client closes it or disconnects."""
    one, two = Log(setup, connect(follow=True)), Log(setup, setup.local(follow=True))
    for log in (one, two):
        log.ask(o.Open("bob"))
    conversation = setup.node.conversations.get("bob")
    assert conversation is not None
    setup.turn(lambda: conversation.wished)
    assert two.ask(o.Close("bob")) == o.Switch(False)
    assert conversation.wished
    two.ask(o.Open("bob"))
    one.client.close()
    setup.world.settle()
    assert conversation.wished
    assert two.ask(o.Close("bob")) == o.Switch(True)
    assert not conversation.wished


def test_closed_client_is_told_nothing(setup: Setup, connect: Connect) -> None:
    """A closed client gets neither events nor pending answers."""
    log = Log(setup, connect(follow=True))
    log.client.order(o.GetStatus(), log.told.append, log.told.append)
    log.client.close()
    log.client.close()
    log.client.order(o.GetStatus(), log.told.append, log.told.append)
    setup.bob.node.call("alice")
    setup.world.settle()
    assert log.told == []
    assert not log.client.is_open


def test_attended_client_makes_the_user_active(setup: Setup, connect: Connect) -> None:
    """The user is active while an attended client is connected."""
    away = setup.node.conversations.away_status
    away.be(idle=True)
    client = connect(follow=True, attended=True)
    setup.turn(lambda: not away.ours)
    client.close()
    setup.turn(lambda: away.ours)


def test_order_sees_the_effect_of_the_previous_one(setup: Setup, connect: Connect) -> None:
    """An order that follows another at once sees its effect in the history."""
    setup.bob.node.stop()
    setup.world.settle()
    log = Log(setup, connect(follow=True))
    log.ask(o.Open("bob"))
    setup.turn(lambda: "bob" in log.client.state.chats)
    log.client.order(o.Say("bob", "for later"))
    lines = log.ask(o.ReadLines(states=(LineState.QUEUED,)))
    assert [line.text for line in lines.lines] == ["for later"]


def test_names_are_normalized(setup: Setup, connect: Connect) -> None:
    """A typed name is written as at the registry, and `me` is the user."""
    client = connect(follow=True)
    assert client.named("BOB") == "bob"
    assert client.named("Me") == "alice"


def test_answer_with_very_long_lines_is_cut(setup: Setup, connect: Connect) -> None:
    """An answer fits into a frame and reports how many lines it leaves out."""
    for n in range(30):
        setup.bob.node.conversations.outbox.queue(
            "alice", (f"{n} " + "\x7f" * 60_000,), lambda _: None, lambda _: None
        )
        setup.world.settle()
    log = Log(setup, connect(follow=True))
    found = log.ask(o.ReadLines("bob", states=(LineState.UNREAD,), limit=200))
    assert 5 < len(found.lines) < 12
    assert len(found.lines) + found.left_out == 30
    assert found.lines[-1].text.startswith("29 ")


def test_event_with_too_many_texts_is_cut(setup: Setup, connect: Connect) -> None:
    """The texts of an event are cut so that it fits; their number stays right."""
    log = Log(setup, connect(follow=True))
    unsent = tuple("x" * 60_000 for _ in range(200))
    setup.alice.clients.on_event(ChatEnded("bob", None, unsent))
    setup.turn(lambda: len(log.events) == 1)
    (event,) = log.events
    assert isinstance(event, ChatEnded)
    assert [len(text) for text in event.unsent] == [200] * 200


def test_events_before_begin_are_in_order(setup: Setup, connect: Connect) -> None:
    """Unread lines come first and once, even if one arrives while the client connects."""
    setup.bob.node.call("alice")
    setup.world.settle()
    setup.bob.say("old")
    setup.world.settle()
    setup.bob.say("new")
    client = connect(follow=True, seen=True)
    log = Log(setup, client)
    setup.world.settle()
    setup.turn(lambda: len([e for e in log.events if isinstance(e, TextReceived)]) >= 2)
    setup.world.settle()
    texts = [event.text for event in log.events if isinstance(event, TextReceived)]
    assert texts == ["old", "new"]


def test_answer_with_very_many_lines_is_cut(setup: Setup, connect: Connect) -> None:
    """The overhead of each line counts towards the limit of an answer."""
    setup.bob.node.stop()
    setup.world.settle()
    setup.node.call("bob")
    setup.world.settle()
    for _ in range(3000):
        setup.node.conversations.say("bob", "x")
    log = Log(setup, connect(follow=True))
    found = log.ask(o.ReadLines(states=(LineState.QUEUED,), scheduled=True))
    assert 1000 < len(found.lines) < 3000
    assert len(found.lines) + found.left_out == 3000
