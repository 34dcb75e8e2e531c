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
from p2pchat.protocol.client.state import Security, SessionState
from p2pchat.protocol.messages import Presence
from tests.client.conftest import Connect, Desk
from tests.world import unread_at


class Log:
    """What a client was told, in its order: events and answers."""

    def __init__(self, desk: Desk, client: Client) -> None:
        self.desk = desk
        self.client = client
        self.told: list[Any] = []
        client.on_event = self.told.append
        client.begin()

    @property
    def events(self) -> list[Event]:
        return [told for told in self.told if not isinstance(told, o.Result | P2PError)]

    def ask(self, order: o.Order[Any]) -> Any:
        """Return what an order gives."""
        answers: list[Any] = []

        def answered(answer: Any) -> None:
            answers.append(answer)
            self.told.append(answer)

        self.client.order(order, answered, answered)
        assert not answers, "an answer has come within the call"
        self.desk.turn(lambda: bool(answers))
        return answers[0]


def test_it_begins_with_what_there_is(desk: Desk, connect: Connect) -> None:
    """Whose node it is, names, unread lines, the state."""
    desk.bob.node.call("alice")
    desk.world.settle()
    desk.bob.say("hello")
    desk.world.settle()
    client = connect(follow=True)
    assert (client.username, client.registry) == ("alice", str(desk.world.url))
    assert (client.secure, client.transient) == (True, False)
    assert client.names == ("bob",)
    assert client.unread == {"bob": 1}
    assert client.state.standing is SessionState.ONLINE
    assert client.state.online == ("bob",)
    assert client.state.chats["bob"].security is Security.UNVERIFIED


def test_a_line_from_order_to_delivery(desk: Desk, connect: Connect) -> None:
    """Events and answers in the node's order; the state is that of what was told."""
    log = Log(desk, connect(follow=True))
    assert log.ask(o.Open("bob")) == o.Done()
    desk.turn(lambda: ChatStarted("bob", Security.UNVERIFIED) in log.told)
    waiting: list[int] = []
    log.client.on_event = lambda event: (
        log.told.append(event),
        waiting.append(log.client.state.chats["bob"].waiting),
    )[0]
    log.told.clear()
    assert log.ask(o.Say("bob", "hi")) == o.Done()
    desk.turn(lambda: any(isinstance(told, Delivered) for told in log.told))
    said, answer, delivered = [t for t in log.told if not isinstance(t, ContactIdle)]
    assert said == Said("bob", "hi", 1)
    assert answer == o.Done()
    assert delivered == Delivered("bob", 0)
    assert waiting[0] == 1
    assert waiting[-1] == 0
    assert desk.texts() == ["hi"]


def test_what_is_refused(desk: Desk, connect: Connect) -> None:
    """With its kind, what happened and what to try."""
    log = Log(desk, connect())
    error = log.ask(o.Say("eve", "hi"))
    assert isinstance(error, UsageError)
    assert (error.what, error.advice) == ("you are in no chat with eve", "/chat eve")
    error = log.ask(o.Search("nobody"))
    assert isinstance(error, NoSuchUser)
    assert isinstance(log.ask(o.Block("alice", True)), UsageError)


def test_a_client_that_does_not_follow_is_told_answers_only(desk: Desk, connect: Connect) -> None:
    """As a command is, which gives an order and ends."""
    log = Log(desk, connect())
    assert log.ask(o.Send("bob", ("hi",), wait=5.0)) == o.Number(1)
    assert log.events == []
    assert log.client.unread == {}
    status = log.ask(o.GetStatus())
    assert (status.username, status.online) == ("alice", ("bob",))


