"""Processes are killed and disks are full while a file moves: what is there in the end is right."""

import json
import random
import resource
import signal
import sys
from pathlib import Path

import pytest

from p2pchat.protocol.files.pieces import PIECE_BYTES, SUM_BYTES
from tests.people import People
from tests.programs import Program, running, wait_until

PIECES = 24
KILLS = 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of alice."""
    path = tmp_path / "report.pdf"
    path.write_bytes(random.Random(1).randbytes(PIECES * PIECE_BYTES - 7))
    return path


def inbox(people: People) -> Path:
    return Path(people.env["bob"]["HOME"]) / "Downloads" / "p2pchat" / "alice"


def pieces_there(people: People) -> int:
    """Return how many pieces bob has on his disk."""
    for file in inbox(people).glob(".*.p2psums"):
        try:
            return file.stat().st_size // SUM_BYTES
        except FileNotFoundError:
            break
    return PIECES if (inbox(people) / "report.pdf").exists() else 0


def start(people: People, name: str) -> Program:
    program = Program("login", "--json", env=people.env[name])
    program.wait_for("logged_in")
    return program


def test_killed_twenty_times(people: People, path: Path) -> None:
    """Either side, at any instant, also just before the end: the file is there once, and right."""
    assert people.run("bob", "contacts", "files", "alice", "50MB")[0] == 0
    people.env["alice"]["P2P_RATE"] = "12MB"
    programs = {name: start(people, name) for name in ("alice", "bob")}
    order = {"command": "send-file", "to": "bob", "path": str(path)}
    programs["alice"].type(json.dumps(order))
    rng = random.Random(7)
    kills = 0
    for kills in range(1, KILLS + 1):
        until = PIECES * kills // KILLS  # the last time when all bytes are there
        wait_until(lambda: pieces_there(people) >= until, *programs.values())  # noqa: B023
        who = rng.choice(("alice", "bob"))
        programs[who].signal(signal.SIGKILL)
        programs[who].kill()
        programs[who] = start(people, who)
    wait_until(lambda: "delivered" in " ".join(people.run("alice", "files")[1]), *programs.values())
    print(f"killed {kills} times")
    # what was unfinished is deleted last
    wait_until(lambda: [entry.name for entry in inbox(people).iterdir()] == ["report.pdf"])
    assert (inbox(people) / "report.pdf").read_bytes() == path.read_bytes()
    for program in programs.values():
        program.type('{"command":"quit"}')
        assert program.end()[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_full_disk_and_room_again(people: People, path: Path) -> None:
    """It says so on both sides; with room, it is received without being offered again."""
    with running(start(people, "bob")) as bob, running(start(people, "alice")) as alice:
        pid = bob.process.pid
        _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (5 * PIECE_BYTES, most))
        alice.type(json.dumps({"command": "send-file", "to": "bob", "path": str(path)}))
        bob.wait_for('"file_offered"')
        bob.type('{"command":"get","transfer":1}')
        bob.wait_for('"file_waiting".*there is no room')
        alice.wait_for('"file_waiting".*disk is full')
        assert not (inbox(people) / "report.pdf").exists()
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
        bob.type('{"command":"get","transfer":1}')
        bob.wait_for('"file_received"')
        alice.wait_for('"file_delivered"')
    assert (inbox(people) / "report.pdf").read_bytes() == path.read_bytes()


def test_stopped_for_a_while(people: People, path: Path) -> None:
    """A process that sleeps in the middle goes on when it wakes."""
    assert people.run("bob", "contacts", "files", "alice", "50MB")[0] == 0
    people.env["alice"]["P2P_RATE"] = "12MB"
    with running(start(people, "bob")) as bob, running(start(people, "alice")) as alice:
        alice.type(json.dumps({"command": "send-file", "to": "bob", "path": str(path)}))
        wait_until(lambda: pieces_there(people) >= 3, bob, alice)
        for program in (bob, alice):
            program.signal(signal.SIGSTOP)
        before = pieces_there(people)
        for program in (alice, bob):
            program.signal(signal.SIGCONT)
        bob.wait_for('"file_received"')
        assert before < PIECES
    assert (inbox(people) / "report.pdf").read_bytes() == path.read_bytes()
