"""Closed connections release their memory at once, without the cycle collector.

The collector does not see OpenSSL's part of a connection; relying on it, a registry with short
connections grew from 50 to 115 MiB. It is switched off here.
"""

from pathlib import Path

import pytest

from tests.conformance.secure_client import Secure
from tests.faults.crowd import CHEAP, Member, resident_kib
from tests.hostile.peer import HostileContact
from tests.people import Registry
from tests.programs import Program, Serve, environment, running

COUNT = 300


@pytest.fixture
def without_collector(tmp_path: Path) -> dict[str, str]:
    """Return variables that disable Python's cycle collector."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import gc\ngc.disable()\n")
    return {"PYTHONPATH": str(tmp_path / "site")}


def test_registry_releases_closed_connections(
    tmp_path: Path, without_collector: dict[str, str]
) -> None:
    """With and without a login, closed in good order or not."""
    serve = Serve(tmp_path / "r", *CHEAP, env=without_collector)
    with running(serve):
        token = ""

        def come_and_go(count: int) -> None:
            nonlocal token
            for n in range(count):
                if n % 3:
                    member = Member(serve, "alice", token=token, port=10_000 + n, is_known=True)
                    member.tell("WATCH", usernames=["alice", "bob"])
                    token = member.grant["token"]
                    if n % 3 == 1:
                        member.say("LOGOUT", "{}")
                    member.close()
                else:
                    Secure(serve).close()

        first = Member(serve, "alice", port=9999)
        token = first.grant["token"]
        first.close()
        come_and_go(COUNT // 3)
        before = resident_kib(serve)
        come_and_go(COUNT)
        grown = resident_kib(serve) - before
    print(f"{grown} KiB more after {COUNT} connections")
    assert grown < 10 * COUNT


def test_node_releases_closed_links(tmp_path: Path, without_collector: dict[str, str]) -> None:
    """Callers, and peers that only complete the handshake."""
    with running(registry := Registry(tmp_path / "r")):
        env = environment(tmp_path / "home", P2P_REGISTRY=registry.join, P2P_PASSWORD="password")
        assert Program("register", "alice", env=env).end() == (0, "")
        mallory = HostileContact(registry, tmp_path)
        node = Program("login", env=env | without_collector)
        with running(node):
            port = int(node.wait_for(r"listening\W.*?127\.0\.0\.1:(\d+)")[1])
            mallory.be_accepted(node, port)

            def come_and_go(count: int) -> None:
                for n in range(count):
                    if n % 2:
                        mallory.call(port)
                    else:
                        mallory.dial(port)
                    mallory.hang_up()

            come_and_go(COUNT // 3)
            before = resident_kib(node)
            come_and_go(COUNT)
            grown = resident_kib(node) - before
        mallory.close()
    print(f"{grown} KiB more after {COUNT} links")
    assert grown < 10 * COUNT
