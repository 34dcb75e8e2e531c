"""Programs at a node: `listen`, `login --json`, `chat --json`, and pipes that are closed early."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.people import People, Registry
from tests.programs import P2P, Program, environment, running


def told(program: Program) -> list[dict[str, Any]]:
    return [json.loads(line) for line in program.said]


def unread(people: People, name: str) -> object:
    return json.loads(people.run(name, "status", "--json")[1][0])["unread"]


@pytest.mark.parametrize("beside", [True, False], ids=["beside a node", "alone"])
def test_listener_is_a_bystander_unless_seen_is_given(people: People, beside: bool) -> None:
    """Printed lines stay unread; with --seen unread lines come first and are seen once written."""
    node = people.start("bob", "--headless") if beside else None
    try:
        with running(Program("listen", "--json", env=people.env["bob"])) as listener:
            if not beside:
                listener.wait_for('"logged_in"')
                assert people.run("alice", "send", "bob", "first")[0] == 0
            else:
                assert people.run("alice", "send", "bob", "first")[0] == 0
                # The line may have arrived before the listener did.
                while not people.run("alice", "send", "bob", "again")[0] and not listener.said:
                    listener.wait_for('"event"')
            listener.wait_for('"message"')
            assert unread(people, "bob") != {}
            listener.signal(signal.SIGTERM)
            assert listener.end()[0] in {0, -signal.SIGTERM}
        with running(Program("listen", "--seen", "--from", "Alice", env=people.env["bob"])) as one:
            one.wait_for("^alice: first$")
            if beside:
                one.wait_for("^alice: again$")
            assert people.run("alice", "send", "bob", "second")[0] == 0
            one.wait_for("^alice: second$")
            one.signal(signal.SIGTERM)
            one.end()
            assert all(line.startswith("alice: ") for line in one.said)
        assert unread(people, "bob") == {}
    finally:
        if node is not None:
            node.kill()


@pytest.mark.parametrize("beside", [True, False], ids=["beside a node", "alone"])
def test_login_as_a_program(people: People, beside: bool) -> None:
    """Orders are answered and events written at once; sent lines are delivered before the exit."""
    node = people.start("alice", "--headless") if beside else None
    try:
        with (
            running(people.start("bob")) as bob,
            running(Program("login", "--json", env=people.env["alice"])) as bot,
        ):
            bot.type('{"command":"send","to":"bob","text":"hi","id":1}')
            bot.wait_for('"done".*"id": 1')
            bob.wait_for("alice has written")
            bot.type("nonsense")
            bot.wait_for('"error".*"the line is not JSON"')
            bob.type("/chat alice")
            bob.wait_for("^alice: hi$")
            bob.type("hello bot")
            bot.wait_for('"message".*"hello bot"')
            bot.type('{"command":"send","to":"bob","text":"bye","id":2}')
            assert bot.end() == (0, "")
            bob.wait_for("^alice: bye$")
            assert {t["v"] for t in told(bot)} == {1}
            assert ("done", 2) in [(t["event"], t.get("id")) for t in told(bot)]
        assert unread(people, "alice") == {"bob": 1}
    finally:
        if node is not None:
            node.kill()


@pytest.mark.parametrize("beside", [True, False], ids=["beside a node", "alone"])
def test_chat_as_a_program(people: People, beside: bool) -> None:
    """Orders address the called contact, and the exit codes are those of chat."""
    node = people.start("alice", "--headless") if beside else None
    try:
        orders = '{"command":"send","text":"one"}\n{"command":"send","text":"two"}\n'
        assert people.run("alice", "chat", "bob", "--json", stdin=orders)[0] == 6
        with running(people.start("bob")) as bob:
            assert people.run("alice", "chat", "bob", "--json", stdin=orders)[0] == 0
            bob.type("/quit")
            assert bob.end()[0] == 0
        sent = [text for sender, text, _ in people.texts("bob", "alice") if sender == "alice"]
        assert sent[-4:] == ["one", "two"] * 2
        code, said, _ = people.run("alice", "chat", "nobody", "--json", stdin="\n")
        assert code == 5
        assert json.loads(said[-1])["event"] == "call_failed"
    finally:
        if node is not None:
            node.kill()


def test_conflicting_options_are_refused(tmp_path: Path) -> None:
    """Options that exclude each other are refused with advice."""
    for words in (["--seen"], ["--json", "--headless"]):
        program = Program("login", "alice", *words, env=environment(tmp_path))
        code, err = program.end()
        assert (code, "likely" in err or "try" in err) == (2, True)


def in_bash(pipe: str, env: dict[str, str]) -> tuple[str, str]:
    """Return the output of a pipeline with the exit status of its first program, and its stderr."""
    done = subprocess.run(
        ["bash", "-c", f"{pipe}; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    return done.stdout, done.stderr


def test_history_into_head(people: People) -> None:
    """If the reader closes early, `p2p history` ends by SIGPIPE without a message."""
    long = "line\n" * 60_000
    assert people.run("alice", "send", "bob", "--queue", stdin=long)[0] == 6
    out, err = in_bash(f"{P2P} history bob | head -n 1", people.env["alice"])
    assert out.endswith("alice to bob: hello there  (delivered)\n141\n")
    assert err == ""


@pytest.mark.parametrize("beside", [True, False], ids=["beside a node", "alone"])
def test_listen_into_head(people: People, beside: bool) -> None:
    """`p2p listen` notices a closed pipe without another line and logs out."""
    if beside:
        with running(people.start("alice", "--headless")):
            people.run("alice", "send", "bob", "--queue", "x")
            pipe = f"{P2P} listen --json --seen | head -n 1"
            with running(people.start("bob")) as bob:
                bob.type("/chat alice")
                bob.type("unread")
                bob.type("/quit")
                bob.end()
            out, err = in_bash(pipe, people.env["alice"])
            assert '"unread"' in out
    else:
        out, err = in_bash(f"{P2P} listen | head -n 1", people.env["alice"])
        assert out.startswith("* logged in as alice")
        assert people.run("bob", "search", "alice")[0] == 6
    assert (out.splitlines()[-1], err) == ("141", "")


@pytest.mark.parametrize("words", [["users", "list"], ["users", "list", "--json"], ["contacts"]])
def test_pipe_that_is_already_closed(acquainted: tuple[Registry, People], words: list[str]) -> None:
    """A command ends by SIGPIPE without a traceback."""
    registry, people = acquainted
    env = people.env["alice"] | {"P2P_SERVE_DATA_DIR": str(registry.folder)}
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", encoding="utf-8") as out:
        done = subprocess.run(
            [P2P, *words], stdout=out, stderr=subprocess.PIPE, env=env, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, "")
