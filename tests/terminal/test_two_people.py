"""Two users chat, each at a terminal."""

import re
import signal
from pathlib import Path

import pexpect
import pytest

from tests.programs import P2P, Program, Serve
from tests.terminal.conftest import Person
from tests.terminal.screen import Screen


def start_chat(person: Person, **size: int) -> tuple[Screen, Screen]:
    alice, bob = person("alice", **size), person("bob", **size)
    alice.enter("/chat bob")
    bob.wait_for(r"^\* alice wants to chat with you in clear, .*")
    bob.wait_until(lambda: bob.toolbar.startswith("alice is calling, in no chat "))
    bob.enter("/accept")
    for one, other in ((alice, "bob"), (bob, "alice")):
        one.wait_for(rf"^\* chat with {other} started$")
        one.wait_until(lambda one=one, other=other: f"{other}, " in one.toolbar)
    return alice, bob


@pytest.mark.parametrize("size", [{"columns": 80, "rows": 24}, {"columns": 200, "rows": 60}])
def test_two_users_chat(person: Person, size: dict[str, int]) -> None:
    """From call to end; the toolbar shows the account, the connection and the contact."""
    alice, bob = start_chat(person, **size)
    assert "alice, connected, at 127.0.0.1:" in alice.toolbar
    assert alice.prompt_line == "alice to bob>"
    alice.enter("hello bob, ça va?")
    bob.wait_for("^alice: hello bob, ça va\\?$")
    bob.enter("fine — und dir? 你好")
    alice.wait_for("^bob: fine — und dir\\? 你 ?好")
    bob.enter("/leave")
    alice.wait_for(r"^\* chat with bob ended$")
    alice.wait_until(lambda: "in no chat" in alice.toolbar)
    for screen in (alice, bob):
        screen.enter("/quit")
        assert screen.end() == 0


def test_message_does_not_disturb_the_typed_line(person: Person) -> None:
    """A message is printed above, and the typed line stays intact."""
    alice, bob = start_chat(person)
    alice.type("I was just about to sa")
    alice.wait_until(lambda: alice.prompt_line.endswith("about to sa"))
    for i in range(30):
        bob.enter(f"message {i}")
    alice.wait_for("^bob: message 29$")
    alice.wait_until(lambda: alice.prompt_line == "alice to bob> I was just about to sa")
    assert alice.text.count("I was just") == 1
    shown = [line for line in alice.lines if line.startswith("bob: ")]
    assert shown == [f"bob: message {i}" for i in range(30 - len(shown), 30)]
    alice.enter("y it")
    bob.wait_for("^alice: I was just about to say it$")


def test_caller_during_a_chat_gets_busy(person: Person, env: dict[str, str]) -> None:
    """The chat goes on, and the user is told who called."""
    alice, bob = start_chat(person)
    Program("register", "carol", env=env).end()
    carol = Program("chat", "bob", "--as", "carol", env=env)
    carol.wait_for(r"^\* bob is busy$")
    assert carol.end()[0] == 8
    bob.wait_for("carol called, and was told that you are busy")
    alice.enter("never mind carol")
    bob.wait_for("^alice: never mind carol$")


def test_resizing_keeps_the_toolbar(person: Person) -> None:
    """The toolbar stays on the last line."""
    alice, bob = start_chat(person)
    alice.resize(60, 12)
    bob.enter("smaller")
    alice.wait_for("^bob: smaller$")
    alice.wait_until(lambda: "bob, " in alice.toolbar)
    alice.resize(120, 40)
    bob.enter("larger")
    alice.wait_for("^bob: larger$")
    alice.wait_until(lambda: "bob, " in alice.text)


def test_hostile_text_is_harmless_on_the_screen(person: Person, registry: Serve) -> None:
    """No escape sequence of a contact reaches the terminal."""
    alice, bob = start_chat(person)
    bob.enter("before")
    alice.wait_for("^bob: before$")
    bob.type("\x1b[200~\x1b]0;owned\x07\x1b[2J<b>x</b>\u202eevil\x1b[201~\r")
    bob.enter("after")
    alice.wait_for("^bob: after$")
    assert alice.screen.title != "owned"
    assert "bob: before" in alice.lines
    assert any("<b>x</b>" in line for line in alice.lines)


def test_completion_history_and_mistakes(person: Person) -> None:
    """Tab completes, arrow up recalls, and an unknown command gets a suggestion."""
    alice, _ = person("alice"), person("bob")
    alice.enter("/search bob")
    alice.wait_for("bob is online at")
    alice.type("/chat b\t")
    alice.wait_until(lambda: alice.prompt_line == "alice> /chat bob")
    alice.type("\x15")
    alice.enter("/chta bob")
    alice.wait_for("there is no command /chta; nothing was sent; likely: did you mean /chat")
    alice.type("\x1b[A\x1b[A")
    alice.wait_until(lambda: alice.prompt_line == "alice> /search bob")
    alice.type("\x15")
    alice.enter("/help")
    alice.wait_for(r"people: /contacts  /search  /verify")
    alice.enter("/help verify")
    alice.wait_for(r"/verify NAME \[yes\]: show the safety number")


def test_registry_dies_and_returns(person: Person, registry: Serve, tmp_path: Path) -> None:
    """The open chat goes on, the toolbar shows the loss, and the node logs in again."""
    alice, bob = start_chat(person)
    registry.signal(signal.SIGKILL)
    registry.process.wait()
    alice.wait_for("registry lost")
    alice.wait_until(lambda: "registry lost, next try in" in alice.toolbar)
    alice.enter("can you hear me?")
    bob.wait_for("^alice: can you hear me\\?$")
    again = Serve(
        tmp_path / "registry", "--quiet", tcp_port=registry.tcp[1], udp_port=registry.udp[1]
    )
    try:
        alice.wait_for("registry is back")
        alice.wait_until(lambda: ", connected, " in alice.toolbar)
    finally:
        again.kill()


