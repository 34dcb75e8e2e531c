"""The prompt in use: keys, pastes, drafts, colours, and two users who type at once."""

import base64
import datetime as dt
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.people import People
from tests.programs import P2P, running
from tests.terminal.screen import Screen

PASTE = "\x1b[200~{}\x1b[201~"


class Terminals:
    """Terminals of two users; `chat` opens alice's chat with bob."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.screens: list[Screen] = []

    def open(self, name: str, *words: str, **more: str) -> Screen:
        env = self.people.env[name] | more
        return Screen(*(words or ("login", name)), env=env, screens=self.screens)

    def chat(self, **more: str) -> Screen:
        alice = self.open("alice", "chat", "bob", **more)
        alice.wait_for("chat with bob started|bob is back|bob is offline")
        alice.wait_until(lambda: alice.prompt_line.startswith("alice to bob>"))
        return alice

    def close(self) -> None:
        for screen in self.screens:
            screen.kill()


@pytest.fixture
def terminals(people: People) -> Iterator[Terminals]:
    terminals = Terminals(people)
    yield terminals
    terminals.close()


def typed(screen: Screen) -> str:
    return screen.prompt_line.partition("> ")[2]


def test_suggestions_and_history_search(terminals: Terminals) -> None:
    """Right accepts a suggestion, Ctrl-R searches, and arrow up recalls."""
    alice = terminals.chat()
    alice.enter("the quick brown fox")
    alice.wait_for("the quick brown fox  \\(queued\\)")
    alice.type("the q")
    alice.wait_until(lambda: typed(alice) == "the quick brown fox")
    alice.type("\x1b[C")
    alice.type("!")
    alice.wait_until(lambda: typed(alice) == "the quick brown fox!")
    alice.type("\x15\x12brown")
    alice.wait_for("reverse-i-search.*brown")
    alice.type("\x07\x15")
    alice.wait_until(lambda: typed(alice) == "")
    alice.type("\x1b[A")
    alice.wait_until(lambda: typed(alice) == "the quick brown fox")


def test_completion_explains_commands_and_shows_presence(terminals: Terminals) -> None:
    """The menu explains commands and shows who is online."""
    with running(terminals.people.start("bob", "--headless")):
        alice = terminals.open("alice")
        alice.wait_until(lambda: "connected" in alice.toolbar)
        alice.type("/se")
        alice.wait_for("/search +show whether a user is online")
        alice.type("\x15/chat b")
        alice.wait_for("bob +online")


def test_menu_shows_many_commands_and_no_suggestion(terminals: Terminals) -> None:
    """The menu has at least eight rows, and no suggestion is shown beside it."""
    alice = terminals.chat()
    alice.enter("/search bob")
    alice.wait_for("bob is offline")
    alice.type("/")
    alice.wait_until(lambda: sum("  /" in f"  {line}" for line in alice.lines[-12:]) >= 8)
    alice.wait_until(lambda: typed(alice) == "/")


def test_title_shows_unread_count_and_is_restored(terminals: Terminals) -> None:
    """The title shows the unread count and the open chat, and is restored at the end."""
    alice = terminals.open("alice")
    heard = bytearray()
    alice.heard = heard.extend
    alice.wait_until(lambda: alice.screen.title == "p2p")
    code, _, err = terminals.people.run("bob", "send", "alice", "are you there?", "--wait", "10")
    assert code == 0, err
    alice.wait_until(lambda: alice.screen.title == "(1) p2p")
    alice.enter("/chat bob")
    alice.wait_until(lambda: alice.screen.title == "bob - p2p")
    alice.enter("/quit")
    alice.end()
    assert bytes(heard).rstrip().endswith(b"\x1b[23;0t")


def test_terminal_without_cursor_reports(terminals: Terminals) -> None:
    """A terminal that does not report its cursor causes no warning."""
    env = terminals.people.env["alice"]
    alice = Screen("chat", "bob", env=env, screens=terminals.screens, tells_cursor=False)
    alice.wait_until(lambda: alice.prompt_line.startswith("alice to bob>"))
    heard = bytearray()
    alice.heard = heard.extend
    alice.enter("first")
    alice.wait_for("first  \\(queued\\)")
    began, lines = time.monotonic(), 0
    while time.monotonic() < began + 3:  # prompt_toolkit gives up after two seconds
        lines += 1
        terminals.people.run("bob", "send", "alice", f"line {lines}", "--wait", "10")
        alice.wait_for(f"bob: line {lines}$")
    alice.enter("/quit")
    alice.end()
    assert b"WARNING" not in heard


def test_code_keeps_its_spaces_and_is_copied(terminals: Terminals) -> None:
    """A code block is not wrapped, and /copy block copies it without fences."""
    alice = terminals.chat()
    heard = bytearray()
    alice.heard = heard.extend
    code = "def f(x):\n    return  x" + " + 1" * 20
    alice.type(PASTE.format(f"```\n{code}\n```") + "\r")
    alice.wait_until(lambda: "alice to bob> ```" in alice.lines or "```  (queued)" in alice.text)
    indent = " " * len("alice to bob> ")
    alice.wait_until(lambda: f"{indent}    return  x + 1 + 1" in alice.text)
    alice.enter("/copy block")
    alice.wait_for("copied: def f")
    copied = re.findall(rb"\x1b\]52;c;([^\x07]*)\x07", bytes(heard))
    assert [base64.b64decode(text).decode() for text in copied] == [code]
    alice.enter("see https://example.org/x.")
    alice.wait_for("example.org")
    alice.enter("/copy link")
    alice.wait_for("copied: https://example.org/x$")
    alice.enter("/copy picture")
    alice.wait_for("there is no 'picture' to copy")


def test_command_output_is_inserted_into_the_line(terminals: Terminals) -> None:
    """The output is sent only by Enter, and Ctrl-C stops a running command."""
    alice = terminals.chat()
    alice.enter("/run echo built; echo well")
    alice.wait_until(lambda: alice.lines[-2].strip() == "```" and "well" in alice.text)
    assert terminals.people.texts("alice", "bob")[-1][1] == "hello there"
    alice.type(" look\r\r")
    alice.wait_for("queued")
    sent = terminals.people.texts("alice", "bob")[-1][1]
    assert sent == "```\n$ echo built; echo well\nbuilt\nwell\n``` look"
    alice.enter("/run sleep 1000")
    alice.wait_until(lambda: "running sleep 1000: Ctrl-C ends it" in alice.toolbar)
    alice.type("\x03")
    alice.wait_for("ended by signal 9")
    alice.type("\x03")
    alice.wait_until(lambda: typed(alice) == "")


def test_ctrl_z_suspends_and_restores_the_screen(terminals: Terminals) -> None:
    """After `fg` the prompt and its text are shown again."""
    shell = Screen(
        "--norc",
        "--noprofile",
        env=terminals.people.env["alice"],
        screens=terminals.screens,
        program="bash",
    )
    shell.enter(f"{P2P} chat bob")
    shell.wait_until(lambda: shell.prompt_line.startswith("alice to bob>"))
    shell.type("half a line")
    shell.wait_until(lambda: typed(shell) == "half a line")
    shell.type("\x1a")
    shell.wait_for("Stopped")
    shell.enter("echo the shell is $((1 + 1)) here")
    shell.wait_for("the shell is 2 here")
    shell.enter("fg")
    shell.wait_until(lambda: shell.prompt_line == "alice to bob> half a line")
    shell.wait_until(lambda: "connected" in shell.toolbar)
    shell.type(", and the rest\r")
    shell.wait_for("half a line, and the rest  \\(queued\\)")


def test_several_lines_and_an_editor(terminals: Terminals, tmp_path: Path) -> None:
    """Alt-Enter and Ctrl-X Ctrl-E compose one text."""
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf " and\\nfrom the editor" >> "$1"\n')
    editor.chmod(0o755)
    alice = terminals.chat(EDITOR=str(editor))
    alice.type("one\x1b\rtwo")
    alice.wait_until(lambda: typed(alice) == "" and alice.prompt_line.endswith("two"))
    alice.type("\x18\x05")
    alice.wait_until(lambda: alice.prompt_line.endswith("from the editor"))
    alice.type("\r")
    alice.wait_for("\\(queued\\)")
    texts = [text for _, text, _ in terminals.people.texts("alice", "bob")]
    assert texts[-1] == "one\ntwo and\nfrom the editor"


def test_vi_keys(terminals: Terminals) -> None:
    """With the setting, Esc and letters move and edit."""
    alice = terminals.chat(P2P_EDIT_MODE="vi")
    alice.type("helo wrld")
    alice.wait_until(lambda: typed(alice) == "helo wrld")
    alice.type("\x1b0fla")
    alice.wait_until(lambda: "helo" in alice.prompt_line)
    alice.type("l")
    alice.wait_until(lambda: typed(alice) == "hello wrld")


@pytest.mark.parametrize(
    ("paste", "question"),
    [
        ("\n".join(f"line {i}" for i in range(200)), "the text has 200 lines"),
        ("x" * 20_000, "the text has 20000 characters"),
        (" /quit", "so it is not a command"),
    ],
    ids=["200 lines", "20 kB", "a blank and a slash"],
)
def test_doubtful_text_is_confirmed_once(terminals: Terminals, paste: str, question: str) -> None:
    """Enter again sends the whole text; another key returns to it."""
    alice = terminals.chat()
    alice.type(PASTE.format(paste))
    alice.type("\r")
    alice.wait_for(question)
    alice.type("!")
    alice.wait_until(lambda: question not in alice.text)
    alice.type("\x7f\r")
    alice.wait_for(question)
    assert terminals.people.texts("alice", "bob")[-1][1] != paste
    alice.type("\r")
    alice.wait_until(lambda: "queued" in alice.text)
    assert terminals.people.texts("alice", "bob")[-1][1] == paste


def test_draft_belongs_to_its_contact_and_survives_a_crash(terminals: Terminals) -> None:
    """A draft is stored within a second for its contact."""
    alice = terminals.chat()
    alice.type("I was just about to")
    alice.wait_until(lambda: typed(alice) == "I was just about to")
    drafts = next(Path(terminals.people.env["alice"]["P2P_HOME"]).glob("state/drafts-*.json"), None)
    alice.wait_until(lambda: _drafts(terminals) == "I was just about to")
    assert drafts is None or drafts.stat().st_mode & 0o077 == 0
    alice.process.send_signal(signal.SIGKILL)
    again = terminals.chat()
    again.wait_until(lambda: typed(again) == "I was just about to")
    again.enter(" say it")
    again.wait_for("I was just about to say it  \\(queued\\)")
    again.wait_until(lambda: _drafts(terminals) == "")


@pytest.mark.parametrize("how", ["/chat bob", "p2p chat bob"])
@pytest.mark.parametrize("draft", ["", "a draft, "], ids=["no draft", "a draft"])
def test_what_is_typed_while_a_chat_opens_is_for_that_chat(
    terminals: Terminals, how: str, draft: str
) -> None:
    """It stays in the line, behind the draft of that chat, and is not left for nobody."""
    if draft:
        before = terminals.chat()
        before.type(draft)
        before.wait_until(lambda: _drafts(terminals) == draft)
        before.kill()
    with running(terminals.people.start("bob")) as bob:
        bob.signal(signal.SIGSTOP)  # so that the chat begins after the text is there
        alice = terminals.open("alice", *(() if how.startswith("/") else ("chat", "bob")))
        alice.wait_for("logged in as alice")
        if how.startswith("/"):
            alice.enter(how)
        alice.type("\x1ba")  # Alt-A, which finds no other conversation
        alice.type("see you")
        alice.wait_until(lambda: typed(alice) == "see you")
        assert alice.prompt_line.startswith("alice> ")
        bob.signal(signal.SIGCONT)
        alice.wait_for("chat with bob started")
        alice.wait_until(lambda: alice.prompt_line.rstrip() == f"alice to bob> {draft}see you")
        alice.enter(" soon")
        alice.wait_for(f"{draft}see you soon  ✓$")
        assert _drafts(terminals) == ""


def test_timestamps_and_hanging_indent(terminals: Terminals) -> None:
    """A long line is indented behind the name."""
    alice = terminals.chat(P2P_TIMESTAMPS="true")
    with running(terminals.people.start("bob")) as bob:
        alice.wait_for("bob is back|chat with bob started")
        bob.type("/chat alice")
        bob.type("word " * 40)
        alice.wait_for(r"^\d\d:\d\d bob: word word")

        def said() -> list[str]:
            return [line for line in alice.lines if "word word" in line]

        alice.wait_until(lambda: len(said()) == 3)
        assert all(line.startswith(" " * 11 + "word") for line in said()[1:])
        assert max(map(len, said())) <= 80
        bob.type("/me waves")
        alice.wait_for(r"^\d\d:\d\d ~ bob waves$")


@pytest.mark.parametrize("quiet", [False, True])
def test_message_rings_unless_the_contact_is_quiet(terminals: Terminals, quiet: bool) -> None:
    """A message rings and notifies by terminal sequences, as the settings say."""
    if quiet:
        config = Path(terminals.people.env["alice"]["P2P_HOME"]) / "config" / "config.toml"
        config.write_text(config.read_text() + "\n[contacts.bob]\nquiet = true\n")
    alice = terminals.open("alice", P2P_NOTIFICATIONS="osc9")
    heard = bytearray()
    alice.heard = heard.extend
    alice.wait_until(lambda: "connected" in alice.toolbar)
    code, _, err = terminals.people.run("bob", "send", "alice", "are you there?", "--wait", "10")
    assert code == 0, err
    alice.wait_for("bob has written")
    alice.enter("/quit")
    alice.end()
    without_titles = re.sub(rb"\x1b\]2;[^\x07]*\x07", b"", bytes(heard))
    rang = without_titles.replace(b"\x1b]9;p2p: bob has written\x07", b"NOTE")
    assert (b"NOTE" in rang, b"\x07" in rang) == (not quiet, not quiet)


@pytest.mark.parametrize(
    ("how", "note"),
    [
        ({"P2P_NOTIFICATION_TEXT": "full"}, b"bob: are you there?"),
        ({"P2P_NOTIFICATION_TEXT": "none"}, b"a message"),
        ({"P2P_NOTIFICATION_TEXT": "name"}, b"bob has written"),
        ({"P2P_QUIET_HOURS": "00:00-23:59"}, b""),
    ],
)
def test_notification_text_follows_the_setting(
    terminals: Terminals, how: dict[str, str], note: bytes
) -> None:
    """There are no notifications in quiet hours."""
    if "P2P_QUIET_HOURS" in how and dt.datetime.now().astimezone().strftime("%H:%M") == "23:59":
        pytest.skip("the one minute that is not quiet")
    alice = terminals.open("alice", P2P_NOTIFICATIONS="osc9", **how)
    heard = bytearray()
    alice.heard = heard.extend
    alice.wait_until(lambda: "connected" in alice.toolbar)
    code, _, err = terminals.people.run("bob", "send", "alice", "are you there?", "--wait", "10")
    assert code == 0, err
    alice.wait_for("bob has written")
    alice.enter("/quit")
    alice.end()
    notes = re.findall(rb"\x1b\]9;p2p: ([^\x07]*)\x07", bytes(heard))
    assert notes == ([note] if note else [])


@pytest.mark.parametrize(
    "how", [{}, {"NO_COLOR": "1"}, {"P2P_THEME": "dark"}, {"P2P_THEME": "light"}]
)
def test_nothing_is_conveyed_by_colour_alone(terminals: Terminals, how: dict[str, str]) -> None:
    """With NO_COLOR there are no colours, and the words are the same."""
    alice = terminals.open("alice", **how)
    heard = bytearray()
    alice.heard = heard.extend
    alice.wait_until(lambda: "connected" in alice.toolbar)
    alice.enter("/chat bob")
    alice.wait_for("bob is offline")
    colours = re.findall(
        rb"\x1b\[[0-9;]*(?:3[0-7]|38|4[0-7]|48|9[0-7]|10[0-7])[0-9;]*m", bytes(heard)
    )
    assert bool(colours) == ("NO_COLOR" not in how)


def test_typing_while_500_lines_arrive(terminals: Terminals) -> None:
    """The typed text stays intact, and all lines arrive in order."""
    with running(terminals.people.start("bob")) as bob:
        bob.type("/chat alice")
        alice = terminals.chat()
        sending = threading.Thread(
            target=lambda: [bob.type(f"line {i} 你好 e\u0301") for i in range(500)]
        )
        sending.start()
        for word in ("typing", " goes", " on", " all", " the", " while"):
            alice.type(word)
            alice.wait_until(lambda word=word: word.strip() in alice.prompt_line)
        alice.wait_for("^bob: line 499")
        sending.join()
        alice.wait_until(lambda: typed(alice) == "typing goes on all the while")
        alice.enter("!")
        bob.wait_for("^alice: typing goes on all the while!$")
        said = [text for _, text, _ in terminals.people.texts("alice", "bob", "--limit", "1000")]
        assert [t for t in said if t.startswith("line ")] == [
            f"line {i} 你好 e\u0301" for i in range(500)
        ]


def test_two_users_type_at_once(terminals: Terminals) -> None:
    """Neither line is torn by the other's, at two sizes and after a resize."""
    bob = terminals.open("bob")
    bob.wait_until(lambda: "connected" in bob.toolbar)
    bob.enter("/chat alice")
    alice = terminals.chat()
    alice.resize(60, 40)
    for i in range(10):
        alice.type(f"a{i}")
        bob.type(f"b{i}")
        alice.type("\r")
        bob.type("\r")
    for screen, other, mine in ((alice, "bob: b9", "a9"), (bob, "alice: a9", "b9")):
        screen.wait_for(f"^{other}$")
        screen.wait_for(f"{mine}  ✓$")
        screen.wait_until(lambda screen=screen: typed(screen) == "")
    alice.wait_until(lambda: "bob, " in alice.toolbar)


