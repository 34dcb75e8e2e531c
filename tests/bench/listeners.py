"""Measure the cost of the registry's secure listener against the original one in the same run.

    python -m tests.bench.listeners

Prints connections per CPU second of the registry, memory per idle connection, and the longest time
that a search waited while 64 passwords were checked. Compare only figures of the same line, since
machines are noisy.
"""

import argparse
import os
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from tests.conformance.secure_client import Secure
from tests.programs import Raw, Serve

LOGINS = 64


def main() -> None:
    """Run all measurements at a new registry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--links", type=int, default=1000)
    links = parser.parse_args().links
    with tempfile.TemporaryDirectory() as folder:
        serve = Serve(Path(folder) / "r", "--quiet", "--limits", "none")
        try:
            _connections(serve, links)
            _standstill(serve)
        finally:
            serve.kill()


def _connections(serve: Serve, links: int) -> None:
    costs: dict[str, float] = {}
    for dialect, dial in (("original", serve.dial), ("secure", lambda: Secure(serve))):
        with ExitStack() as stack:
            cpu, memory = _cpu_s(serve), _resident_kib(serve)
            for _ in range(links):
                stack.callback(dial().close)
            Raw(serve.tcp).ask("SEARCH", "nobody")  # everything before it has been handled
            costs[dialect] = (_cpu_s(serve) - cpu) / links
            idle = (_resident_kib(serve) - memory) / links
            print(
                f"{dialect:>9}: {1 / costs[dialect]:.0f} connections a CPU second of the registry,"
                f" {idle:5.1f} KiB per idle link"
            )
    print(f"    ratio: {costs['secure'] / costs['original']:.1f} times the CPU per connection")


def _standstill(serve: Serve) -> None:
    """Search without a pause, first alone, then while passwords are checked."""
    print(
        f"the longest of many searches: {_longest_search(serve, 0) * 1000:.1f} ms alone,"
        f" {_longest_search(serve, LOGINS) * 1000:.1f} ms while {LOGINS} logins are checked"
    )


def _longest_search(serve: Serve, logins: int) -> float:
    prober = serve.dial()
    clients = [serve.dial() for _ in range(logins)]
    for client in clients:
        client.say("LOG", "nobody wrong")
    over = threading.Event()

    def wait_for_all() -> None:
        for client in clients:
            client.hear()
        over.set()

    waiter = threading.Thread(target=wait_for_all)
    waiter.start()
    longest, asked = 0.0, 0
    while not over.is_set() or asked < 1000:
        began = time.perf_counter()
        prober.ask("SEARCH", "nobody")
        longest = max(longest, time.perf_counter() - began)
        asked += 1
    waiter.join()
    return longest


def _cpu_s(serve: Serve) -> float:
    fields = Path(f"/proc/{serve.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_kib(serve: Serve) -> int:
    for line in Path(f"/proc/{serve.process.pid}/status").read_text("utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


if __name__ == "__main__":
    main()
