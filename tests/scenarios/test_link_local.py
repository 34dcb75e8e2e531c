"""Two users and a registry on a network with link-local addresses only (RFC 4291, 2.5.6)."""

import ipaddress
from pathlib import Path

import pytest

from tests.programs import Program, environment, running

_INTERFACES = Path("/proc/net/if_inet6")


def _link_local() -> str:
    """Return a link-local address of this machine with its zone, or skip the test."""
    for line in _INTERFACES.read_text().splitlines() if _INTERFACES.exists() else ():
        digits, *_, name = line.split()
        address = ipaddress.IPv6Address(bytes.fromhex(digits))
        if address.is_link_local:
            return f"{address}%{name}"
    pytest.skip("this machine has no link-local IPv6 address")


def test_zone_is_kept_from_the_link_to_the_chat(tmp_path: Path) -> None:
    """The zone is used for --join-host, the link, TCP, UDP and the addresses of contacts."""
    host = _link_local()
    serve = Program(
        *("serve", "--data-dir", str(tmp_path / "registry"), "--port", "0", "--no-original"),
        *("--host", "::", "--join-host", host, "--password-cost", "64:1"),
        env=environment(tmp_path / "operator"),
    )
    with running(serve):
        link = serve.wait_for(r"^join (.*)$")[1]
        assert link.startswith(f"p2p://[{host}]:")
        alice, bob = (
            environment(tmp_path / name, P2P_REGISTRY=link, P2P_PASSWORD="password")
            for name in ("alice", "bob")
        )
        for name, env in (("alice", alice), ("bob", bob)):
            code, err = Program("register", name, env=env).end()
            assert code == 0, err
        with running(Program("login", env=bob)) as called:
            called.wait_for("logged in as bob")
            with running(Program("chat", "bob", env=alice)) as calling:
                called.wait_for("alice wants to chat")
                called.type("/accept")
                calling.wait_for("chat with bob started")
                calling.type("hello")
                called.wait_for("^alice: hello$")
            doctor = Program("doctor", env=bob)
            doctor.end()
            assert any(line.startswith("ok listener") for line in doctor.said), doctor.said
            assert any(line.startswith("ok heartbeat") for line in doctor.said), "\n".join(
                doctor.said
            )


@pytest.mark.parametrize(
    ("host", "link"),
    [("127.0.0.1", "p2p://127.0.0.1:"), ("::1", "p2p://[::1]:"), ("::", "p2p://")],
)
def test_join_link_matches_the_listening_address(tmp_path: Path, host: str, link: str) -> None:
    """The link has the address that the registry listens on, or the machine's name if it listens on
    all.
    """
    serve = Program(
        *("serve", "--data-dir", str(tmp_path), "--port", "0", "--no-original", "--host", host),
        env=environment(tmp_path / "home"),
    )
    with running(serve):
        join = serve.wait_for(r"^join (.*)$")[1]
        assert join.startswith(link)
        assert ("[::]" in join, host == "::" and "127.0.0.1" in join) == (False, False)


def test_invalid_join_host_is_refused(tmp_path: Path) -> None:
    """A join host that no client can use is refused before a listener opens."""
    serve = Program(
        "serve", "--data-dir", str(tmp_path), "--join-host", "*", env=environment(tmp_path)
    )
    code, err = serve.end()
    assert (code, serve.said) == (2, [])
    assert "'*' is not a host" in err
