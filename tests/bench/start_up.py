"""Measure how long commands take to answer, beside a Python that only imports click.

    python -m tests.bench.start_up

Only the ratios are comparable between machines.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.people import People, Registry
from tests.programs import P2P, running

ROUNDS = 15


def main() -> None:
    """Measure round by round, so that noise affects all alike."""
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(Path(folder) / "r")
        with running(registry):
            people = People(registry, Path(folder))
            env = people.env["alice"]
            with (
                running(people.start("alice", "--headless")),
                running(people.start("bob", "--headless")),
            ):
                commands: dict[str, Sequence[str]] = {
                    "python -c 'import click'": (sys.executable, "-c", "import click"),
                    "p2p --help": (P2P, "--help"),
                    "p2p status": (P2P, "status", "--json"),
                    "p2p history": (P2P, "history", "bob", "--limit", "5"),
                    "p2p send": (P2P, "send", "bob", "hi"),
                }
                times: dict[str, list[float]] = {name: [] for name in commands}
                for _ in range(ROUNDS):
                    for name, command in commands.items():
                        began = time.perf_counter()
                        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
                        times[name].append(time.perf_counter() - began)
    yardstick, *_ = times.values()
    for name, taken in times.items():
        ratio = statistics.median(t / y for t, y in zip(taken, yardstick, strict=True))
        print(f"{name:>26}: {statistics.median(taken) * 1000:5.0f} ms, ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
