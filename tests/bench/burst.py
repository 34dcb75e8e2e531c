"""Measure a burst of lines between two real nodes, beside the same lines through the smallest pair.

    python -m tests.bench.burst [--lines 3000] [--rounds 3]

Prints lines a second until all are acknowledged, and CPU seconds of each end for 100,000 lines. The
pair commits each piece that it reads to an SQLite file (synchronous=FULL) at each end, once.
"""

import argparse
import json
import os
import socket
import sqlite3
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

from tests.bench.load import cpu_s
from tests.people import People, Registry
from tests.programs import Program, running

_TEXT = "dinner is ready, come down"


def main() -> None:
    """Measure round by round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    count = options.lines
    print(f"load {os.getloadavg()[0]:.1f}")
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Registry(Path(folder) / "r")) as registry,
        ExitStack() as stack,
    ):
        people = People(registry, Path(folder))
        alice, bob = (
            stack.enter_context(running(Program("login", "--json", env=people.env[name])))
            for name in ("alice", "bob")
        )
        for program in (alice, bob):
            program.wait_for('"logged_in"')
        rates, pairs = [], []
        for n in range(options.rounds):
            before = cpu_s(alice), cpu_s(bob)
            rates.append(count / _burst(alice, bob, count))
            ours, theirs = (
                (cpu_s(program) - cpu) * 100_000 / count
                for program, cpu in zip((alice, bob), before, strict=True)
            )
            pairs.append(count / _pair(Path(folder) / str(n), count))
            print(
                f"{rates[-1]:.0f} lines a second, {ours:.1f} and {theirs:.1f} CPU s for 100,000;"
                f" the pair {pairs[-1]:.0f} a second",
                flush=True,
            )
        ratio = statistics.median(b / a for a, b in zip(rates, pairs, strict=True))
        print(f"median {statistics.median(rates):.0f} a second, the pair {ratio:.1f} times as many")


def _burst(alice: Program, bob: Program, count: int) -> float:
    orders = "".join(
        f'{{"command":"send","to":"bob","text":"{_TEXT}","id":{n}}}\n' for n in range(count)
    )
    stdin = alice.process.stdin
    assert stdin is not None
    reader = Thread(target=_read_messages, args=(bob, count))
    reader.start()
    began = time.perf_counter()
    writer = Thread(target=lambda: (stdin.write(orders), stdin.flush()))
    writer.start()
    last = json.loads(alice.wait_for(f'"id": *{count - 1}[,}}]').string)["number"]
    while json.loads(alice.wait_for('"event": *"delivered"').string)["up_to"] < last:
        pass
    writer.join()
    reader.join()
    return time.perf_counter() - began


def _read_messages(bob: Program, count: int) -> None:
    for _ in range(count):
        bob.wait_for('"event": *"message"')


def _pair(folder: Path, count: int) -> float:
    """Return the seconds until a forked process has acknowledged all lines."""
    folder.mkdir()
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        database = _open(folder / "theirs")
        while data := theirs.recv(65536):
            lines = data.decode().splitlines()
            database.executemany("INSERT INTO line (text) VALUES (?)", ((x,) for x in lines))
            database.commit()
            theirs.sendall(b"%d\n" % data.count(b"\n"))
        os._exit(0)
    theirs.close()
    database = _open(folder / "ours")
    began = time.perf_counter()
    for start in range(0, count, 500):
        lines = [_TEXT] * min(500, count - start)
        database.executemany("INSERT INTO line (text) VALUES (?)", ((x,) for x in lines))
        database.commit()
        ours.sendall(("\n".join(lines) + "\n").encode())
    acknowledged = 0
    while acknowledged < count:
        acknowledged += sum(map(int, ours.recv(65536).split()))
    took = time.perf_counter() - began
    ours.close()
    os.waitpid(child, 0)
    return took


def _open(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE line (id INTEGER PRIMARY KEY, text TEXT)")
    return database


if __name__ == "__main__":
    main()