def test_a_search_is_told_to_all_or_quietly(desk: Desk, connect: Connect) -> None:
    """The answer comes after the event."""
    log, other = Log(desk, connect(follow=True)), Log(desk, desk.local(follow=True))
    found = log.ask(o.Search("bob"))
    assert (found.presence, found.host) == (Presence.ONLINE, "10.0.0.3")
    assert isinstance(log.told[-2], Found)
    desk.turn(lambda: len(other.events) == 1)
    assert log.ask(o.Search("eve", quietly=True)) == o.Whereabouts(Presence.NOT_FOUND)
    assert isinstance(log.ask(o.Search("eve")), NoSuchUser)
    assert isinstance(log.told[-2], SearchFailed)
    desk.turn(lambda: len(other.events) == 2)


def test_only_one_contact(desk: Desk, connect: Connect) -> None:
    """Nothing about others."""
    log = Log(desk, connect(follow=True, only="carol"))
    all_of_it = Log(desk, desk.local(follow=True))
    desk.bob.node.call("alice")
    desk.world.settle()
    desk.bob.say("hello")
    desk.turn(lambda: bool(all_of_it.events))
    log.ask(o.GetStatus())
    assert log.events == []


def test_the_state_changes_without_an_event(desk: Desk, connect: Connect) -> None:
    """By another client, or because a contact comes or goes."""
    client, other = connect(follow=True), Log(desk, desk.local())
    changes: list[bool] = []
    client.on_changed = lambda: changes.append(client.state.dnd)
    client.begin()
    other.ask(o.SetDoNotDisturb(True))
    desk.turn(lambda: client.state.dnd)
    assert changes[-1] is True
    desk.bob.node.stop()
    desk.turn(lambda: client.state.online == ())


def test_what_is_taken_is_seen_by_who_reads_in_the_persons_place(
    desk: Desk, connect: Connect
) -> None:
    """What is unread comes first; what is not taken stays unread."""
    desk.bob.node.call("alice")
    desk.world.settle()
    for text in ("one", "two"):
        desk.bob.say(text)
    desk.world.settle()
    client = connect(follow=True, seen=True)
    client.paced = True
    log = Log(desk, client)
    desk.turn(lambda: len(log.events) == 2)
    assert [event.text for event in log.events if isinstance(event, TextReceived)] == ["one", "two"]
    assert len(unread_at(desk.node)) == 2
    client.taken(1)
    desk.turn(lambda: [line.text for line in unread_at(desk.node)] == ["two"])
    desk.turn(lambda: Seen("bob") in log.events)


def test_nothing_is_lost_before_it_begins(desk: Desk, connect: Connect) -> None:
    """What comes with the greeting waits for the callbacks, and nothing counts as seen."""
    desk.bob.node.call("alice")
    desk.world.settle()
    desk.bob.say("one")
    desk.world.settle()
    client = connect(follow=True, seen=True)
    for _ in range(20):
        desk.world.loop.call_soon(lambda: None)
        desk.world.loop.run_once(0)
    assert len(unread_at(desk.node)) == 1
    log = Log(desk, client)
    desk.turn(lambda: any(isinstance(event, TextReceived) for event in log.events))
    desk.turn(lambda: unread_at(desk.node) == [])


def test_a_conversation_is_left_with_the_last_client_that_has_it_open(
    desk: Desk, connect: Connect
) -> None:
    """Whether it closes it or goes."""
    one, two = Log(desk, connect(follow=True)), Log(desk, desk.local(follow=True))
    for log in (one, two):
        log.ask(o.Open("bob"))
    conversation = desk.node.conversations.get("bob")
    assert conversation is not None
    desk.turn(lambda: conversation.wished)
    assert two.ask(o.Close("bob")) == o.Switch(False)
    assert conversation.wished
    two.ask(o.Open("bob"))
    one.client.close()
    desk.world.settle()
    assert conversation.wished
    assert two.ask(o.Close("bob")) == o.Switch(True)
    assert not conversation.wished


