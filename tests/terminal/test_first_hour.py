"""A new user's first hour: the README's two machines at 80x24 with empty homes, and every command
and key that `p2p help keys` names.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from p2pchat.cli.main import cli
from p2pchat.ui.prompt.keys import KEYS
from p2pchat.ui.text.commands import COMMANDS
from tests.programs import Program, environment, running
from tests.terminal.screen import Screen

Open = Callable[..., Screen]


class Terminals:
    """The terminals of one test."""

    def __init__(self) -> None:
        self.screens: list[Screen] = []

    def open(self, *words: str, env: dict[str, str]) -> Screen:
        return Screen(*words, env=env, screens=self.screens)

    def close(self) -> None:
        for screen in self.screens:
            screen.kill()


@pytest.fixture
def terminals() -> Iterator[Terminals]:
    """Yield an empty set of terminals."""
    terminals = Terminals()
    yield terminals
    terminals.close()


def _answer(screen: Screen, question: str, line: str) -> None:
    screen.wait_for(question)
    screen.enter(line)


def _join(screen: Screen, link: str, name: str) -> None:
    """Answer the questions of `p2p` without arguments."""
    _answer(screen, "The registry's link", link)
    _answer(screen, "Your name there", name)
    _answer(screen, "Create a new account", "")
    _answer(screen, "Password of", "secret password")
    _answer(screen, "Repeat", "secret password")
    screen.wait_until(lambda: "connected" in screen.toolbar)


def test_first_hour(terminals: Terminals, tmp_path: Path) -> None:
    """Nothing typed here is unknown, refused without a reason, or off the screen."""
    serve = Program(
        *("serve", "--join-host", "127.0.0.1", "--port", "0", "--original-port", "0"),
        *("--original-udp-port", "0", "--password-cost", "64:1"),
        env=environment(tmp_path / "server"),
    )
    with running(serve):
        link = serve.wait_for("^join (.*)$")[1]
        alice = terminals.open(env=environment(tmp_path / "alice"))
        _join(alice, link, "alice")
        bob = terminals.open(env=environment(tmp_path / "bob"))
        _join(bob, link, "bob")

        alice.enter("/chat bbo")
        alice.wait_for("no user named bbo|did you mean")
        alice.enter("/chat bob")
        bob.wait_for("alice wants to chat with you: /accept or /reject")
        bob.enter("/accept")
        for one, other in ((alice, "bob"), (bob, "alice")):
            one.wait_for(f"chat with {other} started")
        alice.wait_for("to make sure that it is bob: /verify bob")
        bob.enter("/chat alice")
        bob.wait_until(lambda: bob.prompt_line.startswith("bob to alice>"))
        alice.enter("did the build pass?")
        bob.wait_for("alice: did the build pass\\?")
        bob.enter("all green. shall we have lunch?")
        alice.wait_for("bob: all green. shall we have lunch\\?")
        alice.enter("/verify bob")
        alice.wait_for(r"(\d{5} ){11}\d{5}")
        alice.enter("/verify bob yes")
        alice.wait_until(lambda: "encrypted, verified" in alice.toolbar)
        alice.enter("/me waves")
        bob.wait_for("~ alice waves")
        bob.enter("/leave")
        alice.wait_for("bob left the chat")
        alice.enter("bring the cake")
        bob.wait_for("alice has written: /chat alice")
        bob.wait_until(lambda: "alice: 1 unread" in bob.toolbar)
        bob.type("\x1ba")
        bob.wait_for("alice: bring the cake")
        bob.enter("/dnd 30m")
        bob.wait_for("callers hear that you are busy, for 30m")
        bob.wait_until(lambda: "do not disturb" in bob.toolbar or "dnd" in bob.toolbar)
        bob.enter("/dnd")
        bob.wait_for("callers are let through")
        _every_command(alice)
        _every_key(alice, tmp_path)
        _what_waits(terminals, tmp_path, alice, bob)


def _what_waits(terminals: Terminals, folder: Path, alice: Screen, bob: Screen) -> None:
    """Bob leaves, alice writes and leaves, and both come back."""
    bob.enter("/quit")
    assert bob.end() == 0
    # The notice depends on which comes first, the end of the link or the registry's report; the
    # toolbar shows the state in either order.
    alice.wait_until(lambda: "bob (away)" in alice.toolbar)
    alice.enter("for tomorrow")
    alice.wait_for("for tomorrow  \\(queued\\)")
    alice.enter("/outbox")
    alice.wait_for("to bob: .*for tomorrow")
    alice.enter("/exit")
    assert alice.end() == 0
    again = terminals.open(env=environment(folder / "bob"))
    again.wait_for("logged in as bob")
    later = terminals.open("chat", "bob", env=environment(folder / "alice"))
    again.wait_for("alice has written|for tomorrow")
    later.wait_until(lambda: later.prompt_line.startswith("alice to bob>"))


def _every_command(screen: Screen) -> None:
    """Type each command of the table that does not leave the chat, with arguments."""
    arguments = {
        "chat": "bob",
        "search": "bob",
        "verify": "bob",
        "trust": "bob",
        "unblock": "bob",
        "mute": "bob 1h",
        "search-history": "cake",
        "later": "2h good morning",
        "run": "echo from a command",
        "me": "waves",
    }
    leaving = {"leave", "quit", "reject", "accept", "block"}
    for command in COMMANDS:
        if command.word in leaving:
            continue
        before = screen.text
        screen.enter(f"/{command.word} {arguments.get(command.word, '')}".strip())
        screen.wait_until(lambda before=before: screen.text != before)
        assert "there is no command" not in screen.lines[-2], screen.text
        assert "was not understood" not in screen.lines[-2], screen.text
        if command.word == "run":
            screen.wait_for(r"\$ echo from a command")
            screen.type("\x03")
            screen.wait_until(lambda: screen.prompt_line.endswith(">"))
    screen.enter("/mute bob off")
    screen.wait_for("bob is no longer muted")
    screen.enter("/help")
    screen.wait_for("/help WORD: explain a command")
    assert sum(line.startswith("* ") and ":" in line for line in screen.lines) >= 4


def _every_key(screen: Screen, folder: Path) -> None:
    """Press each key of the table and check its effect."""
    named = {key for key, _ in KEYS}
    assert named == {
        "Tab",
        "Alt-A",
        "Alt-Enter",
        "Right, Ctrl-E",
        "Up, Down",
        "Ctrl-R",
        "Ctrl-X Ctrl-E (vi: v)",
        "Enter, again",
        "Ctrl-C",
        "Ctrl-C twice, or Ctrl-D, on an empty line",
        "Ctrl-Z",
    }, "a new key needs a step below"
    prompt = "alice to bob> "
    screen.type("/cha\t")
    screen.wait_until(lambda: screen.prompt_line.startswith(f"{prompt}/chat"))
    screen.type("\x03")
    screen.wait_until(lambda: screen.prompt_line == prompt.rstrip())
    screen.type("one\x1b\rtwo")
    screen.wait_until(lambda: screen.prompt_line.strip() == "two")
    screen.type("\x03")
    screen.wait_until(lambda: screen.prompt_line == prompt.rstrip())
    screen.type("bring")
    screen.wait_until(lambda: screen.prompt_line == f"{prompt}bring the cake")
    screen.type("\x05\x03")
    screen.wait_until(lambda: screen.prompt_line == prompt.rstrip())
    screen.type("\x1b[A")
    screen.wait_until(lambda: len(screen.prompt_line) > len(prompt))
    screen.type("\x1b[B\x12cake")
    screen.wait_for("reverse-i-search.*cake")
    screen.type("\x07\x03")
    screen.type(" /slash\r")
    screen.wait_until(lambda: "Enter again sends it" in screen.toolbar)
    screen.type("\x03")
    screen.wait_until(lambda: screen.prompt_line == prompt.rstrip())
    screen.type("\x03")
    screen.wait_until(lambda: "Ctrl-C again to leave" in screen.toolbar)
    screen.type("x\x03")
    screen.wait_until(lambda: screen.prompt_line == prompt.rstrip())
    assert folder.exists()


def test_commands_in_documents_exist() -> None:
    """Each `p2p ...` line of the README and the help topics has a known command and options."""
    root = Path(__file__).parents[2]
    texts = sorted((root / "p2pchat" / "cli" / "docs" / "texts").glob("*.txt"))
    readme = "\n".join(file.read_text() for file in (root / "README.md", *texts))
    lines = re.findall(r"^ {4}(?:\w+\$ |\$ )?(p2p [a-z].*)$", readme, re.MULTILINE)
    assert len(lines) > 20
    for line in lines:
        words = re.split(r"\s{2,}|[|>#]", line)[0].split()[1:3]
        helps = _help(words[:1]) + (_help(words) if _is_word(words[-1]) else "")
        assert "Usage: " in helps, line
        for option in re.findall(r"--[a-z-]+", line):
            assert option in helps, line


def _is_word(text: str) -> bool:
    return re.fullmatch("[a-z]+", text) is not None


def _help(words: list[str]) -> str:
    return CliRunner().invoke(cli, [*words, "--help"], prog_name="p2p").stdout
