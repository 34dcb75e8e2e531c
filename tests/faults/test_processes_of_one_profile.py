"""Hundreds of commands of one profile, started concurrently, some of them killed.

Any order works: each command does its work or reports truly that another process is in its place,
and no line is lost or sent twice. `P2PCHAT_COMMANDS=2000` makes it long, and `P2PCHAT_SEED` changes
the run.
"""

import os
import random
import signal
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.people import People, Registry
from tests.programs import Program, running

_ENVIRONMENT = os.environ  # noqa: TID251  # how long
COMMANDS = int(_ENVIRONMENT.get("P2PCHAT_COMMANDS", "60"))
SEED = int(_ENVIRONMENT.get("P2PCHAT_SEED", "1"))

MAY_END_WITH = {
    "login": {0, 2},  # 2: another login was first
    "send": {0, 6},
    "chat": {0, 3, 6},  # 3: its node was killed too early
    "search": {0, 6},
    "status": {0},
    "outbox": {0},
    "history": {0},
    "trust": {2},  # there is no other key
}
KILLS = (signal.SIGKILL, signal.SIGTERM)
ENDED_BY_US = {-signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM, 0}


def command(rng: random.Random, n: int) -> tuple[tuple[str, ...], str]:
    """Return a command and its stdin."""
    return rng.choice(
        [
            (("login", "alice", "--headless"), ""),
            (("send", "bob", f"line {n}", "--wait", "3"), ""),
            (("send", "bob", f"line {n}", "--wait", "3"), ""),
            (("send", "bob", f"line {n}", "--queue"), ""),
            (("chat", "bob"), f"line {n}\n"),
            (("search", "bob"), ""),
            (("status",), ""),
            (("outbox",), ""),
            (("history", "zoe", "--delete"), ""),
            (("history", "bob", "--limit", "3"), ""),
            (("trust", "bob", "--yes"), ""),
        ]
    )


class Command:
    """A command of alice's; `ended_by_us` once it was sent a signal."""

    def __init__(self, words: tuple[str, ...], stdin: str, env: dict[str, str]) -> None:
        self.words = words
        self.code = 0
        self.output = ""
        self.ended_by_us = False
        self._program = Program(*words, env=env)
        self._program.write_all(stdin)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it has not ended."""
        self.ended_by_us = True
        self._program.signal(number)

    def wait(self) -> None:
        """Wait for its end."""
        if self.words[0] == "login":  # which would never end
            self.signal(signal.SIGTERM)
        self.code, err = self._program.end()
        self.output = "\n".join([*self._program.said, err])

    def check(self) -> None:
        """Check that the exit code is one that the command may have."""
        allowed = MAY_END_WITH[self.words[0]] | (ENDED_BY_US if self.ended_by_us else set())
        assert self.code in allowed, (self.words, self.code, self.output)


class Crowd:
    """Commands of alice, a few at a time; some are killed."""

    def __init__(self, people: People, rng: random.Random) -> None:
        self.commands: list[Command] = []
        self._env = people.env["alice"]
        self._rng = rng
        self._running: list[Command] = []

    def start_one(self) -> None:
        """Start another command, perhaps end one by a signal, and wait for some."""
        words, stdin = command(self._rng, len(self.commands))
        self.commands.append(Command(words, stdin, self._env))
        self._running.append(self.commands[-1])
        if self._rng.random() < 1 / 8:
            self._rng.choice(self._running).signal(self._rng.choice(KILLS))
        while len(self._running) > self._rng.randrange(1, 7):
            self._running.pop(0).wait()

    def end_all(self) -> None:
        """Wait for the end of every command."""
        while self._running:
            self._running.pop(0).wait()

    @property
    def accepted(self) -> set[str]:
        """The lines that must be in the history, by commands that ended by themselves."""
        return {
            f"line {number}"
            for number, command in enumerate(self.commands)
            if not command.ended_by_us and command.code in {0, 6}
            if command.words[0] in {"send", "chat"}
        }

    @property
    def refused(self) -> set[str]:
        """What must not be there, for the same reason."""
        return {f"line {n}" for n, command in enumerate(self.commands) if command.code == 3}

    def told_of(self, text: str) -> tuple[object, ...]:
        """Return what was started with that text, its exit code, and what it printed."""
        command = self.commands[int(text.removeprefix("line "))]
        return command.words, command.code, command.output


@pytest.mark.timeout(60 + COMMANDS)
def test_commands_work_in_any_order(tmp_path: Path) -> None:
    """One command in eight is killed, and bob comes and goes."""
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    with running(registry := Registry(tmp_path / "r")), ExitStack() as stack:
        people = People(registry, tmp_path)
        zoe = people.env["alice"] | {"P2P_HOME": str(tmp_path / "zoe")}
        assert Program("register", "zoe", env=zoe).end() == (0, "")
        assert Program("login", "zoe", "--plain", env=zoe).end()[0] == 0
        assert people.run("alice", "send", "zoe", "hi")[0] == 6
        crowd = Crowd(people, rng)
        stack.callback(crowd.end_all)
        bob = stack.enter_context(running(people.start("bob", "--headless")))
        for _ in range(COMMANDS):
            crowd.start_one()
            if rng.random() < 1 / 50:
                bob.kill()
                bob = stack.enter_context(running(people.start("bob", "--headless")))
        crowd.end_all()
        for one in crowd.commands:
            one.check()
        print(Counter(f"{one.words[0]} {one.code}" for one in crowd.commands))
        assert people.run("alice", "send", "bob", "the end", "--wait", "30")[0] == 0
        ours = people.texts("alice", "bob", "--limit", "100000")
        theirs = people.texts("bob", "alice", "--limit", "100000")
    kept = [text for who, text, _ in ours if who == "alice"]
    assert {state for who, _, state in ours if who == "alice"} == {"delivered"}
    assert kept == [text for who, text, _ in theirs if who == "alice"]
    assert len(kept) == len(set(kept))
    wrong = crowd.accepted - set(kept) | crowd.refused & set(kept)
    assert not wrong, [crowd.told_of(text) for text in wrong]
