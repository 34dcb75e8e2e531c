"""Measure what a registry's users cost while they are idle, log in, or are many.

    python -m tests.bench.registry [--users 1000] [--quick]

Prints a Markdown table of the CPU and memory of the registry's process, never wall time. Look-ups
and memory have benchmarks of their own. Linux only.
"""

import argparse
import resource
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bench.at_registry import (
    CALLERS,
    TURNS,
    cost_s,
    head,
    log_in,
    member,
    ratio,
    row,
    serving,
)
from tests.bench.load import Callers, cpu_s, memory_kib, send_hellos, token_of
from tests.bench.smallest import name_of, port_of
from tests.faults.herd import Herd
from tests.programs import Raw, Serve


def main() -> None:
    """Run all measurements, each at a new registry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    options = parser.parse_args()
    share = 10 if options.quick else 1
    users = options.users // share
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    head("of the server's process", "registry", "beside", "ratio", "goal")
    with tempfile.TemporaryDirectory() as folder:
        _users(Path(folder), users, 60 / share)
        _many_online(Path(folder), 10_000 // share, 100_000 // share)
        _many_accounts(Path(folder), 1_000_000 // share, 100_000 // share)


def _users(folder: Path, users: int, seconds: float) -> None:
    """Let users be idle at both listeners, and log in by token."""
    with serving(folder, 2 * users, tokens=2 * users) as serve:
        clear = [log_in(serve, n) for n in range(users)]
        said = [_hello_of(n) for n in range(users)]
        for interval in (2, 60):
            what = f"CPU of {users} users who say HELLO every {interval} s, original listener"
            _idle(serve, what, partial(send_hellos, serve.udp, said, interval, seconds), seconds)
        for client in clear:
            client.close()
    with serving(folder, 2 * users, tokens=2 * users) as serve:
        members = [member(serve, n, port=port_of(n)) for n in range(users)]
        sealed = [m.hello for m in members]
        for interval in (2, 60):
            what = f"CPU of {users} users who say HELLO every {interval} s, secure listener"
            hear = partial(send_hellos, serve.secure_udp, sealed, interval, seconds)
            _idle(serve, what, hear, seconds)
        herd = Herd()
        herd.tokens = {name_of(n): token_of(name_of(n)) for n in range(users, 2 * users)}
        began = cpu_s(serve)
        herd.log_in(serve.secure_tcp)
        rate = users / (cpu_s(serve) - began)
        row("logins by token, a CPU second", f"{rate:.0f}", "", "", "2,000")
        herd.leave()


def _many_online(folder: Path, most: int, times: int) -> None:
    """Search while few and while many users are online."""
    few, costs = most // 100, []
    with serving(folder, most) as serve:
        online: list[Raw] = []
        for count in (few, most):
            online += [log_in(serve, n) for n in range(len(online), count)]
            callers = Callers(
                [serve.dial() for _ in range(CALLERS)], [name_of(n) for n in range(count)]
            )
            costs.append([cost_s(serve, callers, times, 1) for _ in range(TURNS)])
    ratio(f"the same, 1 at once, {most} online / {few}", costs[1], costs[0], "")


def _many_accounts(folder: Path, most: int, times: int) -> None:
    """Start with few accounts and with many, and search for offline users."""
    few = most // 1000
    costs = []
    for count in (few, most):
        with serving(folder, count) as serve:
            start = f"start with {count} accounts: CPU s, and MiB then"
            row(start, f"{cpu_s(serve):.2f}", f"{memory_kib(serve) / 1024:.0f}", "", "")
            names = [name_of(n) for n in range(count)]
            callers = Callers([serve.dial() for _ in range(CALLERS)], names)
            costs.append([cost_s(serve, callers, times, 1) for _ in range(TURNS)])
    ratio(f"the same, 1 at once, {most} accounts / {few}", costs[1], costs[0], "")


def _hello_of(number: int) -> Callable[[], bytes]:
    hello = b"HELLO " + name_of(number).encode()
    return lambda: hello


def _idle(serve: Serve, what: str, hear: Callable[[], None], seconds: float) -> None:
    before = cpu_s(serve)
    hear()
    row(what, f"{(cpu_s(serve) - before) / seconds:.2%}", "", "", "")


if __name__ == "__main__":
    main()
