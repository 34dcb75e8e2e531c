"""A program at a node, over memory transports: every order is answered and nothing is lost."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from p2pchat.errors import LoginRefused, StorageError
from p2pchat.peer.store.thread import Thread
from p2pchat.protocol.client.events import Called
from p2pchat.protocol.client.state import ChatState
from p2pchat.ui.program.app import ProgramApp
from p2pchat.ui.program.stream import Stream
from p2pchat.ui.screen.call import Call
from tests.peer.chat.test_conversations import friends, states, texts
from tests.protocol.client.test_event_json import DOCUMENT, documented
from tests.ui.program.test_stream import Reader
from tests.ui.screen.test_chat_app import A, B
from tests.world import Person, World


class Bot:
    """Alice's node with a program instead of a screen."""

    def __init__(
        self, world: World, *, slow: bool = False, password: str = "pw", **how: Any
    ) -> None:
        self.world = world
        self.reader = Reader(slow=slow)
        self.app = ProgramApp(Stream(self.reader.write), **how)
        self.clients = world.clients("alice", A, password)
        self.node = self.clients.node
        self.app.run(world.client(self.clients))
        self.node.start()

    def order(self, command: str, **fields: Any) -> list[dict[str, Any]]:
        """Return everything that is written until the loop is idle."""
        self.app.submit(json.dumps({"command": command, **fields}))
        self.world.settle()
        return self.reader.told()

    def answer(self, command: str, **fields: Any) -> dict[str, Any]:
        """Return the answer alone, without the fields that all answers have."""
        [told] = [t for t in self.order(command, id=7, **fields) if t.get("id") == 7]
        for name in ("v", "at", "id"):
            del told[name]
        return told

    def end(self) -> None:
        self.app.end_input()
        self.world.settle()


@pytest.fixture
def bob(secure_world: World) -> Person:
    """Return bob, a contact of alice, whose node has stopped."""
    alice, bob = friends(secure_world)
    alice.node.stop()
    secure_world.advance(5)
    bob.told()
    return bob


@pytest.fixture
def bot(secure_world: World, bob: Person) -> Bot:
    """Return a program that is logged in."""
    bot = Bot(secure_world)
    secure_world.settle()
    assert [told["event"] for told in bot.reader.told()] == ["logged_in"]
    return bot


def test_sent_line_is_stored_then_delivered(bot: Bot, bob: Person) -> None:
    """The answer comes once the line is on disk; no chat is opened."""
    told = bot.order("send", to="bob", text="hi", id="x")
    assert [t["event"] for t in told] == ["said", "done", "delivered"]
    assert (told[1]["id"], told[1]["to"], told[1]["number"]) == ("x", "bob", told[2]["up_to"])
    assert texts(bob.told()) == ["hi"]
    assert bot.app.opened == set()


def test_received_message_stays_unread_until_seen(bot: Bot, bob: Person) -> None:
    """A message is unread until the program orders `seen`."""
    bob.node.call("alice")
    bot.world.settle()
    bob.say("hello")
    bot.world.settle()
    [message] = [t for t in bot.reader.told() if t["event"] == "message"]
    assert (message["from"], message["text"]) == ("bob", "hello")
    assert bot.node.history.unread() == {"bob": 1}
    assert bot.answer("seen", user="bob", up_to=message["id"])["event"] == "done"
    assert bot.node.history.unread() == {}


def test_stranger_is_accepted_and_left(bot: Bot) -> None:
    """The program accepts a stranger, and its own chats are left when it orders so."""
    carol = bot.world.person("carol", "10.0.0.4")
    carol.node.call("alice")
    bot.world.settle()
    assert bot.reader.told()[-1]["event"] == "request"
    assert bot.answer("accept") == {"event": "done", "command": "accept", "user": "carol"}
    assert bot.app.opened == {"carol"}
    assert bot.answer("leave", user="carol")["event"] == "done"
    assert bot.app.opened == set()
    assert bot.answer("leave", user="carol")["what"] == "you are in no chat with carol"


