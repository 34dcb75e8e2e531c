"""Commands and events of a user or a script at a node, over memory transports."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from p2pchat.client.listener import NodeListener
from p2pchat.client.socket_client import SocketClient
from p2pchat.errors import LoginRefused, NodeEnded, StorageError
from p2pchat.peer.node import Node
from p2pchat.peer.store.thread import Thread
from p2pchat.protocol.client.messages import Hello
from p2pchat.ui.screen.call import Call
from p2pchat.ui.screen.chat_app import ChatApp
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.fragments import Fragments
from p2pchat.ui.text.render import plain_lines
from tests.peer.chat.test_conversations import friends
from tests.world import Person, World

A, B = "10.0.0.2", "10.0.0.3"

ENCRYPTED = {
    False: [],
    True: ["* the chat is encrypted; to make sure that it is bob: /verify bob"],
}


class Screen(View):
    """A view that records its lines, and in `typed` the states of typed lines."""

    def __init__(self) -> None:
        super().__init__(self._keep, plain=True)
        self.lines: list[str] = []
        self.typed: list[tuple[str, str]] = []

    def ours(self, prompt: str, text: str, state: str, contact: str = "", *, me: str = "") -> None:
        self.typed.append((prompt + text, state))

    def _keep(self, lines: list[Fragments]) -> None:
        self.lines += ["".join(text for _, text in line) for line in lines]


class AppAtNode(ChatApp):
    """An app, and its node."""

    node: Node


def start(world: World, password: str = "pw", **how: Any) -> tuple[AppAtNode, Screen]:
    """Return alice's app, logged in."""
    screen = Screen()
    app = AppAtNode(screen, **how)
    clients = world.clients("alice", A, password)
    app.node = clients.node
    app.run(world.client(clients, attended=True))
    app.node.start()
    world.settle()
    return app, screen


def heard(person: Person) -> list[str]:
    return [line for event in person.events for line in plain_lines(event)]


def test_user_searches_chats_and_quits(world: World) -> None:
    """A user searches, chats, leaves and quits."""
    bob = world.person("bob", B)
    app, screen = start(world)
    app.submit("/search bob")
    app.submit("/chat bob")
    world.settle()
    bob.node.accept()
    world.settle()
    app.submit("hello")
    world.settle()
    app.submit("/leave")
    world.settle()
    app.submit("/quit")
    world.settle()
    assert app.done
    assert app.exit_code == 0
    assert [line for line in screen.lines if "bob" in line] == [
        f"* bob is online at {B}:{bob.node.address.port}",  # type: ignore[union-attr]
        "* calling bob, waiting for an answer: /leave gives up",
        "* chat with bob started",
        *ENCRYPTED[world.url.secure],
        "* chat with bob ended",
    ]
    assert "alice: hello" in heard(bob)
    assert app.names == {"bob"}


def test_mistake_is_reported_and_does_nothing(world: World) -> None:
    """An unknown command, and text without a chat, are reported and have no effect."""
    app, screen = start(world)
    rule = "no spaces, nothing invisible, and at most 64 bytes"
    if world.url.secure:
        rule = "lower-case letters, digits, '.', '_' and '-', at most 32"
    screen.lines.clear()
    for line in ("hello?", "/accept", "/leave", "/lave", "/chat al\x1bice"):
        app.submit(line)
        world.settle()
    assert screen.lines == [
        "* you are in no chat; try: /chat NAME starts one",
        "* there is no call to answer",
        "* you are in no chat",
        "* there is no command /lave; nothing was sent; likely: did you mean /leave?",
        "* 'al\ufffdice' is not a valid username; likely: a name has " + rule,
    ]
    assert not app.done


def test_help_shows_commands(world: World) -> None:
    """/help lists all commands or explains one."""
    app, screen = start(world)
    app.submit("/help")
    assert any("/chat  /next" in line for line in screen.lines)
    app.submit("/help chat")
    assert any(line.startswith("* /chat NAME [--in-clear]: ") for line in screen.lines)
    app.submit("/help xyzzy")
    assert "no command" in screen.lines[-1]


def _left(world: World, contact: str) -> str:
    """Return the beginning of the notice that a contact has left."""
    return f"* {contact} left the chat" if world.url.secure else f"* chat with {contact} ended"


