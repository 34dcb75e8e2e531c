"""Measure the cost of the registry beside the smallest comparable server in Python.

    python -m tests.bench.registry [--users 1000] [--quick]

Starts both and prints a Markdown table of CPU and memory of the server's process, never wall time.
A ratio is the median of several turns, in each of which both were measured. Linux only.
"""

import argparse
import json
import resource
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.bench.load import (
    COST,
    PASSWORD,
    Callers,
    cpu_s,
    fill,
    memory_kib,
    send_hellos,
    token_of,
)
from tests.bench.smallest import name_of, port_of
from tests.faults.crowd import Member
from tests.faults.herd import Herd
from tests.programs import Program, Raw, Serve, environment

CALLERS = 50
TURNS = 5


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
    _row("of the server's process", "registry", "beside", "ratio", "goal")
    _row(*("---",) * 5)
    with tempfile.TemporaryDirectory() as folder:
        _look_ups(Path(folder), users, 100_000 // share)
        _users(Path(folder), users, 60 / share)
        _many_online(Path(folder), 10_000 // share, 100_000 // share)
        _many_accounts(Path(folder), 1_000_000 // share, 100_000 // share)


class Smallest(Program):
    """The smallest server, running; it knows this many users."""

    command = (sys.executable, "-m", "tests.bench.smallest")

    def __init__(self, folder: Path, users: int) -> None:
        super().__init__(str(users), env=environment(folder))
        self._address = ("127.0.0.1", int(self.wait_for(r"^listening (\d+)$")[1]))
        self._dialled: list[Raw] = []

    def dial(self) -> Raw:
        """Return a connection, which is closed with the server."""
        self._dialled.append(Raw(self._address))
        return self._dialled[-1]

    def kill(self) -> None:
        """Kill the server and close all connections to it."""
        for raw in self._dialled:
            raw.close()
        super().kill()


def _look_ups(folder: Path, users: int, times: int) -> None:
    """Search for online users at both listeners and at the smallest server."""
    names = [name_of(n) for n in range(users)]
    with _serving(folder, users + CALLERS, tokens=users + CALLERS) as serve:
        smallest = Smallest(folder, users)
        try:
            online = [_log_in(serve, n) for n in range(users)]
            members = [_member(serve, n, errand=True) for n in range(users, users + CALLERS)]
            clear = Callers([serve.dial() for _ in range(CALLERS)], names)
            sealed = Callers(members, names, lambda name: json.dumps({"username": name}))
            bare = Callers([smallest.dial() for _ in range(CALLERS)], names)
            for at_once, goals in ((1, ("1.37", "2")), (16, ("3.1", "2"))):
                how = f"CPU s of 100,000 look-ups, {at_once} at once on each of {CALLERS} links"
                ours, secures, least = _in_turns(
                    partial(_cost_s, serve, clear, times, at_once),
                    partial(_cost_s, serve, sealed, times, at_once),
                    partial(_cost_s, smallest, bare, times, at_once),
                )
                _ratio(f"{how}, original listener / smallest server", ours, least, goals[0])
                _ratio(f"{how}, secure listener / original listener", secures, ours, goals[1])
            assert len(online) == users
        finally:
            smallest.kill()


def _users(folder: Path, users: int, seconds: float) -> None:
    """Log users in at both listeners, leave them idle, and let others log in by token."""
    warm = 64
    with _serving(folder, users + warm, tokens=users + warm) as serve:
        for n in range(users, users + warm):
            _log_in(serve, n).close()
            _member(serve, n).close()
        before = memory_kib(serve)
        clear = [_log_in(serve, n) for n in range(users)]
        used = (memory_kib(serve) - before) / users
        _row(f"KiB for each of {users} users, original listener", f"{used:.1f}", "", "", "3.5")
        said = [_hello_of(n) for n in range(users)]
        for interval in (2, 60):
            what = f"CPU of {users} users who say HELLO every {interval} s, original listener"
            _idle(serve, what, partial(send_hellos, serve.udp, said, interval, seconds), seconds)
        for client in clear:
            client.close()
    with _serving(folder, 2 * users + warm, tokens=2 * users + warm) as serve:
        for n in range(2 * users, 2 * users + warm):
            _member(serve, n).close()
        before = memory_kib(serve)
        members = [_member(serve, n, port=port_of(n)) for n in range(users)]
        used = (memory_kib(serve) - before) / users
        _row(f"KiB for each of {users} users, secure listener", f"{used:.1f}", "", "", "20")
        said = [m.hello for m in members]
        what = f"CPU of {users} users who say HELLO every 60 s, secure listener"
        _idle(serve, what, partial(send_hellos, serve.secure_udp, said, 60, seconds), seconds)
        herd = Herd()
        herd.tokens = {name_of(n): token_of(name_of(n)) for n in range(users, 2 * users)}
        began = cpu_s(serve)
        herd.log_in(serve.secure_tcp)
        _row("logins by token, a CPU second", f"{users / (cpu_s(serve) - began):.0f}", "", "", "")
        herd.leave()


def _many_online(folder: Path, most: int, times: int) -> None:
    """Search while few and while many users are online."""
    few, costs = most // 100, []
    with _serving(folder, most) as serve:
        online: list[Raw] = []
        for count in (few, most):
            online += [_log_in(serve, n) for n in range(len(online), count)]
            callers = Callers(
                [serve.dial() for _ in range(CALLERS)], [name_of(n) for n in range(count)]
            )
            costs.append([_cost_s(serve, callers, times, 1) for _ in range(TURNS)])
    _ratio(f"the same, 1 at once, {most} online / {few}", costs[1], costs[0], "")


def _many_accounts(folder: Path, most: int, times: int) -> None:
    """Start with few accounts and with many, and search for offline users."""
    few = most // 1000
    costs = []
    for count in (few, most):
        with _serving(folder, count) as serve:
            start = f"start with {count} accounts: CPU s, and MiB then"
            _row(start, f"{cpu_s(serve):.2f}", f"{memory_kib(serve) / 1024:.0f}", "", "")
            names = [name_of(n) for n in range(count)]
            callers = Callers([serve.dial() for _ in range(CALLERS)], names)
            costs.append([_cost_s(serve, callers, times, 1) for _ in range(TURNS)])
    _ratio(f"the same, 1 at once, {most} accounts / {few}", costs[1], costs[0], "")


@contextmanager
def _serving(folder: Path, accounts: int, *, tokens: int = 0) -> Iterator[Serve]:
    """Run a new registry with this many accounts."""
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        data_dir = Path(inside) / "r"
        fill(data_dir, accounts, tokens=tokens)
        cost = f"{COST.memory_kib}:{COST.passes}"
        serve = Serve(data_dir, "--quiet", "--limits", "none", "--password-cost", cost)
        try:
            yield serve
        finally:
            serve.kill()


def _log_in(serve: Serve, number: int) -> Raw:
    """Log a user in at the original listener."""
    client = serve.dial()
    assert client.ask("LOG", f"{name_of(number)} {PASSWORD}") == ("LOG_RESP", "OK")
    assert client.ask("PS_PORT", str(port_of(number))) == ("PS_PORT_RESP", "OK")
    return client


def _member(serve: Serve, number: int, *, port: int = 0, errand: bool = False) -> Member:
    """Log a user in at the secure listener."""
    name = name_of(number)
    return Member(serve, name, port=port, token=token_of(name), errand=errand)


def _hello_of(number: int) -> Callable[[], bytes]:
    hello = b"HELLO " + name_of(number).encode()
    return lambda: hello


def _in_turns(*measures: Callable[[], float]) -> list[list[float]]:
    """Measure each in turn, several times, so that noise affects all alike."""
    turns = [[measure() for measure in measures] for _ in range(TURNS)]
    return [list(each) for each in zip(*turns, strict=True)]


def _cost_s(program: Program, callers: Callers, times: int, at_once: int) -> float:
    """Return the CPU seconds of 100,000 searches."""
    before = cpu_s(program)
    callers.look_up(times, at_once)
    return (cpu_s(program) - before) * 100_000 / times


def _idle(serve: Serve, what: str, hear: Callable[[], None], seconds: float) -> None:
    before = cpu_s(serve)
    hear()
    _row(what, f"{(cpu_s(serve) - before) / seconds:.2%}", "", "", "")


def _ratio(what: str, ours: list[float], beside: list[float], goal: str) -> None:
    ratio = statistics.median(a / b for a, b in zip(ours, beside, strict=True))
    figures = (f"{statistics.median(each):.2f}" for each in (ours, beside))
    _row(what, *figures, f"{ratio:.2f}", goal)


def _row(*cells: str) -> None:
    print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