@pytest.mark.parametrize(("key", "code"), [("\x03", 130), ("\x04", 0)])
def test_ctrl_c_and_ctrl_d(person: Person, registry: Serve, key: str, code: int) -> None:
    """The terminal is restored, and the user is offline at once."""
    alice = person("alice")
    alice.type(key)
    if code:
        alice.wait_until(lambda: "Ctrl-C again to leave" in alice.toolbar)
        alice.type(key)
    assert alice.end() == code
    assert "Traceback" not in alice.text
    assert registry.dial().ask("SEARCH", "alice") == ("SEARCH_RESP", "OFFLINE")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_stops_it_cleanly(person: Person, registry: Serve, number: signal.Signals) -> None:
    """The terminal is restored, the exit code names the signal, and the user is offline at once."""
    alice = person("alice")
    assert not alice.echoes
    alice.process.send_signal(number)
    assert alice.end() == 128 + number
    assert alice.echoes
    assert "Traceback" not in alice.text
    assert registry.dial().ask("SEARCH", "alice") == ("SEARCH_RESP", "OFFLINE")


def test_closed_terminal_stops_it(person: Person, registry: Serve) -> None:
    """A closed window ends the program, and the contact is told at once."""
    alice, bob = start_chat(person)
    alice.close_window()
    bob.wait_for(r"^\* (alice is gone|chat with alice ended)")
    assert alice.end() == 128 + signal.SIGHUP
    assert registry.dial().ask("SEARCH", "alice") == ("SEARCH_RESP", "OFFLINE")


def test_closed_terminal_stops_it_with_plain_lines(
    env: dict[str, str], at_terminal: Person, person: Person
) -> None:
    """The same with plain lines during a chat."""
    bob = person("bob")
    assert Program("register", "alice", env=env).end()[0] == 0
    alice = at_terminal("chat", "bob", "--plain")
    bob.wait_for("alice wants to chat")
    bob.enter("/accept")
    alice.wait_for("chat with bob started")
    alice.close_window()
    bob.wait_for(r"^\* (alice is gone|chat with alice ended)")
    alice.end()


def test_passwords_are_typed_unseen(at_terminal: Person) -> None:
    """A password is typed twice to register, once to log in, and again if the two differ."""
    screen = at_terminal("register", "dave", without="P2P_PASSWORD")
    for i, typed in enumerate(("hush-hush", "hush-hosh", "hush-hush", "hush-hush"), 1):
        screen.wait_until(lambda i=i: len(re.findall("Password of|Repeat", screen.text)) == i)
        screen.enter(typed)
    assert screen.end() == 0
    assert "registered dave" in screen.text
    assert "hush" not in screen.text
    screen = at_terminal("login", without="P2P_PASSWORD")
    screen.wait_for("Password of dave")
    screen.enter("hush-hush")
    screen.wait_for("logged in as dave")
    assert "hush" not in screen.text


def test_ctrl_c_at_the_password(at_terminal: Person) -> None:
    """Ctrl-C exits with 130 and creates no account."""
    screen = at_terminal("register", "dave", without="P2P_PASSWORD")
    screen.wait_for("Password of dave")
    screen.type("\x03")
    assert screen.end() == 130
    assert "Traceback" not in screen.text


def test_chat_command_ends_with_the_chat(
    person: Person, at_terminal: Person, env: dict[str, str]
) -> None:
    """`p2p chat bob` ends when bob leaves in the original dialect."""
    bob = person("bob")
    Program("register", "alice", env=env).end()
    alice = at_terminal("chat", "bob", "--as", "alice")
    bob.wait_for("alice wants to chat")
    bob.enter("/accept")
    alice.wait_for("chat with bob started")
    bob.enter("/leave")
    alice.wait_for("chat with bob ended")
    assert alice.end() == 0


def test_plain_lines_on_a_terminal(
    person: Person, at_terminal: Person, env: dict[str, str]
) -> None:
    """With --plain there is no toolbar."""
    bob = person("bob")
    Program("register", "alice", env=env).end()
    alice = at_terminal("login", "alice", "--plain")
    alice.wait_for("logged in as alice")
    alice.enter("/chat bob")
    bob.wait_for("alice wants to chat")
    bob.enter("/accept")
    alice.wait_for("chat with bob started")
    bob.enter("hello")
    alice.wait_for("^bob: hello$")
    assert "|" not in alice.text
    alice.enter("/quit")
    assert alice.end() == 0


def test_dumb_terminal_gets_plain_lines(person: Person, env: dict[str, str]) -> None:
    """A terminal that cannot move its cursor gets plain lines."""
    Program("register", "alice", env=env).end()
    child = pexpect.spawn(P2P, ["login", "alice"], env=env | {"TERM": "dumb"}, timeout=20)
    child.expect(r"\* logged in as alice")
    child.sendline("/quit")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0


def test_ctrl_c_in_the_demo(at_terminal: Person) -> None:
    """Ctrl-C twice ends the demo."""
    screen = at_terminal("demo")
    screen.wait_for("chat with robot started")
    screen.type("\x03")
    screen.wait_until(lambda: "Ctrl-C again to leave" in screen.toolbar)
    screen.type("\x03")
    assert screen.end() == 130


def test_demo_at_a_terminal(at_terminal: Person) -> None:
    """The user chats with the robot."""
    screen = at_terminal("demo")
    screen.wait_for("chat with robot started")
    screen.enter("hello")
    screen.wait_for("^robot: Hello, you!")
    screen.enter("/quit")
    assert screen.end() == 0
