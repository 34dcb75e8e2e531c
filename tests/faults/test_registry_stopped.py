"""SIGSTOP and SIGCONT of the registry and of a client: no session is lost without need."""

import json
import select
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.crowd import CHEAP, Member, let_pass, until, wait_until_stopped
from tests.programs import Program, Serve, environment, running

PATIENCE = 2.0
MEMBERS = 10
_TIMES = ("--hello-interval", "0.2", "--hello-patience", str(PATIENCE))


@pytest.mark.parametrize("kept", [True, False], ids=["that waited", "that the system dropped"])
def test_stopped_registry_does_not_expire_its_clients(tmp_path: Path, kept: bool) -> None:
    """The registry is stopped past the patience. HELLOs that arrived in time are read before
    clients expire; after a longer stop, when some may have been dropped, the patience restarts. A
    silent client is then disconnected.
    """
    serve = Serve(tmp_path / "r", *CHEAP, *_TIMES)
    with running(serve), ExitStack() as stack:
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        members: list[Member] = []
        olga = serve.dial()
        assert olga.ask("REG", "olga password") == ("REG_RESP", "OK")
        assert olga.ask("PS_PORT", "50001") == ("PS_PORT_RESP", "OK")

        def all_say_hello() -> None:
            for member in members:
                udp.sendto(member.hello(), serve.secure_udp)
            udp.sendto(b"HELLO olga", serve.udp)

        def all_are_there() -> None:
            there = [member.finds(member.name) for member in members]
            assert there == ["ONLINE"] * MEMBERS
            assert olga.ask("SEARCH", "olga") == ("SEARCH_RESP", "127.0.0.1 50001")

        for i in range(MEMBERS):
            members.append(Member(serve, f"user{i}", port=40_000 + i))
            stack.callback(members[-1].close)
            all_say_hello()
        silent = Member(serve, "silent", port=50_000)
        stack.callback(silent.close)
        all_say_hello()
        let_pass(0.1)  # so that the registry waits in its select, as it nearly always does
        _stop(serve)
        stopped = time.monotonic()
        if kept:
            all_say_hello()
        let_pass(until(stopped + PATIENCE + (0.1 if kept else 1.1)))
        serve.signal(signal.SIGCONT)
        all_are_there()
        while not select.select([silent.socket], [], [], 0.3)[0]:
            all_say_hello()
        assert silent.hear() == ("BYE", '{"reason":"SILENT"}')
        all_are_there()
        print(f"{MEMBERS + 1} of {MEMBERS + 1} online after the registry stood still")


def test_stopped_client_returns(tmp_path: Path) -> None:
    """A stopped node is online within its patience, then offline, and returns by itself."""
    serve = Serve(tmp_path / "r", *CHEAP, *_TIMES)
    home = environment(tmp_path / "alice", P2P_REGISTRY=serve.join, P2P_PASSWORD="password")
    with running(serve):
        assert Program("register", "alice", env=home).end()[0] == 0
        alice = Program("login", "--headless", env=home)
        with running(alice):
            alice.wait_for("logged in as alice")
            bob = Member(serve, "bob", errand=True)
            bob.tell("WATCH", usernames=["alice"])
            alice.signal(signal.SIGSTOP)
            wait_until_stopped(alice.process.pid)
            let_pass(PATIENCE / 3)
            assert bob.finds("alice") == "ONLINE"
            assert _sighting(bob) == "OFFLINE"
            continued = time.monotonic()
            alice.signal(signal.SIGCONT)
            assert _sighting(bob) == "ONLINE"
            print(f"back {time.monotonic() - continued:.2f} s after SIGCONT")
            bob.close()


def _sighting(watcher: Member) -> str:
    command, payload = watcher.hear()
    assert command == "PRESENCE", command
    return str(json.loads(payload)["result"]["presence"])


def _stop(serve: Serve) -> None:
    serve.signal(signal.SIGSTOP)
    wait_until_stopped(serve.process.pid)