def test_a_closed_client_is_told_nothing(desk: Desk, connect: Connect) -> None:
    """Neither an event nor the answer that was under way."""
    log = Log(desk, connect(follow=True))
    log.client.order(o.GetStatus(), log.told.append, log.told.append)
    log.client.close()
    log.client.close()
    log.client.order(o.GetStatus(), log.told.append, log.told.append)
    desk.bob.node.call("alice")
    desk.world.settle()
    assert log.told == []
    assert not log.client.is_open


def test_a_person_who_looks_is_known(desk: Desk, connect: Connect) -> None:
    """And that they have gone, however that was."""
    away = desk.node.conversations.away_status
    away.be(idle=True)
    client = connect(follow=True, attended=True)
    desk.turn(lambda: not away.ours)
    client.close()
    desk.turn(lambda: away.ours)


def test_what_was_ordered_before_is_seen_by_an_order(desk: Desk, connect: Connect) -> None:
    """Although both come at once: the history has the line."""
    desk.bob.node.stop()
    desk.world.settle()
    log = Log(desk, connect(follow=True))
    log.ask(o.Open("bob"))
    desk.turn(lambda: "bob" in log.client.state.chats)
    log.client.order(o.Say("bob", "for later"))
    lines = log.ask(o.ReadLines(states=(LineState.QUEUED,)))
    assert [line.text for line in lines.lines] == ["for later"]


def test_names_are_written_as_at_the_registry(desk: Desk, connect: Connect) -> None:
    """Whatever is typed; "me" is ourselves."""
    client = connect(follow=True)
    assert client.named("BOB") == "bob"
    assert client.named("Me") == "alice"


def test_very_long_lines_leave_room_for_few(desk: Desk, connect: Connect) -> None:
    """An answer fits into a frame whatever was said; it says how many lines it leaves out."""
    for n in range(30):
        desk.bob.node.conversations.outbox.queue(
            "alice", (f"{n} " + "\x7f" * 60_000,), lambda _: None, lambda _: None
        )
        desk.world.settle()
    log = Log(desk, connect(follow=True))
    found = log.ask(o.ReadLines("bob", states=(LineState.UNREAD,), limit=200))
    assert 5 < len(found.lines) < 12
    assert len(found.lines) + found.left_out == 30
    assert found.lines[-1].text.startswith("29 ")


def test_texts_of_an_event_that_are_too_many_are_cut(desk: Desk, connect: Connect) -> None:
    """So that it comes at all; how many there were is right."""
    log = Log(desk, connect(follow=True))
    unsent = tuple("x" * 60_000 for _ in range(200))
    desk.alice.clients.on_event(ChatEnded("bob", None, unsent))
    desk.turn(lambda: len(log.events) == 1)
    (event,) = log.events
    assert isinstance(event, ChatEnded)
    assert [len(text) for text in event.unsent] == [200] * 200


def test_what_comes_before_it_begins_is_in_order(desk: Desk, connect: Connect) -> None:
    """Unread lines come first, and each once, also one that comes as the client does."""
    desk.bob.node.call("alice")
    desk.world.settle()
    desk.bob.say("old")
    desk.world.settle()
    desk.bob.say("new")
    client = connect(follow=True, seen=True)
    log = Log(desk, client)
    desk.world.settle()
    desk.turn(lambda: len([e for e in log.events if isinstance(e, TextReceived)]) >= 2)
    desk.world.settle()
    texts = [event.text for event in log.events if isinstance(event, TextReceived)]
    assert texts == ["old", "new"]


def test_very_many_lines_leave_room_too(desk: Desk, connect: Connect) -> None:
    """What a line costs besides its text counts as well."""
    desk.bob.node.stop()
    desk.world.settle()
    desk.node.call("bob")
    desk.world.settle()
    for _ in range(3000):
        desk.node.conversations.say("bob", "x")
    log = Log(desk, connect(follow=True))
    found = log.ask(o.ReadLines(states=(LineState.QUEUED,), scheduled=True))
    assert 1000 < len(found.lines) < 3000
    assert len(found.lines) + found.left_out == 3000
