"""The load of the registry's benchmark, and the measurements of the server's process.

All clients are in this thread, in step: all send, then all receive. That is slow in wall time,
which does not matter here; the server's CPU and memory do. The clients never sleep while they wait
for an answer: the kernel would charge the wake-up to the server, and more of it to a slower one.
"""

import base64
import hashlib
import itertools
import random
import select
import socket
import sqlite3
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

from p2pchat.registry.store.passwords import Cost, Passwords
from p2pchat.registry.store.stores import open_file
from tests.bench.smallest import name_of
from tests.conformance.secure_client import KEY
from tests.programs import Program, Raw, frame

PASSWORD = "password"
COST = Cost(memory_kib=64, passes=1)
_BATCHES = 64
_IN_A_MONTH = 30 * 24 * 3600


def token_of(name: str) -> str:
    """Return the token that the user logs in with."""
    return f"token of {name}"


def fill(folder: Path, accounts: int, *, tokens: int = 0) -> None:
    """Create accounts, the first ones with tokens, directly in the database of a new registry."""
    folder.mkdir(parents=True, mode=0o700)
    file = folder / "accounts.sqlite3"
    open_file(file).close()
    key = base64.b64decode(KEY)
    password_hash, now = Passwords(COST).hash(PASSWORD), int(time.time())
    with closing(sqlite3.connect(file)) as database, database:
        database.executemany(
            "INSERT INTO account (username, password_hash, allows_original, created_at, disabled)"
            " VALUES (?, ?, 0, ?, 0)",
            ((name_of(n), password_hash, now) for n in range(accounts)),
        )
        database.executemany(
            "INSERT INTO token (token_hash, username, key, expires_at, issued_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (
                (
                    hashlib.sha256(token_of(name).encode()).digest(),
                    name,
                    key,
                    now + _IN_A_MONTH,
                    now,
                )
                for name in map(name_of, range(tokens))
            ),
        )


class Callers:
    """Connections that search for users.

    `say` writes the payload of a request for a name. Each answer is read once, and later ones must
    equal it.
    """

    def __init__(
        self, connections: Sequence[Raw], names: Sequence[str], say: Callable[[str], str] = str
    ) -> None:
        self._sockets: list[socket.socket] = [c.socket for c in connections]
        rng = random.Random(1)
        self._known = [
            (frame("SEARCH", say(name)), frame(*connections[0].ask("SEARCH", say(name))))
            for name in rng.sample(names, min(len(names), 500))
        ]
        for sock in self._sockets:
            sock.setblocking(False)

    def look_up(self, times: int, at_once: int) -> None:
        """Search this many times, with `at_once` requests under way on each connection."""
        rng = random.Random(2)
        batches = []
        for _ in range(_BATCHES):
            asked, answered = zip(*rng.choices(self._known, k=at_once), strict=True)
            batches.append((b"".join(asked), b"".join(answered)))
        each = itertools.cycle(batches)
        for _ in range(times // (at_once * len(self._sockets))):
            due = []
            for sock in self._sockets:
                request, answer = next(each)
                sock.sendall(request)
                due.append(answer)
            for sock, answer in zip(self._sockets, due, strict=True):
                heard = b""
                while len(heard) < len(answer):
                    with suppress(BlockingIOError, ssl.SSLWantReadError):
                        heard += sock.recv(65536)
                assert heard == answer, (heard, answer)


def send_hellos(
    address: tuple[str, int], hellos: Sequence[Callable[[], bytes]], interval: float, seconds: float
) -> None:
    """Send a heartbeat of each user every `interval`, evenly spread, for this long."""
    began = time.monotonic()
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        for count, hello in enumerate(itertools.cycle(hellos)):
            due = began + count * interval / len(hellos)
            if due > began + seconds:
                break
            select.select([], [], [], max(0.0, due - time.monotonic()))
            sock.sendto(hello(), address)


def cpu_s(program: Program) -> float:
    """Return the CPU seconds used by the process."""
    # As clock_getcpuclockid(3) on Linux; /proc counts in hundredths of a second.
    return time.clock_gettime((~program.process.pid << 3) | 2)


def memory_kib(program: Program) -> int:
    """Return the memory of the process, with its share of shared pages (Pss)."""
    rollup = Path(f"/proc/{program.process.pid}/smaps_rollup").read_text("ascii")
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
