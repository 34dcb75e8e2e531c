"""What a script is told matches the databases, for every way to send and in every state.

Exit 0: the line is on the contact's disk. 6: it is in the outbox or delivered. 10: the user has to
decide. 7: it has failed. 3 and others: nothing is kept. Real processes.
"""

import json
import signal
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.people import People, Registry
from tests.programs import Program, running, wait_until

Say = Callable[[People, str], tuple[int, str]]
"""Says a text to bob as alice; returns the exit code, and what was printed."""


def _send(people: People, text: str) -> tuple[int, str]:
    code, said, err = people.run("alice", "send", "bob", text, "--wait", "5")
    return code, "\n".join([*said, err])


def _send_lines(people: People, text: str) -> tuple[int, str]:
    code, said, err = people.run("alice", "send", "bob", "--wait", "5", stdin=text)
    return code, "\n".join([*said, err])


def _chat(people: People, text: str) -> tuple[int, str]:
    code, said, err = people.run("alice", "chat", "bob", stdin=text + "\n")
    return code, "\n".join([*said, err])


def _json(people: People, text: str) -> tuple[int, str]:
    order = json.dumps({"command": "send", "to": "bob", "text": text, "id": 1})
    code, said, err = people.run("alice", "chat", "bob", "--json", stdin=order + "\n")
    return code, "\n".join([*said, err])


WAYS: dict[str, Say] = {"send": _send, "lines": _send_lines, "chat": _chat, "json": _json}


def check(people: People, said: dict[str, tuple[int, str]]) -> None:
    """Compare the outcome of each text with both databases."""
    ours = {text: state for who, text, state in people.texts("alice", "bob") if who == "alice"}
    theirs = [text for who, text, _ in people.texts("bob", "alice") if who == "alice"]
    for text, (code, told) in said.items():
        state = ours.get(text)
        assert theirs.count(text) <= 1, (text, told)
        assert (text in theirs) == (state == "delivered"), (text, state, told)
        expected = {"delivered": {0}, "queued": {6, 10}, "failed": {7, 10}, None: {2, 3, 4, 5, 9}}
        assert code in expected[state], (text, state, code, told)
        assert ("not sent" in told) <= (state is None), (text, state, told)


def say_it_all(people: People, prefix: str) -> dict[str, tuple[int, str]]:
    """Send a text in each way."""
    return {f"{prefix} {way}": say(people, f"{prefix} {way}") for way, say in WAYS.items()}


def codes(said: dict[str, tuple[int, str]]) -> set[int]:
    return {code for code, _ in said.values()}


@pytest.mark.parametrize("through", ["a node", "none"])
def test_online_and_offline(people: People, through: str) -> None:
    """Lines are delivered or queued, and queued ones are sent first when bob is back."""
    alice = people.start("alice", "--headless") if through == "a node" else None
    with running(people.start("bob", "--headless")) as bob:
        said = say_it_all(people, "online")
        assert codes(said) == {0}
        bob.signal(signal.SIGTERM)
        bob.end()
    said |= (later := say_it_all(people, "offline"))
    assert codes(later) == {6}
    check(people, said)
    if alice is not None:
        alice.kill()
    with running(people.start("bob", "--headless")):
        assert people.run("alice", "send", "bob", "last", "--wait", "20")[0] == 0
        theirs = [text for who, text, _ in people.texts("bob", "alice") if who == "alice"]
        assert theirs[-9:] == [*said, "last"]


@pytest.mark.parametrize("state", ["no node", "link up", "no link"])
def test_registry_down(tmp_path: Path, state: str) -> None:
    """An open link or a known address is used; otherwise the line is queued."""
    registry = Registry(tmp_path / "r")
    people = People(registry, tmp_path)
    nodes = []
    if state != "no node":
        nodes = [people.start(name, "--headless") for name in ("alice", "bob")]
        if state == "link up":
            assert people.run("alice", "send", "bob", "before")[0] == 0
    registry.kill()
    for node in nodes:
        node.wait_for("registry lost")
    said = say_it_all(people, "down")
    assert codes(said) == {6 if state == "no node" else 0}, said
    check(people, said)
    for node in nodes:
        node.kill()


