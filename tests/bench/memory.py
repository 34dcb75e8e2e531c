"""Measure the memory of a registry and of a node without a screen, beside Python's own.

    python -m tests.bench.memory [--users 10000]

Memory is the process's own and its share of shared pages (Pss). The slope is that from a tenth of
the users to all of them, so that what the first ones cause once is not counted. Linux only.
"""

import argparse
import resource
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.bench.at_registry import StartedServe, head, log_in, member, row, serving
from tests.bench.load import memory_kib
from tests.bench.smallest import port_of
from tests.faults.crowd import Member
from tests.people import People, Registry
from tests.programs import STARTED, Program, Raw, Serve, environment, running


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10_000)
    users = parser.parse_args().users
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    head("what", "memory", "goal")
    with tempfile.TemporaryDirectory() as folder:
        _programs(Path(folder))
        for listener, come, goal in (
            ("original", log_in, "2.0"),
            ("secure", _member, ""),
        ):
            slope = _slope(Path(folder), users, come)
            row(f"each of {users} users, {listener} listener", f"{slope:.2f} KiB", goal)


def _programs(folder: Path) -> None:
    """Measure each program after its start."""
    python = Program(
        "-c",
        "import click, ssl, msgspec, cryptography.x509; print('here', flush=True); input()",
        env=environment(folder),
        command=(sys.executable,),
    )
    with running(python):
        python.wait_for("here")
        row("Python with click, ssl, msgspec and cryptography", _mib(python), "")
    with running(StartedServe(folder / "bare", "--quiet")) as serve:
        row("registry", _mib(serve), "25 MiB")
    with running(Registry(folder / "r")) as registry:
        people = People(registry, folder)
        env = people.env["alice"]
        with running(Program("login", "--headless", env=env, command=STARTED)) as node:
            node.wait_for("logged in")
            row("node without a screen", _mib(node), "34 MiB")


def _mib(program: Program) -> str:
    return f"{memory_kib(program) / 1024:.1f} MiB"


def _slope(folder: Path, users: int, come: Callable[[Serve, int], Raw]) -> float:
    """Return the KiB for a user who is online."""
    few = users // 10
    with serving(folder, users, tokens=users) as serve, ExitStack() as stack:
        for number in range(users):
            if number == few:
                before = memory_kib(serve)
            stack.callback(come(serve, number).close)
        return (memory_kib(serve) - before) / (users - few)


def _member(serve: Serve, number: int) -> Member:
    return member(serve, number, port=port_of(number))


if __name__ == "__main__":
    main()