def test_dumb_terminal_gets_plain_lines(people: People) -> None:
    """A dumb terminal and P2P_PLAIN get no escape sequences."""
    for more in ({"TERM": "dumb"}, {"P2P_PLAIN": "1"}):
        terminals: list[Screen] = []
        screen = Screen("login", "alice", env=people.env["alice"] | more, screens=terminals)
        heard = bytearray()
        screen.heard = heard.extend
        screen.wait_for("logged in as alice")
        screen.enter("/quit")
        assert screen.end() == 0
        assert b"\x1b" not in heard
        screen.kill()


def _drafts(terminals: Terminals) -> str:
    """Return alice's draft to bob as it is on disk."""
    for file in Path(terminals.people.env["alice"]["P2P_HOME"]).glob("state/drafts-*.json"):
        found = re.search(r'"bob":"([^"]*)"', file.read_text())
        return found[1] if found else ""
    return ""


def test_unknown_command_is_not_sent(terminals: Terminals) -> None:
    """An unknown command gets a suggestion."""
    alice = terminals.chat()
    alice.enter("/serch bob")
    alice.wait_for("no command /serch; nothing was sent")
    alice.wait_for("did you mean /search")


def test_ctrl_c_clears_the_line_first(terminals: Terminals) -> None:
    """Ctrl-C clears a text before it leaves, and a draft is kept."""
    alice = terminals.chat()
    alice.type("never mind")
    alice.wait_until(lambda: typed(alice) == "never mind")
    alice.type("\x03")
    alice.wait_until(lambda: typed(alice) == "")
    alice.type("\x03")
    alice.wait_until(lambda: "Ctrl-C again to leave" in alice.toolbar)
    alice.type("begun")
    alice.wait_until(lambda: typed(alice) == "begun")
    assert "Ctrl-C again" not in alice.toolbar
    alice.process.send_signal(signal.SIGINT)
    alice.end()
    again = terminals.chat()
    again.wait_until(lambda: typed(again) == "begun")


def test_invalid_utf8_is_replaced(terminals: Terminals) -> None:
    """Bytes of another encoding are kept in drafts and lines as replacements."""
    alice = terminals.chat()
    alice.send(b"caf\xe9")
    alice.wait_until(lambda: typed(alice).startswith("caf"))
    alice.wait_until(lambda: _drafts(terminals).startswith("caf"))
    alice.enter(" is closed")
    alice.wait_for("caf. is closed  \\(queued\\)")
    alice.enter("/quit")
    assert alice.end() == 0
    assert "Traceback" not in alice.text