def test_script_is_carried_out_in_order(world: World) -> None:
    """In a script everything after a call, commands and the end included, waits for its answer."""
    bob = world.person("bob", B)
    app, _ = start(world, commands_overtake=False)
    for line in ("/chat bob", "one", "two", "/leave"):
        app.submit(line)
    app.end_input()
    world.settle()
    assert not app.done
    assert any(line.startswith("* alice wants to chat with you") for line in heard(bob))
    bob.node.accept()
    world.advance(2)
    assert "* chat with alice started" in heard(bob)
    *said, left = [line for line in heard(bob) if "what you write waits" not in line][-3:]
    assert said == ["alice: one", "alice: two"]
    assert left.startswith(_left(world, "alice"))
    assert app.done


def test_lines_wait_while_a_contact_is_dialled(secure_world: World) -> None:
    """Lines wait for the chat to open, although a known contact need not accept."""
    alice, bob = friends(secure_world)
    alice.node.stop()
    secure_world.settle()
    app, screen = start(secure_world, commands_overtake=False)
    for line in ("/chat bob", "one", "two"):
        app.submit(line)
        for _ in range(3):
            secure_world.loop.run_once(0)
    app.end_input()
    secure_world.settle()
    assert app.done
    assert heard(bob)[-2:] == ["alice: one", "alice: two"]
    assert not [line for line in screen.lines if "in no chat" in line]


def test_text_waits_for_the_chat_with_an_invited_contact(secure_world: World) -> None:
    """Texts typed after "bob has joined" are said to bob, in whichever turn they come."""
    app, screen = start(secure_world)
    bob = secure_world.person("bob", B)
    secret = app.node.contacts.invite(3600)
    bob.node.contacts.follow("alice", secure_world.home("alice").identity.public, secret)
    bob.node.call("alice")
    texts: list[str] = []
    for _ in range(500):
        secure_world.loop.run_once(0)
        if any("bob has joined" in line for line in screen.lines) and len(texts) < 20:
            texts.append(f"text {len(texts)}")
            app.submit(texts[-1])
    secure_world.settle()
    assert heard(bob)[-20:] == [f"alice: {text}" for text in texts]
    assert not [line for line in screen.lines if "in no chat" in line]


def test_text_does_not_wait_for_a_chat_that_cannot_be(secure_world: World) -> None:
    """Once a call has failed, is refused at once or is given up, a text is refused as before."""
    app, screen = start(secure_world)
    secure_world.person("bob", B)
    for attempt in (["/chat nobody"], ["/accept bob"], ["/chat bob", "/leave"]):
        screen.lines.clear()
        for line in attempt:
            app.submit(line)
        secure_world.settle()
        app.submit("hello?")
        secure_world.settle()
        assert screen.lines[-1].startswith("* you are in no chat"), (attempt, screen.lines)


def test_line_that_is_stored_as_the_chat_ends_is_not_called_unsent(secure_world: World) -> None:
    """A chat that another client ends while a line is being stored has sent that line."""
    friends(secure_world)[0].node.stop()
    secure_world.settle()
    app, screen = start(secure_world, call=Call("bob"), commands_overtake=False)
    secure_world.settle()
    app.submit("one")
    app.node.leave("bob")
    app.end_input()
    secure_world.settle()
    assert app.done
    assert app.exit_code in {0, 6}
    assert not [line for line in screen.lines if "not sent" in line]
    assert [line.text for line in app.node.history.lines("bob")] == ["one"]


