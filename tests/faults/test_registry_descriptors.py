"""A registry without free descriptors: RLIMIT_NOFILE 64 and 200 connections."""

import resource
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.crowd import CHEAP, Member, cpu_s, let_pass, look_up_s
from tests.programs import P2P, Raw, Serve, environment, running

DESCRIPTORS = 64
DIALERS = 200
WATCHED_S = 1.0


def _wait_until_none_is_left(pid: int) -> int:
    """Wait until the registry has used up its descriptors; return their number."""
    deadline = time.monotonic() + 20
    while True:
        used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        if used >= DESCRIPTORS - 1:
            return used
        assert time.monotonic() < deadline, f"the registry has only {used} descriptors in use"
        let_pass(0.01)


def test_clients_are_served_without_free_descriptors(tmp_path: Path) -> None:
    """Existing clients of both listeners are served without spinning, and new ones later."""
    serve = Serve(tmp_path, *CHEAP)
    with running(serve), ExitStack() as stack:
        pid = serve.process.pid
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        alice, asking = Member(serve, "alice", port=40_000), serve.dial()
        stack.callback(alice.close)
        alone = look_up_s(asking)
        with ExitStack() as dialers:
            for i in range(DIALERS):
                listener = serve.tcp if i % 2 else serve.secure_tcp
                dialers.enter_context(socket.create_connection(listener, 20))
            used = _wait_until_none_is_left(pid)
            udp = dialers.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            udp.settimeout(20)
            before, over = cpu_s(serve), time.monotonic() + WATCHED_S
            took = []
            while time.monotonic() < over:
                udp.sendto(alice.hello(), serve.secure_udp)
                assert udp.recv(100).startswith(b"P2PA")
                assert alice.finds("alice") == "ONLINE"
                took.append(look_up_s(asking, 5))
                udp.settimeout(0.1)  # a pause, in which only the waiting connections cost CPU
                with pytest.raises(TimeoutError):
                    udp.recv(1)
                udp.settimeout(20)
            load = (cpu_s(serve) - before) / WATCHED_S
        began = time.monotonic()
        newcomer = Member(serve, "bob")
        stack.callback(newcomer.close)
        back = time.monotonic() - began
        other = Raw(serve.tcp)
        stack.callback(other.close)
        assert other.ask("SEARCH", "nobody") == ("SEARCH_RESP", "NOT_FOUND")
        print(
            f"{DIALERS} dialers, {used} of {DESCRIPTORS} descriptors: {load:.0%} of a CPU, look-ups"
            f" {sorted(took)[len(took) // 2] / alone:.1f} times as slow; a newcomer was in"
            f" {back:.2f} s after they had gone"
        )
        assert load < 0.5


@pytest.mark.parametrize("descriptors", [6, 8, 10, 12, 16, 24, 63])
def test_too_few_descriptors_to_start(tmp_path: Path, descriptors: int) -> None:
    """Wherever descriptors run out, the registry exits with a plain error and advice."""
    words = [P2P, "serve", "--data-dir", str(tmp_path / "r"), "--port", "0", "--no-original"]
    done = subprocess.run(
        ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *words],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert done.stderr.startswith("p2p: ")
    assert "  try: ulimit -n" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("descriptors", range(8, 20, 3))
@pytest.mark.parametrize("command", [["contacts"], ["status"], ["send", "bob", "x"], ["doctor"]])
def test_client_with_few_descriptors(tmp_path: Path, command: list[str], descriptors: int) -> None:
    """Commands with too few descriptors fail without a traceback."""
    env = environment(tmp_path, P2P_REGISTRY="p2p://127.0.0.1:1", P2P_PASSWORD="password")
    done = subprocess.run(
        ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", P2P, *command],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr, done.stderr
