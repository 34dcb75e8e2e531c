"""send, outbox, history and status from scripts, with real processes, with and without a node."""

import json
import re
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.people import People, Registry
from tests.programs import P2P, Program, by_clock, running, wait_until
from tests.terminal.screen import Screen


def test_send_to_a_headless_node(people: People) -> None:
    """Exit 0 means that the line is on the contact's disk; long texts are sent in parts."""
    with running(people.start("bob", "--headless")) as bob:
        assert people.run("alice", "send", "bob", "one line") == (0, [], "")
        long = "".join(f"line {n}\n" for n in range(20_000))
        assert people.run("alice", "send", "bob", stdin=long) == (0, [], "")
        code, said, _ = people.run("bob", "status", "--json")
        assert code == 0
        status = json.loads(said[0])
        assert status["standing"] == "online"
        assert status["unread"] == {"alice": 5}
        bob.signal(signal.SIGTERM)
        assert bob.end()[0] == 0
    received = people.texts("bob", "alice")
    assert received[:2] == [("alice", "hello there", "read"), ("alice", "one line", "unread")]
    assert "\n".join(text for _, text, _ in received[2:]) + "\n" == long
    with running(people.start("bob")) as bob:
        bob.wait_for("alice: 5 unread")


@pytest.mark.parametrize("program", ["send", "library"])
def test_node_that_runs_briefly_follows_the_file(people: People, program: str) -> None:
    """Without a lasting node, `send` and a program keep no history if the file says so."""
    file = Path(people.env["alice"]["P2P_HOME"]) / "config" / "config.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text("no-history = true\n")
    with running(people.start("bob", "--headless")):
        if program == "send":
            assert people.run("alice", "send", "bob", "kept by nobody")[0] == 0
        else:
            script = (
                "import p2pchat\n"
                "with p2pchat.connect() as chat:\n"
                "    chat.send('bob', 'kept by nobody').wait(60)\n"
            )
            subprocess.run([sys.executable, "-c", script], check=True, env=people.env["alice"])
    assert "kept by nobody" in str(people.texts("bob", "alice"))
    assert "kept by nobody" not in str(people.texts("alice", "bob"))


def test_line_to_an_offline_contact_is_delivered_later(people: People) -> None:
    """Exit 6 means that the line is in the outbox; a running node delivers it."""
    code, _, err = people.run("alice", "send", "bob", "later")
    assert code == 6
    assert "it is queued and will be sent when bob is online" in err
    code, said, _ = people.run("alice", "outbox")
    assert (code, len(said)) == (0, 1)
    assert said[0].endswith("to bob: later  (queued)")
    with running(people.start("alice", "--headless")):
        with running(people.start("bob")) as bob:
            bob.wait_for("alice has written: /chat alice")
            bob.type("/chat alice")
            bob.wait_for("^alice: later$")
            assert (
                people.run("alice", "send", "bob", "and this")[0] == 0
            )  # then all earlier ones are, too
        code, said, _ = people.run("alice", "status")
        assert code == 0
        assert "waiting" not in "".join(said)
    assert people.texts("alice", "bob")[-2] == ("alice", "later", "delivered")


def test_queue_without_a_node(people: People) -> None:
    """With --queue the line is stored without a node, for a stranger as well."""
    assert Program("register", "dora", env=people.env["bob"]).end()[0] == 0
    assert people.run("alice", "send", "dora", "hello", "--queue")[0] == 6
    assert people.run("alice", "send", "bob", "hello", "--queue")[0] == 6
    said = people.run("alice", "outbox")[1]
    assert people.run("alice", "outbox", "list")[1] == said
    assert [line.partition(" to ")[2] for line in said] == [
        "dora: hello  (queued)",
        "bob: hello  (queued)",
    ]
    assert people.run("alice", "send", "nobody", "hello", "--queue")[0] == 5
    done = subprocess.run(
        f"{P2P} send bob <&-", shell=True, capture_output=True, env=people.env["alice"], check=False
    )
    assert (done.returncode, b"nothing to send" in done.stderr) == (2, True)


