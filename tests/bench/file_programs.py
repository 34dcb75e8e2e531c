"""Measure whole programs that send one large file on loopback: p2pchat, and magic-wormhole.

    python -m tests.bench.file_programs [--total 1000000000] [--wormhole FOLDER]

FOLDER has the programs `wormhole` and `twist` of a virtual environment with magic-wormhole,
magic-wormhole-mailbox-server and magic-wormhole-transit-relay. While p2pchat sends, lines go from
the receiver to the sender and are measured: as they are acknowledged by the other node. The files
are in shared memory, so that no disk is measured.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tests.bench.at_registry import head, row
from tests.people import People, Registry
from tests.programs import Program, running

_BLOCK = 1024 * 1024
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run both, and print what each end needs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--total", type=int, default=1_000_000_000)
    parser.add_argument("--wormhole", type=Path)
    arguments = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    head("program", "MB/s", "sender: CPU s/GB", "receiver")
    shared_memory = Path("/dev/shm")  # noqa: S108  # no disk is to be measured
    with tempfile.TemporaryDirectory(
        dir=shared_memory if shared_memory.is_dir() else None
    ) as folder:
        path = Path(folder) / "source.bin"
        block = os.urandom(_BLOCK)
        with path.open("wb") as file:
            for _ in range(arguments.total // _BLOCK):
                file.write(block)
        if arguments.wormhole is not None:
            _wormhole(arguments.wormhole, Path(folder), path)
        _p2pchat(Path(folder), path)


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _p2pchat(folder: Path, path: Path) -> None:
    with running(Registry(folder / "r")) as registry:
        people = People(registry, folder)
        assert people.run("bob", "contacts", "files", "alice", "100GB")[0] == 0
        assert people.run("bob", "verify", "alice", "--yes")[0] == 0
        programs = {}
        for name in ("alice", "bob"):
            programs[name] = Program("login", "--json", env=people.env[name])
            programs[name].wait_for("logged_in")
        alice, bob = programs["alice"], programs["bob"]
        _line(bob)  # connects
        idle = sorted(_line(bob) for _ in range(300))
        before = {name: _cpu(program.process.pid) for name, program in programs.items()}
        began = time.perf_counter()
        alice.type(json.dumps({"command": "send-file", "to": "bob", "path": str(path)}))
        bob.wait_for('"file_offered"')
        busy = []
        while not any('"file_received"' in line for line in bob.said[-50:]):
            busy.append(_line(bob))
        took = time.perf_counter() - began
        size = path.stat().st_size / 1e9
        used = [(_cpu(programs[n].process.pid) - before[n]) / size for n in ("alice", "bob")]
        row(
            "p2pchat, with lines beside it", f"{size * 1e3 / took:.0f}", *(f"{u:.2f}" for u in used)
        )
        for name, times in (("idle", idle), ("while the file moves", sorted(busy))):
            last = times[int(len(times) * 0.99) - 1] * 1e3
            print(f"a line, acknowledged, {name}: p99 {last:.1f} ms of {len(times)}")
        received = Path(people.env["bob"]["HOME"]) / "Downloads" / "p2pchat" / "alice"
        shutil.rmtree(received)
        _alone(people, path, size)
        for program in programs.values():
            program.kill()


def _line(bob: Program) -> float:
    """Send a line to alice, and return the seconds until her node has acknowledged it."""
    began = time.perf_counter()
    bob.type('{"command":"send","to":"alice","text":"hello"}')
    bob.wait_for('"event": "delivered".*"waiting": 0')
    return time.perf_counter() - began


def _alone(people: People, path: Path, size: float) -> None:
    """Measure the command, as it is used instead of wormhole."""
    began = time.perf_counter()
    code, _, err = people.run("alice", "send-file", "bob", str(path), "--wait", "60")
    took = time.perf_counter() - began
    assert code == 0, err
    row("p2p send-file", f"{size * 1e3 / took:.0f}", "", "")


def _wormhole(programs: Path, folder: Path, path: Path) -> None:
    server = subprocess.Popen(
        [programs / "twist", "wormhole-mailbox", "--port", "tcp:0:interface=127.0.0.1"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        bufsize=1,
    )
    assert server.stdout is not None
    port = ""
    while not port:
        found = re.search(r"starting on (\d+)", server.stdout.readline())
        port = found[1] if found else ""
    common = [
        programs / "wormhole",
        "--relay-url",
        f"ws://127.0.0.1:{port}/v1",
        "--transit-helper",
        "",
    ]
    there = folder / "there"
    there.mkdir()
    began = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    sending = subprocess.Popen(
        [*common, "send", "--hide-progress", "--code", "1-a-b", str(path)],
        **quiet,  # type: ignore[call-overload]
    )
    receiving = subprocess.Popen(
        [*common, "receive", "--hide-progress", "--accept-file", "-o", str(there / "f"), "1-a-b"],
        **quiet,  # type: ignore[call-overload]
    )
    used = {}
    for name, process in (("receiver", receiving), ("sender", sending)):
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, name
        used[name] = usage.ru_utime + usage.ru_stime
    took = time.perf_counter() - began
    size = path.stat().st_size / 1e9
    row(
        "magic-wormhole",
        f"{size * 1e3 / took:.0f}",
        f"{used['sender'] / size:.2f}",
        f"{used['receiver'] / size:.2f}",
    )
    server.terminate()
    server.wait()
    shutil.rmtree(there)


if __name__ == "__main__":
    main()