def test_every_order_is_answered(bot: Bot) -> None:
    """Every order is answered, with an error that says what to do if it fails."""
    assert bot.answer("search", user="bob") == {"event": "done", "command": "search"}
    assert bot.answer("search", user="nobody")["exit_code"] == 5
    assert bot.answer("send", to="nobody", text="hi")["exit_code"] == 5
    assert bot.answer("send", to="alice", text="hi")["number"] == 1
    assert bot.answer("send", text="hi")["what"].startswith("send needs 'to'")
    assert bot.answer("send", to="bob", text="x" * 70_000)["likely"].startswith("a message may")
    assert bot.answer("accept")["what"] == "there is no call to answer"
    assert bot.answer("reject", user="bob")["what"] == "bob is not calling you"
    assert bot.answer("chat", user="me")["user"] == "alice"
    assert bot.answer("dnd")["do_not_disturb"] is True
    assert bot.answer("dnd")["do_not_disturb"] is False
    assert bot.answer("block", user="bob")["user"] == "bob"
    assert bot.answer("unblock", user="bob")["user"] == "bob"
    assert bot.answer("verify", user="bob")["safety_number"]
    assert bot.answer("verify", user="bob", yes=True) == {
        "event": "done",
        "command": "verify",
        "user": "bob",
    }
    assert bot.answer("trust", user="bob")["event"] == "error"
    assert bot.answer("trust", user="bob", yes=True)["event"] == "error"
    assert bot.answer("history")["what"].startswith("history needs 'user'")
    assert not bot.app.done


def test_history_lines_precede_the_answer(bot: Bot) -> None:
    """Each line of the history is written before the answer."""
    bot.order("send", to="bob", text="pizza on friday")
    told = bot.order("history", user="bob", id=1)
    assert [(t["text"], t["state"], t["answers"]) for t in told[:-1]] == [
        ("pizza on friday", "delivered", 1)
    ]
    assert told[-1]["lines"] == 1
    told = bot.order("search-history", words="pizza", id=2)
    assert [t["event"] for t in told] == ["line", "done"]


def test_malformed_order_does_not_affect_others(bot: Bot, bob: Person) -> None:
    """Orders before and after a malformed line are carried out."""
    for line in ('{"command":"send","to":"bob","text":"one"}', "nonsense", "", '{"id":5}'):
        bot.app.submit(line)
    bot.app.refuse_line("too long")
    bot.order("send", to="bob", text="two")
    assert texts(bob.told()) == ["one", "two"]


def test_error_has_the_id_of_its_line(bot: Bot) -> None:
    """An error repeats the id of its line if it can be read."""
    bot.app.submit('{"id":5}')
    bot.app.submit('{"id":5')
    bot.app.refuse_line("too long")
    assert [(t["event"], t["id"]) for t in bot.reader.told()] == [
        ("error", 5),
        ("error", None),
        ("error", None),
    ]


def test_orders_wait_for_the_login(secure_world: World, bob: Person) -> None:
    """Orders wait for the login; at the end of input all are carried out and delivered."""
    bot = Bot(secure_world)
    for n in range(100):
        bot.app.submit(json.dumps({"command": "send", "to": "bob", "text": str(n)}))
    bot.app.end_input()
    assert not bot.app.done
    secure_world.settle()
    assert bot.app.done
    assert (bot.app.exit_code, bot.app.error) == (0, None)
    assert texts(bob.told()) == [str(n) for n in range(100)]
    assert [t["event"] for t in bot.reader.told()].count("done") == 100


def test_quit_delivers_earlier_lines_first(bot: Bot, bob: Person) -> None:
    """Lines sent before `quit` are delivered."""
    bot.app.submit('{"command":"send","to":"bob","text":"one"}')
    bot.order("quit")
    assert bot.app.done
    assert texts(bob.told()) == ["one"]


def test_offline_contact_is_not_waited_for(bot: Bot, bob: Person) -> None:
    """The program ends although lines are queued for an offline contact."""
    bob.node.stop()
    bot.world.settle()
    bot.order("send", to="bob", text="later")
    bot.end()
    assert bot.app.done
    assert bot.node.history.waiting() == {"bob": 1}


