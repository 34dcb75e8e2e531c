"""A full disk at either side of two real nodes: no accepted line is lost."""

import resource
import sys
from pathlib import Path

import pytest

from tests.people import People
from tests.programs import Program, running

LINES = 400
_AT_ONCE = 40
_MORE = 60_000  # bytes that a file may grow by
_TYPED = [f"line {n} {'x' * 300}" for n in range(LINES)]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")


@pytest.mark.parametrize("full", ["alice", "bob"])
def test_accepted_lines_are_not_lost(people: People, full: str) -> None:
    """Every line is kept or reported as not sent. A kept line arrives once, in order, at the latest
    when there is room again.
    """
    bob = people.start("bob", "--headless")
    alice = people.start("alice")
    alice.type("/chat bob")
    alice.wait_for("chat with bob started")
    fill(people, full, {"alice": alice, "bob": bob}[full])
    try:
        for start in range(0, LINES, _AT_ONCE):
            for line in _TYPED[start : start + _AT_ONCE]:
                alice.type(line)
            alice.type("/search bob")  # answered after the lines before it
            alice.wait_for("bob is online")
        if full == "bob":
            if not any(line.startswith("* bob is gone") for line in alice.said):
                alice.wait_for(r"^\* bob is gone")
            bob.kill()
            bob = people.start("bob", "--headless")
        alice.end()
        refused = told_as_not_sent(alice)
        with running(people.start("alice")) as again:
            again.type("/chat bob")
            again.wait_for("chat with bob started")
            assert again.end()[0] == 0, "a line is not known to be delivered"
    finally:
        alice.kill()
        bob.kill()
    kept = [text for name, text, _ in people.texts("alice", "bob")[1:] if name == "alice"]
    received = [text for name, text, _ in people.texts("bob", "alice")[1:] if name == "alice"]
    print(f"{len(kept)} lines kept of {LINES}, {len(refused)} told as not sent")
    assert received == kept
    assert kept, "the disk was full before the first line"
    assert sorted(kept + refused) == sorted(_TYPED)
    assert kept == [line for line in _TYPED if line in set(kept)]
    assert bool(refused) == (full == "alice")


def fill(people: People, name: str, program: Program) -> None:
    """Leave little room in the files of a running node."""
    files = Path(people.env[name]["P2P_HOME"]).rglob("*.sqlite3*")
    size = max(file.stat().st_size for file in files) + _MORE
    resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (size, size))


def told_as_not_sent(program: Program) -> list[str]:
    start = "* not sent to bob: "
    return [line.removeprefix(start) for line in program.said if line.startswith(start)]