def test_commands_use_the_running_node(people: People) -> None:
    """Commands use the running node without a second login or a password."""
    with running(people.start("bob")), running(people.start("alice")) as alice:
        del people.env["alice"]["P2P_PASSWORD"]
        assert people.run("alice", "send", "bob", "through the node")[0] == 0
        code, said, _ = people.run("alice", "search", "bob")
        assert (code, "bob is online" in said[0]) == (0, True)
        alice.type("/quit")
        assert alice.end()[0] == 0
        assert "logged in elsewhere" not in "\n".join(alice.said)


def test_killed_node_leaves_nothing_behind(people: People) -> None:
    """The stale socket and lock of a killed node do not matter."""
    with running(people.start("alice")) as alice:
        alice.signal(signal.SIGKILL)
        alice.process.wait()
    code, said, _ = people.run("alice", "status")
    assert (code, "no node is running" in said[0]) == (0, True)
    people.start("alice").kill()


def test_cancelled_lines_can_be_retried(people: People) -> None:
    """Cancelled lines have failed and can be sent again."""
    assert people.run("alice", "send", "bob", "maybe")[0] == 6
    assert people.run("alice", "outbox", "cancel", "bob")[1] == ["1 line will not be delivered"]
    with running(people.start("bob", "--headless")):
        said = people.run("alice", "outbox")[1]
        assert said[0].endswith("(failed)")
        assert people.run("alice", "outbox", "retry", "bob")[:2] == (0, ["1 line delivered"])
        assert people.run("alice", "outbox") == (0, [], "")
    assert people.texts("bob", "alice")[-1][1] == "maybe"
    assert people.run("alice", "outbox", "retry", "bob")[0] == 2


def test_cancel_and_retry_at_a_running_node(people: People) -> None:
    """A running node knows of a cancellation at once and sends retried lines."""

    def waiting() -> object:
        return json.loads(people.run("alice", "status", "--json")[1][0])["waiting"]

    with running(people.start("alice", "--headless")):
        assert people.run("alice", "send", "bob", "--queue", "one")[0] == 6
        assert people.run("alice", "send", "bob", "--queue", "two")[0] == 6
        assert waiting() == {"bob": 2}
        cancelled = people.run("alice", "outbox", "cancel", "bob")[1]
        assert cancelled == ["2 lines will not be delivered"]
        assert waiting() == {}
        code, said, err = people.run("alice", "outbox", "retry", "bob")
        assert (code, said) == (6, [])
        assert err.startswith("p2p: bob is offline; it is queued and will be sent")
        with running(people.start("bob", "--headless")):
            assert people.run("alice", "send", "bob", "three")[0] == 0
        assert [text for _, text, _ in people.texts("bob", "alice")][-3:] == ["one", "two", "three"]


def test_node_killed_during_a_retry(people: People) -> None:
    """If the node dies with the order, the retried lines are queued and reported as queued."""
    assert people.run("alice", "send", "bob", "maybe")[0] == 6
    assert people.run("alice", "outbox", "cancel", "bob")[0] == 0
    with running(people.start("bob", "--headless")) as bob:
        bob.signal(signal.SIGSTOP)
        with running(people.start("alice", "--headless")) as alice:
            retry = Program("outbox", "retry", "bob", env=people.env["alice"])
            with running(retry):
                queued = ("alice", "maybe", "queued")
                wait_until(lambda: queued in people.texts("alice", "bob"), retry)
                alice.kill()
                code, err = retry.end()
    assert (code, "it is queued and will be sent" in err) == (6, True), err
    assert people.texts("alice", "bob")[-1] == ("alice", "maybe", "queued")


def test_changed_key_stops_the_outbox(tmp_path: Path) -> None:
    """A changed key exits with 10; after `trust`, queued lines can be retried, once."""
    registry = Registry(tmp_path / "r")  # a registry of its own, since bob is replaced there
    with ExitStack() as stack:
        stack.enter_context(running(registry))
        people = People(registry, tmp_path)
        shutil.rmtree(people.env["bob"]["P2P_HOME"])
        bob = stack.enter_context(running(people.start("bob", "bob")))
        assert people.run("alice", "send", "bob", "one")[0] == 10
        with running(people.start("alice", "--headless")):
            for text in ("two", "three"):
                code, _, err = people.run("alice", "send", "bob", text)
                assert code == 10
                assert (
                    "p2p: the registry says that bob has a different key from the one we know"
                    in err
                )
                assert "p2p trust bob" in err
            assert people.run("alice", "trust", "bob", "--yes")[0] == 0
            retry = Program("outbox", "retry", "bob", env=people.env["alice"])
            with running(retry):
                bob.wait_for("alice wants to chat")  # to the new bob she is a stranger
                bob.type("/accept")
                for text in ("one", "two", "three"):
                    bob.wait_for(f"^alice: {text}$")
                assert (retry.end(), retry.said) == ((0, ""), ["3 lines delivered"])
        assert people.run("alice", "outbox") == (0, [], "")
        bob.type("/quit")
        assert bob.end()[0] == 0


