"""A registry under measurement, its clients, and the rows of a table of results."""

import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.load import COST, PASSWORD, Callers, cpu_s, fill, token_of
from tests.bench.smallest import name_of, port_of
from tests.faults.crowd import Member
from tests.programs import Program, Raw, Serve, environment

CALLERS = 50
TURNS = 5

NO_LIMITS = ("--limits", "none")


class StartedServe(Serve):
    """A registry that is started, so that its memory is its own."""

    command = (sys.executable, str(Path(sys.executable).with_name("p2p")))


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


@contextmanager
def serving(folder: Path, accounts: int, *options: str, tokens: int = 0) -> Iterator[Serve]:
    """Run a new registry with this many accounts; options are `NO_LIMITS` by default."""
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        data_dir = Path(inside) / "r"
        fill(data_dir, accounts, tokens=tokens)
        cost = f"{COST.memory_kib}:{COST.passes}"
        serve = StartedServe(data_dir, "--quiet", "--password-cost", cost, *(options or NO_LIMITS))
        try:
            yield serve
        finally:
            serve.kill()


def log_in(serve: Serve, number: int) -> Raw:
    """Log a user in at the original listener."""
    client = serve.dial()
    assert client.ask("LOG", f"{name_of(number)} {PASSWORD}") == ("LOG_RESP", "OK")
    assert client.ask("PS_PORT", str(port_of(number))) == ("PS_PORT_RESP", "OK")
    return client


def member(serve: Serve, number: int, *, port: int = 0, errand: bool = False) -> Member:
    """Log a user in at the secure listener."""
    name = name_of(number)
    return Member(serve, name, port=port, token=token_of(name), errand=errand)


def secure_request(name: str) -> str:
    """Return the payload of a search at the secure listener, as our clients write it."""
    return json.dumps({"username": name}, separators=(",", ":"))


def in_turns(*measures: Callable[[], float]) -> list[list[float]]:
    """Measure each in turn, several times, so that noise affects all alike."""
    turns = [[measure() for measure in measures] for _ in range(TURNS)]
    return [list(each) for each in zip(*turns, strict=True)]


def cost_s(program: Program, callers: Callers, times: int, at_once: int) -> float:
    """Return the CPU seconds of 100,000 searches."""
    before = cpu_s(program)
    callers.look_up(times, at_once)
    return (cpu_s(program) - before) * 100_000 / times


def ratio(what: str, ours: list[float], beside: list[float], goal: str = "") -> None:
    """Print the medians of both, and the median and the quartiles of their ratio."""
    low, middle, high = statistics.quantiles(
        (a / b for a, b in zip(ours, beside, strict=True)), n=4
    )
    figures = (f"{statistics.median(each):.2f}" for each in (ours, beside))
    row(what, *figures, f"{middle:.2f} ({low:.2f} to {high:.2f})", goal)


def row(*cells: str) -> None:
    """Print a row of a Markdown table."""
    print("|", " | ".join(cells), "|", flush=True)


def head(*cells: str) -> None:
    """Print the head of a Markdown table."""
    row(*cells)
    row(*("---",) * len(cells))