def test_wait_for_delivery_has_a_timeout(
    bot: Bot, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program ends after a while if an online contact does not acknowledge."""
    monkeypatch.setattr(ChatState, "has_said_all", False)
    bot.order("send", to="bob", text="hi")
    bot.end()
    assert not bot.app.done
    bot.world.advance(16)
    assert bot.app.done


def test_refused_login_is_reported_and_raised(secure_world: World) -> None:
    """A refused login is written as an event and raised as an error."""
    bot = Bot(secure_world, password="wrong")
    secure_world.settle()
    assert bot.app.done
    assert isinstance(bot.app.error, LoginRefused)
    assert bot.reader.told()[-1]["event"] == "login_failed"


def test_failing_disk_is_answered_once(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that cannot be stored is answered with one error."""

    def fail(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    bot.order("send", to="bob", text="one")
    monkeypatch.setattr(Thread, "write", fail)
    told = bot.order("send", to="bob", text="two", id=2)
    answers = [(t["event"], t["what"]) for t in told if t.get("id") == 2]
    assert answers == [("error", "the disk is full")]
    assert "not_kept" in [t["event"] for t in told]


def test_one_chat_is_the_default_of_orders(secure_world: World, bob: Person) -> None:
    """With one call, orders without a name address that contact; the chat ends with the input."""
    bot = Bot(secure_world, call=Call("bob"))
    secure_world.settle()
    assert bot.reader.told()[-1]["event"] == "chat_started"
    assert bot.answer("send", text="hi")["to"] == "bob"
    bot.end()
    assert bot.app.done
    assert bot.app.exit_code == 0
    assert texts(bob.told()) == ["hi"]
    assert states(bob, "alice") == []


def test_failed_call_sets_the_exit_code(secure_world: World) -> None:
    """A call that fails ends the program with its exit code."""
    bot = Bot(secure_world, call=Call("nobody"))
    secure_world.settle()
    assert (bot.app.done, bot.app.exit_code) == (True, 5)


def test_call_to_an_offline_contact_exits_with_6(secure_world: World, bob: Person) -> None:
    """Lines queued for an offline contact end the program with exit code 6."""
    bob.node.stop()
    secure_world.settle()
    bot = Bot(secure_world, call=Call("bob"))
    bot.app.submit('{"command":"send","text":"later"}')
    bot.end()
    assert (bot.app.done, bot.app.exit_code) == (True, 6)


def test_slow_reader_pauses_the_input(secure_world: World) -> None:
    """No more input is read while the answers are not read."""
    bot = Bot(secure_world, slow=True)
    secure_world.settle()
    calls: list[bool] = []
    bot.app.when_input_is_wanted(lambda: calls.append(True))
    more: Callable[[], bool] = lambda: bot.app.wants_input  # noqa: E731
    while more():
        bot.app.submit('{"command":"nonsense","id":"' + "x" * 1000 + '"}')
    assert len(bot.reader.lines) < 100
    while not more():
        bot.reader.read()
    assert calls == [True]


def test_original_dialect_needs_a_chat(world: World) -> None:
    """In the original dialect a line needs a chat and has no number."""
    if world.url.secure:
        return
    bob = world.person("bob", B)
    bot = Bot(world)
    world.settle()
    bot.reader.told()
    assert bot.answer("send", to="bob", text="hi")["what"] == "you are in no chat with bob"
    bot.order("chat", user="bob")
    bob.node.accept()
    world.settle()
    assert bot.answer("send", to="bob", text="hi")["number"] == 0
    bot.end()
    assert texts(bob.told()) == ["hi"]


def test_program_that_never_reads_is_not_ended(secure_world: World) -> None:
    """A program that does not read keeps running with bounded output; its orders wait."""
    bot = Bot(secure_world, slow=True)
    secure_world.settle()
    for n in range(15_000):
        bot.clients.on_event(Called(f"user{n}"))
    secure_world.settle()
    assert not bot.app.done
    assert len(bot.reader.lines) < 1100
    assert not bot.app.wants_input


ANSWERS: list[tuple[str, dict[str, object]]] = [
    ("send", {"to": "bob", "text": "hi"}),
    ("seen", {"user": "bob", "up_to": 1}),
    ("chat", {"user": "bob"}),
    ("leave", {"user": "bob"}),
    ("dnd", {}),
    ("search", {"user": "bob"}),
    ("verify", {"user": "bob"}),
    ("block", {"user": "bob"}),
    ("unblock", {"user": "bob"}),
    ("history", {"user": "bob"}),
    ("search-history", {"words": "hi"}),
    ("quit", {}),
]


def test_documented_answers_match_the_output(bot: Bot) -> None:
    """Each answer has the fields that the tables list."""
    table = DOCUMENT.read_text().partition("| command |")[2].partition("\n\n")[0]
    gives = {
        cells[1].strip(" `"): re.findall(r"`([a-z_]+)`", cells[3].partition(",")[0])
        for cells in (line.split("|") for line in table.split("\n")[2:])
    }
    objects: dict[str, list[str]] = {}
    for command, fields in ANSWERS:
        told = bot.order(command, id=1, **fields)
        objects |= {t["event"]: list(t)[3:] for t in told}
        [done] = [t for t in told if t["event"] == "done"]
        assert [f for f in done if f not in {"v", "event", "at", "id", "command"}] == gives[command]
    said = documented("told")
    assert objects["line"] == said["line"]
    assert objects["done"][:2] == ["id", "command"]


def test_documented_errors_and_unread_match_the_output(secure_world: World) -> None:
    """The `error` and `unread` objects have the fields that the table lists."""
    alice, bob = friends(secure_world)
    bob.node.call("alice")
    secure_world.settle()
    bob.say("hello")
    secure_world.settle()
    reader = Reader()
    app = ProgramApp(Stream(reader.write))
    app.run(alice.client(), ready=True)
    app.submit("nonsense")
    objects = {t["event"]: list(t)[3:] for t in reader.told()}
    said = documented("told")
    assert objects == {name: said[name] for name in ("unread", "error")}