def test_history_is_searched_and_deleted(people: People) -> None:
    """The history is searched over all contacts, and deletion is final."""
    assert people.texts("alice", "--search", "HELLO") == [("alice", "hello there", "delivered")]
    assert people.texts("alice", "bob", "--since", "2100-01-01") == []
    assert people.run("alice", "history")[0] == 2
    people.start("alice", "--keep-days", "1").kill()
    assert len(people.texts("alice", "bob")) == 1
    people.start("alice", "--keep-days", "0.000001").kill()
    assert people.texts("alice", "bob") == []
    assert people.run("alice", "send", "bob", "hello again")[0] == 6
    assert people.run("alice", "history", "bob", "--delete")[1] == ["1 line with bob deleted"]
    assert people.texts("alice", "bob") == []


def test_misspelt_name_gets_a_suggestion(people: People) -> None:
    """Exit 5 with a suggestion from the known names, with and without a node."""
    meant = "  likely: did you mean bob?\n"
    nobody = "p2p: there is no user named bobb\n"

    def ask(*words: str) -> tuple[int, str]:
        code, _, err = people.run("alice", *words)
        return code, err

    assert ask("send", "bobb", "x") == (5, nobody + meant)
    assert ask("search", "bobb") == (5, meant)
    code, said, _ = people.run("alice", "chat", "bobb")
    assert (code, said[-1]) == (5, "* there is no user named bobb; likely: did you mean bob?")
    assert ask("history", "bobb")[0] == 5
    assert ask("history", "bobb")[1].endswith(meant)
    assert ask("search", "zoe") == (5, "")
    with running(people.start("alice", "--headless")):
        assert ask("send", "bobb", "x") == (5, nobody + meant)
        code, said, _ = people.run("alice", "chat", "bobb")
        assert (code, said[-1]) == (5, "* there is no user named bobb; likely: did you mean bob?")


def test_invalid_messages_are_refused(people: People) -> None:
    """An unknown user, an invalid name and an empty text are refused."""
    for words, code in (
        (("nobody", "x"), 5),
        (("al ice", "x"), 2),
        (("bob", ""), 2),
        (("bob",), 2),
    ):
        assert people.run("alice", "send", *words)[0] == code


@pytest.mark.parametrize("size", [400_000, 3_000_000])
def test_very_long_line_goes_through_the_node(people: People, size: int) -> None:
    """A very long line is sent in parts."""
    with running(people.start("alice", "--headless")), running(people.start("bob", "--headless")):
        assert people.run("alice", "send", "bob", stdin="x" * size) == (0, [], "")
    texts = [text for _, text, _ in people.texts("bob", "alice", "--limit", "1000")]
    assert "".join(texts[1:]) == "x" * size


@pytest.mark.parametrize("text", ["--help", "-h", "-5 degrees", "--queued", "-"])
def test_text_that_looks_like_an_option_is_refused(people: People, text: str) -> None:
    """A text that looks like an option is refused with the form that works, which it does."""
    before = people.texts("alice", "bob")
    code, said, err = people.run("alice", "send", "bob", text)
    if text == "-":
        assert code == 6
        return
    assert (code, said) == (2, [])
    assert "nothing was sent" in err
    assert "p2p send NAME -- " in err
    assert people.texts("alice", "bob") == before
    assert people.run("alice", "send", "bob", "--", text)[0] == 6
    assert people.run("alice", "send", "--queue", "bob", "--", text)[0] == 6
    assert people.run("alice", "send", "bob", "--queue", stdin=text)[0] == 6
    assert [t for _, t, _ in people.texts("alice", "bob")][-3:] == [text] * 3


