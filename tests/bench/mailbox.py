"""Measure a registry's mailboxes: leaving and taking sealed lines.

    python -m tests.bench.mailbox [--seconds 10] [--rate 100] [--full 800]

Runs of 2 KiB are left at that rate in boxes of which each holds some hundred already; the delay is
compared with that of PING, which touches no disk, in the same seconds. On SQLite, with fsync. Then
a program leaves a thousand lines for one that logs in later, and the cryptography of one line is
measured beside the signatures that it needs at least.
"""

import argparse
import base64
import hashlib
import json
import os
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from p2pchat.peer.mailbox.sealing import best_kem, check_prekey, new_prekey, open_run, seal
from p2pchat.peer.store.identity import load_identity
from p2pchat.protocol.sealed import Position, Run
from p2pchat.protocol.talk import ChatText
from tests.bench.at_registry import head, row
from tests.bench.load import cpu_s
from tests.cli.profile.test_mailbox import log_in
from tests.conformance.secure_client import KEY
from tests.faults.crowd import Member
from tests.people import People
from tests.programs import Serve, running

_PASSES = 400
_LINES = 1000
_TIMES = 500
_SENDERS = 16  # each asks for less than its limit
_OFF = (
    *("requests-per-second=0", "box-runs=0", "box-bytes=0", "pass-runs=0", "pass-bytes-per-day=0"),
)


def main() -> None:
    """Run all measurements at one registry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--full", type=int, default=800)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    head("what", "figure")
    limits = [word for limit in _OFF for word in ("--limit", limit)]
    with tempfile.TemporaryDirectory() as folder:
        serve = Serve(Path(folder), "--quiet", "--mailbox", "1GB", *limits)
        with running(serve):
            _measure(serve, options.seconds, options.rate, options.full)
        second = Serve(Path(folder) / "second", "--quiet", "--mailbox", "1GB", *limits)
        with running(second):
            _leave_a_thousand(People(second, Path(folder)))
        _seal(Path(folder))


def _measure(serve: Serve, seconds: float, rate: float, full: int) -> None:
    can = ("meet", "mailbox")
    bob = Member(serve, "bob", port=4001, can=can)
    senders = [Member(serve, f"alice{n}", port=4100 + n, can=can) for n in range(_SENDERS)]
    passes = [os.urandom(16) for _ in range(_PASSES)]
    hashes = [base64.b64encode(hashlib.sha256(each).digest()).decode() for each in passes]
    assert bob.tell("BOX_KEYS", passes=hashes)[1] == {"outcome": "OK"}
    sealed = base64.b64encode(os.urandom(2048 + 1144)).decode()
    payloads = [
        json.dumps(
            {
                "username": "bob",
                "key": KEY,
                "permit": base64.b64encode(each).decode(),
                "sealed": sealed,
            }
        )
        for each in passes
    ]
    for n in range(full):
        answer, _ = senders[n % _SENDERS].ask("BOX_LEAVE", payloads[n % _PASSES])
        assert answer == "BOX_LEAVE_RESP", answer
    delays: dict[str, list[float]] = {"BOX_LEAVE": [], "PING": []}
    began, cpu, n = time.perf_counter(), cpu_s(serve), full
    while time.perf_counter() - began < seconds:
        n += 1
        for command, payload in (("PING", "{}"), ("BOX_LEAVE", payloads[n % _PASSES])):
            asked = time.perf_counter()
            answer, _ = senders[n % _SENDERS].ask(command, payload)
            assert answer in {"PONG", "BOX_LEAVE_RESP"}, answer
            delays[command].append((time.perf_counter() - asked) * 1e3)
        Event().wait(max(0.0, began + (n - full) / rate - time.perf_counter()))
    row("runs left in a second", f"{(n - full) / seconds:.0f}")
    row("CPU ms of leaving one", f"{(cpu_s(serve) - cpu) * 1e3 / (n - full):.2f}")
    for command, each in delays.items():
        centile = statistics.quantiles(each, n=100)[98]
        row(f"{command}: median and p99, ms", f"{statistics.median(each):.2f} {centile:.2f}")
    _take_all(bob)


def _leave_a_thousand(people: People) -> None:
    """Measure how soon after the login of its receiver the last of a thousand lines is there."""
    alice = log_in(people, "alice")
    with running(alice):
        for n in range(_LINES):
            alice.type(json.dumps({"command": "send", "to": "bob", "text": f"line number {n}"}))
        alice.wait_for(f'"number": {_LINES + 1}')
        alice.end()
    bob = log_in(people, "bob")
    with running(bob):
        began = time.perf_counter()
        bob.wait_for(f'"text": "line number {_LINES - 1}"')
        row(f"seconds until {_LINES} left lines are there", f"{time.perf_counter() - began:.2f}")
        bob.end()


def _seal(folder: Path) -> None:
    """Measure the CPU of sealing a line and of opening it."""
    alice, bob = (load_identity(folder / f"{name}.pem") for name in ("alice", "bob"))
    registry, expires_at = b"r" * 16, int(time.time()) + 86400
    line = ChatText("see you on Monday", 1, "0" * 24, 1)
    run = Run("alice", alice.public, Position(), Position(), 1, (line,), b"p" * 16)
    costs = dict.fromkeys(("sign and verify", "seal", "open"), 0.0)
    for _ in range(_TIMES):
        prekey, private = new_prekey(bob, registry, "bob", best_kem(), expires_at, one_time=True)
        times = [time.process_time()]
        signature = alice.sign(b"x" * 512)
        Ed25519PublicKey.from_public_bytes(alice.public).verify(signature, b"x" * 512)
        times.append(time.process_time())
        box = check_prekey(prekey, registry, "bob", bob.public, time.time())
        sealed = seal(run, alice, box, prekey)
        times.append(time.process_time())
        open_run(sealed, box, private)
        times.append(time.process_time())
        for name, (since, until) in zip(costs, pairwise(times), strict=True):
            costs[name] += until - since
    for name, cost in costs.items():
        row(f"CPU ms: {name}", f"{cost / _TIMES * 1e3:.3f}")


def _take_all(bob: Member) -> None:
    """Measure how long it takes to fetch and delete all runs, as a node would after its login."""
    began, after, taken = time.perf_counter(), "", 0
    while runs := _ask(bob, "BOX_LIST", after=after).get("runs", []):
        for run, _ in runs:
            assert _ask(bob, "BOX_GET", run=run)["sealed"]
        after, taken = runs[-1][0], taken + len(runs)
        if taken >= 1000:
            break
    row(f"seconds to fetch {taken} runs", f"{time.perf_counter() - began:.2f}")


def _ask(bob: Member, command: str, **fields: Any) -> dict[str, Any]:
    """Return the answer to a request, skipping news."""
    bob.say(command, json.dumps(fields))
    while (heard := bob.hear())[0] == "BOX_NEWS":
        pass
    return dict(json.loads(heard[1]))


if __name__ == "__main__":
    main()
