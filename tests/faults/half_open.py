"""Two nodes whose packets to each other vanish; run in a network namespace (`unshare -rn`).

Each node is in a namespace behind a pair of virtual interfaces; the registry is on the router
between them and stays reachable. The result is printed as one JSON object.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.people import People
from tests.programs import P2P, Program, Serve

_ROUTER = "10.77.0.1"
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


def sh(command: str) -> None:
    subprocess.run(command, shell=True, check=True)


def machine(n: int, name: str, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Create a namespace; return the process that keeps it, and the `p2p` that runs in it."""
    keeper = subprocess.Popen(
        ["unshare", "-n", "sh", "-c", "echo up; exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert keeper.stdout is not None
    keeper.stdout.readline()
    inside = f"nsenter -t {keeper.pid} -n"
    sh(f"ip link add m{n} type veth peer name p{n} netns {keeper.pid}")
    sh(f"ip addr add 10.77.{n}.1/24 dev m{n} && ip link set m{n} up")
    sh(f"{inside} ip link set lo up && {inside} ip addr add 10.77.{n}.2/24 dev p{n}")
    sh(f"{inside} ip link set p{n} up && {inside} ip route add default via 10.77.{n}.1")
    program = folder / name
    program.write_text(f'#!/bin/sh\nexec {inside} {P2P} "$@"\n')
    program.chmod(0o755)
    return keeper, str(program)


def main(folder: Path) -> None:
    sh(f"ip link set lo up && ip addr add {_ROUTER}/32 dev lo")
    _FORWARDING.write_text("1")
    there = [machine(n, name, folder) for n, name in ((1, "alice"), (2, "bob"))]
    serve = Serve(folder / "r", "--quiet", "--password-cost", "64:1", "--limits", "none")
    nodes = []
    try:
        serve.join = serve.join.replace("127.0.0.1", _ROUTER)
        (folder / "homes").mkdir()
        people = People(serve, folder / "homes")
        for name, (_, program) in reversed(list(zip(("alice", "bob"), there, strict=True))):
            Program.command = (program,)
            nodes.append(people.start(name))
        bob, alice = nodes
        alice.type("/chat bob")
        alice.wait_for("chat with bob started")
        alice.type("one")
        bob.type("/chat alice")
        bob.wait_for("^alice: one")
        _FORWARDING.write_text("0")
        began = time.monotonic()
        alice.wait_for("bob is gone")
        noticed = time.monotonic() - began
        for text in ("two", "three"):
            alice.type(text)
        _FORWARDING.write_text("1")
        began = time.monotonic()
        bob.wait_for("^alice: three")
        heard = [line for line in bob.said if line.startswith("alice: ")]
        print(json.dumps({"noticed": noticed, "came": time.monotonic() - began, "heard": heard}))
    finally:
        for running in (*nodes, serve):
            running.kill()
        for keeper, _ in there:
            keeper.kill()
            keeper.communicate()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
