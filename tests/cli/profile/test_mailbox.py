"""Messages left for a contact who is offline: real programs at a real registry with mailboxes."""

import json
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.people import People, Registry
from tests.programs import STARTED, Program, Serve, running

SECRET = "the-eagle-has-landed-at-dawn"


class OwnRegistry(Registry):
    """A registry that is no fork of a test, which would have the test's memory."""

    command = STARTED


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with running(OwnRegistry(tmp_path / "r", "--mailbox", "10MB")) as serve:
        yield serve


@pytest.fixture
def apart(registry: Registry, tmp_path: Path) -> People:
    """Return alice and bob at this registry, who have chatted and are offline."""
    return People(registry, tmp_path)


def log_in(people: People, name: str) -> Program:
    """Return a program of a user who is online."""
    program = Program("login", "--json", env=people.env[name])
    program.wait_for('"event": "logged_in"')
    return program


def come_and_go(people: People, name: str) -> None:
    """Let a user log in, and out again."""
    with running(log_in(people, name)) as program:
        program.type('{"command":"mailbox"}')
        program.wait_for('"command": "mailbox"')
        assert program.end()[0] == 0


def test_message_is_left_and_arrives(apart: People) -> None:
    """The sender quits before the receiver comes, who quits before the sender is back."""
    code, _, err = apart.run("alice", "send", "bob", SECRET)
    assert code == 6
    assert "bob is offline; it waits in bob's mailbox" in err
    code, said, _ = apart.run("alice", "outbox")
    assert re.search(rf"{SECRET}  \(left for bob until \d{{4}}-\d\d-\d\d \d\d:\d\d\)$", said[0])
    (line,) = (json.loads(line) for line in apart.run("alice", "outbox", "--json")[1])
    assert (line["state"], line["until"][:2]) == ("left", "20")
    assert apart.run("alice", "mailbox")[1][1].startswith("left for bob: 1 line, kept until 20")

    code, said, _ = apart.run("bob", "mailbox", "--json")
    assert (code, json.loads(said[0])["waiting"]) == (0, 1)
    with running(log_in(apart, "bob")) as bob:
        bob.wait_for(f'"text": "{SECRET}".*"by": "mailbox"')
        assert bob.end()[0] == 0
    assert apart.texts("bob", "alice")[-1] == ("alice", SECRET, "unread")

    assert apart.texts("alice", "bob")[-1] == ("alice", SECRET, "left")
    with running(log_in(apart, "alice")) as alice:
        alice.wait_for('"event": "delivered".*"to": "bob"')
        assert alice.end()[0] == 0
    assert apart.texts("alice", "bob")[-1] == ("alice", SECRET, "delivered")


def test_left_is_enough(apart: People) -> None:
    """For a machine that is not up for long, and only if it was left."""
    assert apart.run("alice", "send", "bob", "one", "--left-is-enough") == (0, [], "")
    assert apart.run("bob", "mailbox", "off")[0] == 0
    assert apart.run("bob", "mailbox")[1] == [
        "your mailbox is off: nobody can leave messages for you",
        "messages wait there for you; they come at your next p2p login",
    ]
    assert apart.run("alice", "send", "bob", "two", "--left-is-enough")[0] == 6
    come_and_go(apart, "bob")
    come_and_go(apart, "alice")
    states = {text: state for _, text, state in apart.texts("alice", "bob")}
    assert (states["one"], states["two"]) == ("delivered", "queued")
    assert apart.run("bob", "mailbox", "on")[0] == 0
    assert apart.run("alice", "send", "bob", "three", "--left-is-enough", "--expires", "1h")[0] == 0
    file = Path(apart.env["alice"]["P2P_HOME"]) / "data" / "profile.sqlite3"
    with closing(sqlite3.connect(file)) as database:
        query = "SELECT expires_at > 0 FROM line WHERE text = 'three'"
        assert database.execute(query).fetchall() == [(1,)]