def test_script_ends_on_a_full_disk(secure_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script on a full disk ends with an error that names the unsent lines."""
    friends(secure_world)[0].node.stop()
    secure_world.settle()
    app, screen = start(secure_world, commands_overtake=False)
    app.submit("/chat bob")
    secure_world.settle()

    def full(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(Thread, "write", full)
    app.submit("lost")
    app.end_input()
    secure_world.settle()
    assert app.done
    assert isinstance(app.error, StorageError)
    assert "* not sent to bob: lost" in screen.lines


def test_user_at_a_keyboard_can_give_up(world: World) -> None:
    """A command at a keyboard does not wait for texts before it."""
    world.person("bob", B)
    app, _ = start(world)
    app.submit("/chat bob")
    app.submit("are you there?")
    world.settle()
    app.submit("/leave")
    world.settle()
    assert app.node.calling is None
    app.submit("/quit")
    world.settle()
    assert app.done


def test_end_of_input_waits_for_a_search(world: World) -> None:
    """`echo /search bob | p2p login` shows the answer."""
    world.person("bob", B)
    app, screen = start(world)
    app.submit("/search bob")
    app.submit("/search eve")
    app.end_input()
    assert not app.done
    world.settle()
    assert app.done
    assert screen.lines[-1] == "* there is no user named eve"


def test_one_chat_ends_the_app(world: World) -> None:
    """`p2p chat bob` ends when the user leaves; in clear also when bob does."""
    bob = world.person("bob", B)
    app, screen = start(world, call=Call("bob"))
    bob.node.accept()
    world.settle()
    app.submit("hi")
    world.settle()
    assert not app.done
    bob.leave()
    world.settle()
    if world.url.secure:
        assert not app.done
        app.submit("/leave")
        world.settle()
    assert app.done
    assert app.exit_code == 0
    assert screen.lines[-1] == "* chat with bob ended"


def test_contact_who_leaves_loses_no_line(secure_world: World) -> None:
    """Input is read to its end after a contact has left, and the exit code tells the outcome."""
    world = secure_world
    bob = world.person("bob", B)
    app, screen = start(world, call=Call("bob"))
    bob.node.accept()
    world.settle()
    for n in range(40):
        app.submit(f"line {n}")
        if n == 20:
            bob.leave()
        if n == 30:
            bob.node.stop()
        for _ in range(2):
            world.loop.run_once(0)
    app.end_input()
    world.advance(20)
    assert app.done
    assert app.exit_code == 6
    assert [line for line in screen.lines if "left the chat" in line] == [
        "* bob left the chat: bob will see what you write later"
    ]
    bob = world.person("bob", B)
    app, _ = start(world)
    world.advance(20)
    kept = [line.text for line in bob.node.history.lines("alice")]
    assert kept == [f"line {n}" for n in range(40)]


def test_one_chat_and_the_end_of_input(world: World) -> None:
    """`echo hi | p2p chat bob` sends everything and then leaves."""
    bob = world.person("bob", B)
    app, _ = start(world, call=Call("bob"))
    app.submit("hi")
    app.submit("there")
    app.end_input()
    world.settle()
    bob.node.accept()
    world.settle()
    assert app.done
    assert app.exit_code == 0
    *said, left = [line for line in heard(bob) if "what you write waits" not in line][-3:]
    assert said == ["alice: hi", "alice: there"]
    assert left.startswith(_left(world, "alice"))


def test_failed_call_sets_the_exit_code(world: World) -> None:
    """A failed call ends with 5 (unknown), 6 (offline), 7 (rejected) or 8 (busy)."""
    bob, _ = world.person("bob", B), world.person("carol", "10.0.0.4")

    def call(name: str, then: Callable[[], None] = lambda: None) -> int:
        app, _ = start(world, call=Call(name))
        then()
        world.settle()
        assert app.done
        return app.exit_code

    assert call("nobody") == 5
    assert call("bob", bob.node.reject) == 7
    if world.url.secure:
        bob.node.do_not_disturb.turn(on=True)
    else:
        bob.node.call("carol")
        world.settle()
    assert call("bob") == 8
    bob.node.stop()
    world.settle()
    if not world.url.secure:
        assert call("bob") == 6


def test_lines_to_an_offline_contact_are_queued(secure_world: World) -> None:
    """`echo hi | p2p chat bob` queues the line and exits with 6."""
    world = secure_world
    bob = world.person("bob", B)
    bob.node.stop()
    world.settle()
    app, screen = start(world, call=Call("bob"))
    assert not app.done  # the user may still want to write
    app.submit("hi")
    app.end_input()
    world.settle()
    assert app.done
    assert app.exit_code == 6
    assert "* 1 line waits for bob" in screen.lines
    app, screen = start(world)
    bob = world.person("bob", B)
    world.settle()
    bob.node.accept()
    world.settle()
    assert "alice: hi" in heard(bob)


def test_failed_login_is_raised(world: World) -> None:
    """A failed login is raised instead of shown as a line."""
    app, screen = start(world, password="wrong")
    assert app.done
    assert isinstance(app.error, LoginRefused)
    assert screen.lines == []


def test_chat_outlives_a_refused_login(world: World) -> None:
    """A node that was replaced ends only after its chat has ended."""
    bob = world.person("bob", B)
    app, _ = start(world)
    app.submit("/chat bob")
    world.settle()
    bob.node.accept()
    world.settle()
    world.person("alice", "10.0.0.7")
    world.advance(10)
    assert not app.done
    app.submit("still here")
    world.settle()
    assert "alice: still here" in heard(bob)
    bob.leave()
    world.settle()
    assert app.done
    assert isinstance(app.error, LoginRefused)


def test_end_of_input_waits_until_everything_is_sent(world: World) -> None:
    """Unstored lines are waited for without limit, stored ones for some seconds."""
    bob = world.person("bob", B)
    app, _ = start(world, call=Call("bob"))
    bob.node.accept()
    world.settle()
    bobs_ends = [end for pair in world.internet.wires for end in pair if end.local.host == B]
    for end in bobs_ends:
        end.pause_reading()
    said = [f"{i}" * 60_000 for i in range(3)]  # two fit on the wire, one has to wait
    for text in said:
        app.submit(text)
    app.end_input()
    world.advance(60)
    kept = bob.node.url.secure
    assert app.done is kept
    for end in bobs_ends:
        end.resume_reading()
    world.advance(10)
    assert app.done
    assert app.exit_code == (6 if kept else 0)
    assert [line for line in heard(bob) if line.startswith("alice: ")] == [
        f"alice: {text}" for text in said
    ]


def test_only_the_user_changes_the_open_chat(secure_world: World) -> None:
    """No event changes which contact a typed line goes to."""
    world = secure_world
    friends(world)[0].node.stop()
    carol = world.person("carol", "10.0.0.4")
    app, screen = start(world)
    app.submit("/chat carol")
    world.settle()
    carol.node.accept()
    world.settle()
    assert app.front == "carol"
    app.submit("/chat bob")
    app.submit("/chat carol")
    world.settle()
    assert app.front == "carol"
    app.node.conversations.outbox.queue("bob", ("from cron",), lambda _: None, lambda _: None)
    for pair in world.internet.wires:
        if B in {pair[0].local.host, pair[1].local.host}:
            pair[0].cut()
    world.advance(10)
    assert app.front == "carol"
    app.submit("for carol")
    world.settle()
    assert "alice: for carol" in heard(carol)
    app.submit("/leave")
    app.submit("lost?")
    world.settle()
    assert screen.lines[-1].startswith("* you are in no chat")


def test_name_is_normalized_in_every_command(secure_world: World) -> None:
    """Names are lower-cased at a secure registry; invalid ones are refused."""
    world = secure_world
    alice, bob = friends(world)
    alice.node.stop()
    world.settle()
    app, screen = start(world)
    app.submit("/block BOB")
    world.settle()
    assert [c.username for c in app.node.contacts.all() if c.blocked] == ["bob"]
    app.submit("/unblock Bob")
    world.settle()
    assert not app.node.contacts.get("bob").blocked
    app.submit("/chat Bob")
    world.settle()
    assert app.front == "bob"
    app.submit("/search boB")
    world.settle()
    assert any("bob is online" in line for line in screen.lines)
    for typed in ("/block b\u200bob", "/chat bo\u202eb"):
        app.submit(typed)
        assert "is not a valid username" in screen.lines[-1]
    app.submit("/chat bbo")
    world.settle()
    assert screen.lines[-1] == "* there is no user named bbo; likely: did you mean bob?"
    assert {c.username for c in app.node.contacts.all()} == {"bob"}
    assert bob.node.standing.value == "online"


def test_script_gets_its_answers_before_it_quits(world: World) -> None:
    """The answers to `printf '/search bob... /quit' | p2p login` are shown before it ends."""
    world.person("bob", B)
    app, screen = start(world, commands_overtake=False)
    app.node.search("bob")  # as by another screen
    world.settle()
    for line in ("/search bob", "/search nobody", "/quit"):
        app.submit(line)
    assert not app.done
    world.settle()
    assert app.done
    assert any("bob is online" in line for line in screen.lines)
    assert any("no user named nobody" in line for line in screen.lines)
    app, _ = start(world, commands_overtake=False)
    app.node.search("bob")
    world.settle()
    app.end_input()
    world.settle()
    assert app.done


def test_verification_hint_is_shown_once_a_day(secure_world: World) -> None:
    """The hint is shown in the first chat of a day, until the contact is verified."""
    world = secure_world
    bob = world.person("bob", B)
    app, screen = start(world)
    contacts = app.node.contacts

    def hints_of_a_chat() -> int:
        before = len(screen.lines)
        app.submit("/chat bob")
        world.settle()
        if bob.node.called_by:
            bob.node.accept()
        world.settle()
        app.submit("/leave")
        world.settle()
        return sum("/verify bob" in line for line in screen.lines[before:])

    assert [hints_of_a_chat() for _ in range(3)] == [1, 0, 0]
    a_day = 24 * 3600
    known = contacts.get("bob")
    profile = world.home("alice").profile
    profile.keep_contact(str(world.url), known._replace(hinted_at=known.hinted_at - a_day))
    assert [hints_of_a_chat() for _ in range(2)] == [1, 0]
    contacts.safety_number("bob")
    contacts.mark_verified("bob")
    profile.keep_contact(str(world.url), contacts.get("bob")._replace(hinted_at=0))
    assert hints_of_a_chat() == 0


def test_offline_contact_is_reported_when_a_chat_opens(secure_world: World) -> None:
    """The notice is shown when the chat is opened, even if lines are queued already."""
    alice, bob = friends(secure_world)
    alice.node.stop()
    bob.node.stop()
    secure_world.settle()
    app, screen = start(secure_world)
    told = "* bob is offline: what you write waits for bob"
    for count in (1, 2):
        app.submit("/chat bob")
        secure_world.settle()
        app.submit("hello")
        secure_world.settle()
        assert screen.lines.count(told) == count
        app.submit("/leave")
        secure_world.settle()


def test_command_sees_the_line_before_it(secure_world: World) -> None:
    """A line and a command that arrive together are handled in order."""
    alice, bob = friends(secure_world)
    alice.node.stop()
    bob.node.stop()
    secure_world.settle()
    app, screen = start(secure_world, commands_overtake=False)
    app.submit("/chat bob")
    secure_world.settle()
    for line in ("for later", "/outbox", "/search-history later", "/contacts"):
        app.submit(line)
    secure_world.settle()
    assert sum("for later" in line for line in screen.lines) == 2
    assert "1 queued" in screen.lines[-1]


def test_answers_of_a_script_are_in_order(secure_world: World) -> None:
    """Each order of a script waits for the answer to the previous one."""
    secure_world.person("bob", B)
    app, screen = start(secure_world, commands_overtake=False)
    screen.lines.clear()
    for line in ("/search bob", "/contacts", "/search nobody", "/outbox"):
        app.submit(line)
    secure_world.settle()
    found, contacts, unknown, outbox = screen.lines
    assert "bob is online at" in found
    assert "no contacts yet" in contacts
    assert "no user named nobody" in unknown
    assert "nothing is queued" in outbox


def test_only_valid_contacts_are_blocked_or_muted(secure_world: World) -> None:
    """Invalid names and oneself are refused; a name that was only looked up is no contact."""
    secure_world.person("bob", B)
    app, screen = start(secure_world)
    app.submit("/search bob")
    secure_world.settle()
    for line, said in (
        ("/block bad!", "'bad!' is not a valid username"),
        ("/block me", "that is yourself"),
        ("/mute zed 1h", "you have no contact zed"),
        ("/LEAVE", "you are in no chat"),
        ("/dnd off", "callers are let through"),
    ):
        app.submit(line)
        secure_world.settle()
        assert said in screen.lines[-1], line
    assert app.node.contacts.all() == []
    assert app.names == {"bob"}


def test_end_of_the_node_leaves_unsent_lines_to_the_shell(
    secure_world: World, tmp_path: Path
) -> None:
    """If the node ends, the app keeps the unsent lines for the shell to report."""
    alice, _ = friends(secure_world)
    listener = NodeListener(secure_world.loop, tmp_path / "n.sock")
    listener.serve(alice.clients)
    hello = Hello(follow=True, attended=True)
    client = SocketClient(secure_world.loop, tmp_path / "n.sock", hello)
    screen = Screen()
    app = ChatApp(screen, call=Call("bob"), commands_overtake=False)
    app.run(client, ready=True)
    for line in ("one", "two"):
        app.submit(line)
    app.end_input()
    listener.close()  # before the order that opens the chat is answered
    for _ in range(100):
        secure_world.loop.run_once(0)
    assert app.done
    assert isinstance(app.error, NodeEnded)
    assert app.error.likely == "it was stopped"
    assert app.untold.waiting == ("one", "two")
    assert not app.untold.complete  # the chat is not open


def test_line_for_one_contact_is_not_sent_to_another(secure_world: World) -> None:
    """A waiting line is refused or sent to its own contact if the open chat changes."""
    world = secure_world
    friends(world)[0].node.stop()
    carol = world.person("carol", "10.0.0.4")
    app, screen = start(world)
    app.submit("/chat carol")
    world.settle()
    carol.node.accept()
    world.settle()
    app.submit("/contacts")
    app.submit("for carol alone")  # waits for the answer to /contacts
    app.submit("/chat bob")
    world.settle()
    assert app.front == "bob"
    assert [line.text for line in app.node.history.lines("bob")] == []
    is_refused = any("it was typed for carol" in line for line in screen.lines)
    assert is_refused is not ("alice: for carol alone" in heard(carol))
