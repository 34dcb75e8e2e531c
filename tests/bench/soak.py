"""Run hundreds of clients for an hour to see whether memory and descriptors stay flat.

    python -m tests.bench.soak --minutes 60 --clients 300

Each client of the registry logs in, announces a port, watches and searches for others; now and
then one disconnects, with or without LOGOUT, and returns. Meanwhile alice writes to bob, who has a
node. Prints the memory and descriptors of the registry and of bob's node, and compares the last
figures with those after the first sixth of the time.
"""

import argparse
import itertools
import json
import random
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.crowd import CHEAP, Member, let_pass
from tests.people import People
from tests.programs import Program, Serve, running

_EVERY = 30.0
"""Seconds between two looks."""


class Look(NamedTuple):
    """What a process holds: KiB of memory, and descriptors."""

    kib: int
    descriptors: int

    @classmethod
    def at(cls, program: Program) -> "Look":
        """Measure a process."""
        folder = Path(f"/proc/{program.process.pid}")
        lines = (folder / "status").read_text("utf-8").splitlines()
        (kib,) = (int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
        return cls(kib, len(list((folder / "fd").iterdir())))


class Crowd:
    """The clients; `turn` lets one of them do something."""

    def __init__(self, serve: Serve, size: int, rng: random.Random) -> None:
        self._serve = serve
        self._rng = rng
        self._names = [f"user{n}" for n in range(size)]
        self._ports = {  # each has its own, below the ephemeral range
            name: itertools.cycle(range(10_000 + 70 * n, 10_070 + 70 * n))
            for n, name in enumerate(self._names)
        }
        self._members = {
            name: Member(serve, name, port=next(ports)) for name, ports in self._ports.items()
        }

    def turn(self) -> None:
        name = self._rng.choice(self._names)
        member = self._members[name]
        what = self._rng.random()
        if what < 0.7:
            _ask(member, "SEARCH", username=self._rng.choice(self._names))
        elif what < 0.8:
            _ask(member, "WATCH", usernames=self._rng.sample(self._names, 40))
        elif what < 0.9:
            _ask(member, "PS_PORT", port=next(self._ports[name]))
        else:
            self._come_back(name)

    def leave(self) -> None:
        """Disconnect all clients."""
        for member in self._members.values():
            member.close()

    def _come_back(self, name: str) -> None:
        member = self._members[name]
        if self._rng.random() < 0.5:
            member.say("LOGOUT", "{}")
        member.close()
        self._serve.forget(member)
        known = {"token": member.grant["token"]} if self._rng.random() < 0.5 else {"is_known": True}
        port = next(self._ports[name])
        self._members[name] = Member(self._serve, name, port=port, **known)


def _ask(member: Member, command: str, **fields: object) -> None:
    """Send a request, and skip what arrives before the answer."""
    member.say(command, json.dumps(fields))
    while member.hear()[0] != f"{command}_RESP":
        pass


def main() -> None:
    """Run the soak test."""
    parser = argparse.ArgumentParser(description="A long run of many clients.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        serve = Serve(Path(folder) / "r", *CHEAP)
        stack.enter_context(running(serve))
        people = People(serve, Path(folder))
        bob = stack.enter_context(running(people.start("bob", "--headless")))
        alice = stack.enter_context(running(people.start("alice", "--plain")))
        alice.type("/chat bob")
        before = Look.at(serve)
        crowd = Crowd(serve, given.clients, rng)
        looks: list[Any] = []
        began, turns = time.monotonic(), 0
        while (passed := time.monotonic() - began) < given.minutes * 60:
            if passed >= len(looks) * _EVERY:
                looks.append((Look.at(serve), Look.at(bob)))
                registry, node = looks[-1]
                print(
                    f"{passed:6.0f} s, {turns} turns: registry {registry}, node {node}", flush=True
                )
            for _ in range(20):
                crowd.turn()
                turns += 1
            alice.type(f"line {turns}")
            let_pass(0.05)
        first = looks[len(looks) // 6]
        looks.append((Look.at(serve), Look.at(bob)))
        for whose, then, now in zip(("registry", "node"), first, looks[-1], strict=True):
            print(f"{whose}: {then.kib} KiB after a sixth, {now.kib} at the end")
        crowd.leave()
        let_pass(5)
        after = Look.at(serve).descriptors
        print(f"descriptors of the registry: {before.descriptors} before, {after} after")


if __name__ == "__main__":
    main()
