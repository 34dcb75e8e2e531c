"""Whatever a once accepted contact sends closes at most its link, waits at the contact,
or is cut.
"""

import json
import shlex
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.payloads import if_bombs_explode, nested
from tests.hostile.peer import HostileContact, hear, line, say_lines, sync
from tests.hostile.test_client_at_registry import with_bomb
from tests.people import Registry
from tests.programs import Program, environment, frame, running, wait_until

MAX_NUMBER = 2**48


class Victim:
    """Alice's home, and mallory, whom she has accepted once."""

    def __init__(self, env: dict[str, str], mallory: HostileContact) -> None:
        self.env = env
        self.mallory = mallory

    def start(self, *options: str) -> tuple[Program, int]:
        """Start her node and return it with its port."""
        node = Program("login", *options, env=self.env)
        port = node.wait_for(r"listening\W.*?127\.0\.0\.1:(\d+)")[1]
        return node, int(port)

    def run(self, *words: str) -> tuple[int, list[str], str]:
        """Run one of her commands."""
        program = Program(*words, env=self.env)
        code, err = program.end()
        return code, program.said, err

    @property
    def status(self) -> dict[str, Any]:
        """Return the status of her node, which must not have met a bug."""
        status = dict(json.loads(self.run("status", "--json")[1][0]))
        assert status["internal_errors"] == 0
        return status


@pytest.fixture(scope="module")
def acquaintance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """Yield alice and mallory at a registry."""
    folder = tmp_path_factory.mktemp("acquaintance")
    with running(registry := Registry(folder / "r")):
        env = environment(folder / "home", P2P_REGISTRY=registry.join, P2P_PASSWORD="password")
        assert Program("register", "alice", env=env).end() == (0, "")
        victim = Victim(env, HostileContact(registry, folder))
        node, port = victim.start()
        with running(node):
            victim.mallory.be_accepted(node, port).close()
            node.signal(signal.SIGTERM)
            node.end()
        yield victim
        victim.mallory.close()


@pytest.fixture
def victim(acquaintance: Victim, tmp_path: Path) -> Iterator[Victim]:
    """Yield the two with a fresh copy of alice's home."""
    env = acquaintance.env | {name: str(tmp_path / "home") for name in ("P2P_HOME", "HOME")}
    shutil.copytree(acquaintance.env["P2P_HOME"], tmp_path / "home")
    yield Victim(env, acquaintance.mallory)
    acquaintance.mallory.hang_up()


@if_bombs_explode
@pytest.mark.parametrize("command", ["CHAT_REQ", "SYNC", "HERE", "IDLE", "MSG", "ACK", "SKIP"])
def test_nested_json_closes_the_link(victim: Victim, command: str) -> None:
    """Deeply nested JSON closes the link, before and after the call is accepted."""
    node, port = victim.start("--headless")
    with running(node):
        stranger = victim.mallory.dial(port)
        stranger.say(command, with_bomb(nested("[", "]")))
        assert stranger.closed_by_remote()
        contact = victim.mallory.call(port)
        sync(contact)
        contact.say(command, with_bomb(nested('{"a":', "}")))
        with pytest.raises((AssertionError, ConnectionError)):
            hear(contact, "nothing")
        assert victim.status["standing"] == "online"


def test_implausible_numbers_close_the_link(victim: Victim) -> None:
    """Implausible numbers close the link and leave the position as it was, even after a restart."""
    for _ in range(2):
        node, port = victim.start("--headless")
        with running(node):
            for said in (
                [("SKIP", json.dumps({"to": MAX_NUMBER})), ("MSG", line(MAX_NUMBER + 1))],
                [("SKIP", json.dumps({"to": 2**33}))],
                [("MSG", line(MAX_NUMBER))],
                [("ACK", json.dumps({"seq": MAX_NUMBER}))],
                [("SKIP", json.dumps({"to": 2**63}))],
                [("SYNC", json.dumps({"last_in": MAX_NUMBER, "sum": "0" * 32}))],
            ):
                link = victim.mallory.call(port)
                if said[0][0] == "SYNC":
                    assert hear(link, "SYNC")["last_in"] == 0
                else:
                    assert sync(link)["last_in"] == 0
                for command, payload in said:
                    link.say(command, payload)
                with pytest.raises((AssertionError, ConnectionError)):
                    hear(link, "nothing")
                link.close()
            assert victim.status["links"] == {}
            node.signal(signal.SIGTERM)
            node.end()


@pytest.mark.parametrize("seen", [False, True])
def test_program_slower_than_the_contact_gets_every_line(victim: Victim, seen: bool) -> None:
    """Lines wait on alice's disk or, with `--seen`, at the contact; the program reads each once, in
    order.
    """
    count = 4_000 if seen else 15_000
    node, port = victim.start("--json", *(["--seen"] if seen else []))
    with running(node):
        link = victim.mallory.call(port)
        sync(link)
        sender = threading.Thread(target=_say_all, args=(link.socket, count))
        sender.start()
        before: dict[str, int] = {}
        unread = victim.status["unread"]
        while before != unread or not unread:  # until all has arrived and nothing was read
            before, unread = unread, victim.status["unread"]
        assert (sum(unread.values()) < count) == seen
        numbers = []
        for _ in range(count):
            node.wait_for('"event": "message"')
            numbers.append(int(json.loads(node.said[-1])["text"]))
        assert numbers == list(range(1, count + 1))
        sender.join()
        assert victim.status["standing"] == "online"