def test_registry_cannot_be_told(apart: People, registry: Registry) -> None:
    """Then the next login tells it, and nothing else is claimed."""
    registry.kill()
    for state in ("off", "on"):
        code, said, _ = apart.run("bob", "mailbox", state)
        assert (code, said[0].partition(":")[0]) == (
            0,
            f"your mailbox is {state} from your next p2p login on",
        )


@pytest.mark.parametrize("with_node", [False, True])
def test_message_is_taken_back(apart: People, *, with_node: bool) -> None:
    """Cancelled lines are deleted at the registry, by the running node or without one."""
    assert apart.run("alice", "send", "bob", "oh no")[0] == 6
    if with_node:
        with running(apart.start("alice", "--headless")):
            cancelled = apart.run("alice", "outbox", "cancel", "bob")
    else:
        cancelled = apart.run("alice", "outbox", "cancel", "bob")
    assert cancelled == (0, ["1 line will not be delivered"], "")
    assert json.loads(apart.run("bob", "mailbox", "--json")[1][0])["waiting"] == 0
    assert apart.texts("alice", "bob")[-1] == ("alice", "oh no", "failed")


def test_what_may_have_been_read_is_not_cancelled(apart: People, registry: Registry) -> None:
    """Without the registry nothing can be taken back, and the lines stay."""
    assert apart.run("alice", "send", "bob", "too late")[0] == 6
    registry.kill()
    code, said, _ = apart.run("alice", "outbox", "cancel", "bob")
    assert (code, said[0]) == (0, "0 lines will not be delivered")
    assert said[1].startswith("1 line stays: left in bob's mailbox")
    assert apart.texts("alice", "bob")[-1] == ("alice", "too late", "left")
    assert "not known now" in apart.run("alice", "mailbox")[1][0]


def test_registry_has_neither_text_nor_sender(apart: People, registry: Registry) -> None:
    """Not in its database, its log, nor its memory; the text is there in none of its encodings."""
    with running(log_in(apart, "alice")) as alice:
        for n in range(20):
            alice.type(json.dumps({"command": "send", "to": "bob", "text": f"{SECRET} {n}"}))
        alice.wait_for('"number": 20')
        assert alice.end()[0] == 0
    memory = _memory(registry)
    with closing(sqlite3.connect(registry.folder / "accounts.sqlite3")) as database:
        rows = database.execute("SELECT * FROM box_run WHERE username = 'bob'").fetchall()
        passes = database.execute("SELECT * FROM box_pass WHERE username = 'bob'").fetchall()
    assert rows
    assert passes
    for value in (value for row in (*rows, *passes) for value in row):
        assert b"alice" not in (value if isinstance(value, bytes) else str(value).encode())
    files = [file for file in registry.folder.rglob("*") if file.is_file()]
    for data in (*(file.read_bytes() for file in files), memory):
        assert SECRET.encode() not in data
    assert b"accounts.sqlite3" in memory  # so it was read
    registry.signal(signal.SIGTERM)
    assert SECRET not in registry.end()[1]


def test_registry_without_mailboxes(people: People) -> None:
    """Then lines wait on the disk, as ever, and everybody is told so."""
    code, _, err = people.run("alice", "send", "bob", "hello", "--left-is-enough")
    assert code == 6
    assert "it is queued and will be sent when bob is online" in err
    assert "keeps no mailboxes" in people.run("alice", "mailbox")[1][0]
    assert '"kept": false' in people.run("alice", "mailbox", "--json")[1][0]
    people.run("alice", "outbox", "cancel", "bob")


def _memory(serve: Serve) -> bytes:
    """Return what can be read of a process's writable memory."""
    process = Path(f"/proc/{serve.process.pid}")
    parts = []
    with (process / "mem").open("rb", buffering=0) as memory:
        for area in (process / "maps").read_text().splitlines():
            if " rw" not in area or "[vvar" in area:
                continue
            first, last = (int(end, 16) for end in area.split()[0].split("-"))
            memory.seek(first)
            parts.append(memory.read(last - first))
    return b"".join(parts)
