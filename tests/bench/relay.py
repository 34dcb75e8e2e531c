"""Measure a registry that carries circuits: its look-ups, its memory, and a line's delay.

    python -m tests.bench.relay [--circuits 400] [--busy 3] [--seconds 10]

Look-ups at the original listener are measured without circuits, with idle ones, and while some pass
on as much as they can; the delay is that of 100 bytes, sent on one idle circuit a hundred times
meanwhile. Linux only.
"""

import argparse
import json
import os
import resource
import select
import statistics
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event, Thread

from tests.bench.at_registry import CALLERS, cost_s, head, log_in, row, serving
from tests.bench.load import Callers, cpu_s, memory_kib
from tests.bench.smallest import name_of
from tests.conformance.secure_client import Circuit
from tests.faults.crowd import Member
from tests.programs import Serve

_LOOK_UPS = 20_000


def main() -> None:
    """Run all measurements at one registry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--circuits", type=int, default=400)
    parser.add_argument("--busy", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(f"load {os.getloadavg()[0]:.1f}")
    head("what", "figure")
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), CALLERS) as serve,
        ExitStack() as stack,
    ):
        names = [name_of(n) for n in range(CALLERS)]
        online = [log_in(serve, n) for n in range(CALLERS)]
        callers = Callers([serve.dial() for _ in range(CALLERS)], names)
        alone = cost_s(serve, callers, _LOOK_UPS, 1)
        before, began = memory_kib(serve), cpu_s(serve)
        alice = Member(serve, "alice", port=4001, can=("meet",))
        bob = Member(serve, "bob", port=4002, can=("meet",))
        circuits = [_circuit(serve, alice, bob) for _ in range(options.circuits)]
        row("CPU ms of a circuit", f"{(cpu_s(serve) - began) * 1e3 / len(circuits):.2f}")
        row("KiB of a circuit", f"{(memory_kib(serve) - before) / len(circuits):.0f}")
        idle = cost_s(serve, callers, _LOOK_UPS, 1)
        row(f"look-ups with {len(circuits)} idle circuits x without", f"{idle / alone:.2f}")
        over = Event()
        stack.callback(over.set)
        passed = [0]
        for sender, receiver in circuits[: options.busy]:
            Thread(target=_send, args=(sender, over), daemon=True).start()
            Thread(target=_receive, args=(receiver, passed), daemon=True).start()
        one, other = circuits[-1]
        delays = []
        began, cpu = time.perf_counter(), cpu_s(serve)
        while time.perf_counter() - began < options.seconds:
            delays.append(_delay(one, other))
        took = time.perf_counter() - began
        rate = passed[0] / took / 2**20
        row(f"MiB a second through {options.busy} busy circuits", f"{rate:.0f}")
        row("CPU s of a GiB", f"{(cpu_s(serve) - cpu) * 2**30 / passed[0]:.1f}")
        percentiles = statistics.quantiles(delays, n=100)
        row("delay of a line meanwhile, median", f"{percentiles[49] * 1e3:.1f} ms")
        row("delay of a line meanwhile, p99", f"{percentiles[98] * 1e3:.1f} ms")
        row("registry's memory then", f"{memory_kib(serve) / 1024:.0f} MiB")
        assert len(online) == CALLERS


def _circuit(serve: Serve, alice: Member, bob: Member) -> tuple[Circuit, Circuit]:
    ours = alice.tell("MEET", username="bob")[1]["ticket"]
    theirs = json.loads(bob.hear()[1])["ticket"]
    ends = Circuit(serve), Circuit(serve)
    for end, ticket in zip(ends, (ours, theirs), strict=True):
        end.join(ticket)
    for end in ends:
        assert end.hears()[0] == "JOINED"
    return ends


def _send(end: Circuit, over: Event) -> None:
    piece = bytes(65536)
    with suppress(OSError):  # the registry has ended
        while not over.is_set():
            end.socket.sendall(piece)


def _receive(end: Circuit, passed: list[int]) -> None:
    with suppress(OSError):
        while data := end.socket.recv(65536):
            passed[0] += len(data)


def _delay(one: Circuit, other: Circuit) -> float:
    began = time.perf_counter()
    one.socket.sendall(bytes(100))
    heard = 0
    while heard < 100:
        heard += len(other.socket.recv(100))
    took = time.perf_counter() - began
    select.select([], [], [], 0.02)  # so that the line is alone
    return took


if __name__ == "__main__":
    main()