@pytest.mark.parametrize("way", WAYS)
def test_node_killed(people: People, way: str) -> None:
    """If the node is killed meanwhile, a line that it has stored exits with 6."""
    with running(people.start("alice", "--headless")) as alice:
        text = f"killed {way}"
        order = json.dumps({"command": "send", "to": "bob", "text": text, "id": 1})
        words = {
            "send": ("send", "bob", text, "--wait", "60"),
            "lines": ("send", "bob", "--wait", "60"),
            "chat": ("chat", "bob"),
            "json": ("chat", "bob", "--json"),
        }[way]
        saying = Program(*words, env=people.env["alice"])
        with running(saying):
            if way == "lines":
                saying.write_all(text)
            elif way != "send":
                saying.type(text if way == "chat" else order)
            wait_until(
                lambda: text in [line[1] for line in people.texts("alice", "bob")], alice, saying
            )
            alice.kill()
            code, err = saying.end()
    check(people, {text: (code, err)})
    assert code == 6


def test_node_stopped(people: People) -> None:
    """Commands name the stopped node within seconds, and nothing happens later."""
    env = people.env["alice"]
    with running(people.start("alice", "--headless")) as alice, ExitStack() as stack:
        commands = [Program("chat", "bob", *how, env=env) for how in ((), ("--json",))]
        commands[0].type("/help")
        commands[0].wait_for("/quit")
        commands[1].type('{"command":"nonsense"}')
        commands[1].wait_for("nonsense")
        alice.signal(signal.SIGSTOP)
        orders = (
            ("send", "bob", "stopped", "--queue"),
            ("search", "bob"),
            ("status",),
            ("chat", "bob"),
            ("chat", "bob", "--json"),
            ("listen",),
            ("outbox", "cancel", "bob"),
        )
        commands += [Program(*words, env=env) for words in orders]
        for command in commands:
            stack.enter_context(running(command))
        for command in commands:
            assert command.process.wait() == 9, command.process.args
            err = command.end()[1]
            assert f"process {alice.process.pid}, does not answer" in err
            assert f"kill -CONT {alice.process.pid}" in err
        alice.signal(signal.SIGCONT)
        assert people.run("alice", "status")[0] == 0
        assert "stopped" not in [text for _, text, _ in people.texts("alice", "bob")]


@pytest.mark.parametrize("through", ["a node", "none"])
def test_changed_key(tmp_path: Path, through: str) -> None:
    """A line is queued or refused, and never sent to the new key."""
    with running(registry := Registry(tmp_path / "r")), ExitStack() as stack:
        people = People(registry, tmp_path)
        env = people.env["bob"] | {"P2P_HOME": str(tmp_path / "new")}
        bob = stack.enter_context(running(Program("login", "bob", "--headless", env=env)))
        bob.wait_for("logged in as bob")
        if through == "a node":
            stack.enter_context(running(people.start("alice", "--headless")))
        said = say_it_all(people, "changed")
        assert codes(said) == {10}
        history = Program("history", "alice", "--json", env=env)
        assert history.end()[0] == 5, "the new bob has met alice"
        ours = {text: state for who, text, state in people.texts("alice", "bob")}
        for text, (_, told) in said.items():
            assert ours.get(text) in {"queued", None}
            assert "has a different key from the one we know" in told


def test_rejected_call(people: People, tmp_path: Path) -> None:
    """If bob has lost his contacts and rejects alice, her lines fail."""
    assert people.run("alice", "send", "bob", "early")[0] == 6
    with closing(sqlite3.connect(tmp_path / "bob" / "data" / "profile.sqlite3")) as profile:
        profile.execute("UPDATE contact SET accepted = 0")
        profile.commit()
    with running(people.start("bob")) as bob:
        with running(Program("chat", "bob", env=people.env["alice"])) as alice:
            alice.type("more")
            bob.wait_for("alice wants to chat")
            bob.type("/reject")
            code, err = alice.end()
        said = "\n".join([*alice.said, err])
        assert code == 7, said
        check(people, {"early": (7, ""), "more": (7, said)})