@pytest.mark.parametrize(
    "words", [("--wiat", "3", "bob", "hi"), ("bob", "hi", "--wiat", "3"), ("--queu", "bob", "-x")]
)
def test_mistyped_option_gets_a_suggestion(people: People, words: tuple[str, ...]) -> None:
    """An unknown option before the name or after a text gets a suggestion."""
    code, _, err = people.run("alice", "send", *words)
    assert (code, "did you mean" in err) == (2, True), err
    assert "taken for an option" not in err
    assert len(people.texts("alice", "bob")) == 1


def test_help_option_before_the_name(people: People) -> None:
    """--help before the name shows the help, also after another option's value."""
    for words in (("--help",), ("-h",), ("--wait", "3", "--help")):
        code, said, _ = people.run("alice", "send", *words)
        assert code == 0
        assert said[0].startswith("Usage: p2p send")


def test_control_characters_are_kept_but_not_shown(people: People) -> None:
    """Control characters are stored and shown as replacements; --raw writes them to files only."""
    text = "red \x1b[31m title \x1b]0;x\x07 end"
    assert people.run("alice", "send", "bob", stdin=f"{text}\n")[0] == 6
    for words in (("history", "bob", "--limit", "1"), ("outbox",)):
        code, said, _ = people.run("alice", *words)
        assert code == 0
        assert "red \ufffd[31m title \ufffd]0;x\ufffd end" in said[-1]
        assert "\x1b" not in said[-1]
        assert people.run("alice", *words, "--raw")[1] == [text]
        screen = Screen(*words, "--raw", env=people.env["alice"], screens=[])
        assert screen.end() == 2
        assert "--raw does not print to a terminal" in screen.text
    with running(Program("chat", "bob", "--plain", env=people.env["alice"])) as chat:
        chat.wait_for("bob is offline")
        chat.type("/history bob")
        assert "\x1b" not in chat.wait_for("title")[0]


def test_message_for_later(people: People, tmp_path: Path) -> None:
    """A scheduled line is shown in the outbox and sent by a node that runs at its time."""
    code, _, err = people.run("alice", "send", "bob", "good morning", "--at", "2h")
    assert code == 6
    assert re.search(r"it is scheduled for \d{4}-\d\d-\d\d \d\d:\d\d\n", err)
    code, said, _ = people.run("alice", "outbox")
    assert code == 0
    assert re.search(r"me to bob: good morning  \(not before \d{4}-\d\d-\d\d \d\d:\d\d\)$", said[0])
    (line,) = map(json.loads, people.run("alice", "outbox", "--json")[1])
    assert (line["state"], line["to"], line["expires_at"]) == ("scheduled", "bob", None)
    assert people.run("alice", "outbox", "cancel", "bob")[1] == ["1 line will not be delivered"]
    assert people.run("alice", "outbox")[1] == []
    assert people.run("alice", "send", "bob", "now", "--at", "1h", "--expires", "1d")[0] == 6
    (offset := tmp_path / "offset").write_text("7200")
    with ExitStack() as stack:
        stack.enter_context(running(people.start("bob", "--headless")))
        alice = stack.enter_context(running(people.start("alice", command=by_clock(offset))))
        delivered = ("alice", "now", "delivered")
        wait_until(lambda: delivered in people.texts("alice", "bob"), alice)
    for words, what in (
        (("bob", "x", "--at", "yesterday"), "not a time in the future"),
        (("bob", "x", "--expires", "soon"), "not a duration"),
        (("zoe", "x", "--at", "2h"), "you have no key of zoe yet"),
    ):
        code, _, err = people.run("alice", "send", *words)
        assert (code, what in err) == (2, True), err


def test_expired_message_fails(people: People, tmp_path: Path) -> None:
    """A line that expires is given up by the node and marked failed."""
    assert people.run("alice", "send", "bob", "lunch?", "--expires", "1h", "--wait", "0")[0] == 6
    (offset := tmp_path / "offset").write_text("7200")
    with running(people.start("alice", command=by_clock(offset))) as alice:
        expired = "1 line to bob will not be delivered: it has expired: /outbox"
        if not any(
            expired in said for said in alice.said
        ):  # it may come before the login is through, or after
            alice.wait_for(expired)
    assert ("alice", "lunch?", "failed") in people.texts("alice", "bob")
