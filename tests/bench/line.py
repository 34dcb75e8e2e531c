"""Measure one line between two real nodes, beside the smallest lossless pair of Python processes.

    python -m tests.bench.line [--lines 0,10000,100000] [--times 200]

For each length of the contact's history: how long a line takes from the order of a program at one
node to the event at the other, and to its acknowledgement. The pair does as much as any lossless
pair must: each side commits the line to an SQLite file (synchronous=FULL) before it says so.
"""

import argparse
import json
import os
import socket
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from p2pchat.peer.store.lines import NewLine
from p2pchat.peer.store.profile import Profile
from tests.people import People, Registry
from tests.programs import Program, running

_TEXT = "dinner is ready, come down"
_AT_ONCE = 10_000

Times = tuple[list[float], list[float]]
"""Seconds until each line was heard, and until it was acknowledged."""


def main() -> None:
    """Measure each length of history, and the pair before and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", default="0,10000,100000,300000")
    parser.add_argument("--times", type=int, default=200)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder, running(Registry(Path(folder) / "r")) as registry:
        people = People(registry, Path(folder))
        kept = 0
        pair = _pair(Path(folder), options.times)
        _show("the pair", pair, pair)
        for count in map(int, options.lines.split(",")):
            _fill(people, kept, count)
            kept = count
            times = _nodes(people, options.times)
            _show(f"{count} lines kept", times, _pair(Path(folder), options.times))


def _show(what: str, times: Times, pair: Times) -> None:
    cells = []
    for name, taken, beside in zip(("heard", "acknowledged"), times, pair, strict=True):
        low, median, high = statistics.quantiles(taken, n=4)
        ratio = median / statistics.median(beside)
        cells.append(
            f"{name} {median * 1e3:.2f} ms ({low * 1e3:.2f} to {high * 1e3:.2f}), {ratio:.1f} x"
        )
    print(f"{what:>18}: {'; '.join(cells)}", flush=True)


def _fill(people: People, kept: int, count: int) -> None:
    """Add lines of alice's to bob's history until it has that many."""
    file = next(Path(people.env["bob"]["P2P_HOME"]).rglob("profile.sqlite3"))
    with closing(sqlite3.connect(file)) as database:
        registry, key = database.execute("SELECT registry, key FROM conversation").fetchone()
    with closing(Profile(file)) as profile:
        thread = profile.history(registry).thread("alice", key)
        progress = thread.progress()
        for start in range(kept, count, _AT_ONCE):
            numbers = range(start + 1, min(start + _AT_ONCE, count) + 1)
            lines = [NewLine(-n, f"f{n}", n, f"line {n}") for n in numbers]
            thread.write(progress, heard=lines)
        if count > kept:
            profile.history(registry).mark_read("alice", 2**62)


def _nodes(people: People, times: int) -> Times:
    heard, acknowledged = [], []
    with ExitStack() as stack:
        alice, bob = (
            stack.enter_context(running(Program("login", "--json", env=people.env[name])))
            for name in ("alice", "bob")
        )
        for program in (alice, bob):
            program.wait_for('"logged_in"')
        for n in range(times + 20):
            began = time.perf_counter()
            order = {"command": "send", "to": "bob", "text": _TEXT, "id": n}
            alice.type(json.dumps(order))
            bob.wait_for('"event": *"message"')
            there = time.perf_counter() - began
            alice.wait_for('"event": *"delivered"')
            back = time.perf_counter() - began
            if n >= 20:
                heard.append(there)
                acknowledged.append(back)
    return heard, acknowledged


def _pair(folder: Path, times: int) -> Times:
    """Send lines to a forked process, which tells the time at which it has each."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        commit = _committer(folder / f"pair-theirs-{os.getpid()}")
        while text := theirs.recv(65536):
            commit(text.decode())
            theirs.sendall(repr(time.perf_counter()).encode())
        os._exit(0)
    theirs.close()
    commit = _committer(folder / f"pair-ours-{child}")
    heard, acknowledged = [], []
    for _ in range(times):
        began = time.perf_counter()
        commit(_TEXT)
        ours.sendall(_TEXT.encode())
        there = float(ours.recv(65536))
        acknowledged.append(time.perf_counter() - began)
        heard.append(there - began)
    ours.close()
    os.waitpid(child, 0)
    return heard, acknowledged


def _committer(file: Path) -> Callable[[str], object]:
    database = sqlite3.connect(file, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE line (id INTEGER PRIMARY KEY, text TEXT)")
    return lambda text: database.execute("INSERT INTO line (text) VALUES (?)", (text,))


if __name__ == "__main__":
    main()
