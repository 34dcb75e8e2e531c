"""Hundreds of commands of one profile, started against each other at any moment, some killed.

Any order works: each does what it is for, or says truly that another process is in its place; and
no line is lost, or said twice. `P2PCHAT_COMMANDS=2000` makes it long, `P2PCHAT_SEED` another run.
"""

import os
import random
import signal
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.forks import Forks
from tests.people import People, Registry
from tests.programs import Program, running

_ENVIRONMENT = os.environ  # noqa: TID251  # how long
COMMANDS = int(_ENVIRONMENT.get("P2PCHAT_COMMANDS", "200"))
SEED = int(_ENVIRONMENT.get("P2PCHAT_SEED", "1"))

MAY_END_WITH = {
    "login": {0, 2},  # 2: another login is the node, and was there first
    "send": {0, 6},
    "chat": {0, 3, 6},  # 3: its node was killed before it had kept the line
    "search": {0, 6},
    "status": {0},
    "outbox": {0},
    "history": {0},
    "trust": {2},  # there is no other key
}
KILLS = (signal.SIGKILL, signal.SIGTERM)
ENDED_BY_US = {-signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM, 0}


def command(rng: random.Random, n: int) -> tuple[tuple[str, ...], str]:
    """Return what to start, and its stdin."""
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


class Crowd:
    """Commands of alice's, a few at a time; some are ended by us."""

    def __init__(self, folder: Path, people: People, rng: random.Random) -> None:
        folder.mkdir()
        self.forks = Forks(folder, people.env["alice"])
        self._rng = rng
        self._ended: set[int] = set()
        self._under_way: list[int] = []

    def start_one(self) -> None:
        words, stdin = command(self._rng, len(self.forks.words))
        self._under_way.append(self.forks.start(*words, stdin=stdin))
        if self._rng.random() < 1 / 8:
            self._end(self._rng.choice(self._under_way), self._rng.choice(KILLS))
        while len(self._under_way) > self._rng.randrange(1, 7):
            self._wait(self._under_way.pop(0))

    def end_all(self) -> None:
        while self._under_way:
            self._wait(self._under_way.pop(0))

    def check(self) -> None:
        for number, code in self.forks.codes.items():
            word = self.forks.words[number][0]
            allowed = MAY_END_WITH[word] | (ENDED_BY_US if number in self._ended else set())
            assert code in allowed, (self.forks.words[number], code, self.forks.output(number))
        print(Counter(f"{self.forks.words[n][0]} {code}" for n, code in self.forks.codes.items()))

    @property
    def accepted(self) -> set[str]:
        """What must be in the history: commands say so that ended by themselves."""
        return {
            f"line {number}"
            for number, words in self.forks.words.items()
            if number not in self._ended and self.forks.codes[number] in {0, 6}
            if words[0] in {"send", "chat"}
        }

    @property
    def refused(self) -> set[str]:
        """What must not be there, for the same reason."""
        return {f"line {number}" for number, code in self.forks.codes.items() if code == 3}

    def told_of(self, text: str) -> tuple[object, ...]:
        """Return what was started with that text, its exit code, and what it printed."""
        number = int(text.removeprefix("line "))
        return self.forks.words[number], self.forks.codes[number], self.forks.output(number)

    def _end(self, number: int, how: signal.Signals) -> None:
        self._ended.add(number)
        self.forks.signal(number, how)

    def _wait(self, number: int) -> None:
        if self.forks.words[number][0] == "login":  # which would never end
            self._end(number, signal.SIGTERM)
        self.forks.wait(number)


@pytest.mark.timeout(60 + COMMANDS)
def test_any_order_and_any_moment(tmp_path: Path) -> None:
    """One in eight is killed, and bob comes and goes."""
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    with running(registry := Registry(tmp_path / "r")), ExitStack() as stack:
        people = People(registry, tmp_path)
        zoe = people.env["alice"] | {"P2P_HOME": str(tmp_path / "zoe")}
        assert Program("register", "zoe", env=zoe).end() == (0, "")
        assert Program("login", "zoe", "--plain", env=zoe).end()[0] == 0
        assert people.run("alice", "send", "zoe", "hi")[0] == 6
        crowd = Crowd(tmp_path / "out", people, rng)
        stack.callback(crowd.forks.close)
        bob = stack.enter_context(running(people.start("bob", "--headless")))
        for _ in range(COMMANDS):
            crowd.start_one()
            if rng.random() < 1 / 50:
                bob.kill()
                bob = stack.enter_context(running(people.start("bob", "--headless")))
        crowd.end_all()
        crowd.check()
        assert people.run("alice", "send", "bob", "the end", "--wait", "30")[0] == 0
        ours = people.texts("alice", "bob", "--limit", "100000")
        theirs = people.texts("bob", "alice", "--limit", "100000")
    kept = [text for who, text, _ in ours if who == "alice"]
    assert {state for who, _, state in ours if who == "alice"} == {"delivered"}
    assert kept == [text for who, text, _ in theirs if who == "alice"]
    assert len(kept) == len(set(kept))
    wrong = crowd.accepted - set(kept) | crowd.refused & set(kept)
    assert not wrong, [crowd.told_of(text) for text in wrong]