def _say_all(sock: socket.socket, count: int) -> None:
    for n in range(1, count + 1):
        sock.sendall(frame("MSG", line(n, str(n))))


def test_toggling_faster_than_a_program_reads(victim: Victim) -> None:
    """Of many IDLE and HERE changes few are reported, and the last state is right."""
    node, port = victim.start("--json")
    with running(node):
        link = victim.mallory.call(port)
        sync(link)
        for n in range(12_000):
            link.say("IDLE", json.dumps({"idle": n % 2 == 0}))
            link.say("HERE", json.dumps({"here": n % 2 == 0}))
        say_lines(link, [1], "the end")
        node.wait_for('"the end"')
        told = [said for said in node.said if '"idle"' in said or '"away"' in said]
        print(f"{len(told)} events of 12,000 changes")
        assert len(told) < 200
        assert victim.status["standing"] == "online"


@pytest.mark.parametrize("letter", ["\n", "\t", "\x1b[2J"], ids=["newlines", "tabs", "escapes"])
def test_large_message_of_control_characters_is_folded(victim: Victim, letter: str) -> None:
    """`p2p login` shows a part of 64 KiB, says where the rest is, and continues."""
    text = letter * (65_000 // len(letter))
    node, port = victim.start()
    with running(node):
        link = victim.mallory.call(port)
        sync(link)
        node.type(f"/chat {victim.mallory.name}")
        say_lines(link, [1], text)
        say_lines(link, [2], "the end")
        node.wait_for("the end")
        assert len(node.said) < 1100
        assert all(said.isprintable() for said in node.said)
        assert victim.status["standing"] == "online"
    history = victim.run("history", victim.mallory.name, "--json")[1]
    assert len(json.loads(history[-2])["text"]) > 65_000 // len(letter) - 1


def test_unread_lines_have_a_quota(victim: Victim) -> None:
    """Beyond the quota nothing is acknowledged until alice has read some lines."""
    node, port = victim.start("--limit", "unread-lines=50", "--headless")
    with running(node):
        link = victim.mallory.call(port)
        sync(link)
        say_lines(link, range(1, 500))
        acknowledged = 0
        while acknowledged < 50:
            acknowledged = hear(link, "ACK")["seq"]
        assert acknowledged < 500
        assert victim.status["unread"] == {victim.mallory.name: acknowledged}
        assert victim.run("history", victim.mallory.name)[0] == 0


def test_hook_gets_all_of_the_largest_message(victim: Victim, tmp_path: Path) -> None:
    """The environment is cut to its limit, and stdin has the whole text."""
    got = tmp_path / "got"
    script = f'printf %s "$P2P_TEXT" | wc -c > {got}.text; wc -c > {got}.new; mv {got}.new {got}'
    hook = f"message=sh -c {shlex.quote(script)}"
    node, port = victim.start("--headless", "--hook", hook)
    with running(node):
        link = victim.mallory.call(port)
        sync(link)
        say_lines(link, [1], "\n" * 65_535)
        hear(link, "ACK")
        wait_until(got.exists, node)
        assert victim.status["standing"] == "online"
        assert int(got.read_text()) > 65_535
        assert int(Path(f"{got}.text").read_text()) <= 8192


def test_delivered_lines_are_not_resent_to_an_empty_remote(victim: Victim) -> None:
    """A thief of the contact's key who reports an empty position gets no earlier line."""
    node, port = victim.start("--headless")
    with running(node):
        link = victim.mallory.call(port)
        sync(link)
        link.say("HERE", '{"here":true}')
        for text in ("one", "two"):
            sending = Program("send", victim.mallory.name, text, env=victim.env)
            said = hear(link, "MSG")
            assert said["text"] == text
            link.say("ACK", json.dumps({"seq": said["seq"]}))
            assert sending.end() == (0, "")
        link.close()
        thief = victim.mallory.call(port)
        sync(thief, last_in=0)
        thief.say("HERE", '{"here":true}')
        assert victim.run("send", victim.mallory.name, "--queue", "three")[0] == 6
        heard = []
        while (frame := thief.hear())[0] != "MSG":
            heard.append(frame)
        assert json.loads(frame[1])["text"] == "three"
        assert [fields for command, fields in heard if command == "SKIP"] == [
            '{"to":2,"missing":2}'
        ]
        lines = [json.loads(said) for said in victim.run("outbox", "--json")[1]]
        assert [(said["text"], said["state"]) for said in lines] == [
            ("one", "missing"),
            ("two", "missing"),
            ("three", "queued"),
        ]


def test_plain_reader_slower_than_the_contact_gets_every_line(victim: Victim) -> None:
    """A full pipe does not block the node; each line is shown once, in order."""
    count = 8_000
    node, port = victim.start("--plain")
    with running(node):
        link = victim.mallory.call(port)
        sync(link)
        node.type(f"/chat {victim.mallory.name}")
        node.wait_for("chat with mallory started")
        sender = threading.Thread(target=_say_all, args=(link.socket, count))
        sender.start()
        for _ in range(20):
            assert victim.status["standing"] == "online"
        numbers: list[int] = []
        while len(numbers) < count:
            heard = node.wait_for(r"^mallory: (\d+)$")
            numbers.append(int(heard[1]))
        assert numbers == list(range(1, count + 1))
        sender.join()
