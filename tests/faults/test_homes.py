"""Real programs in homes behind firewalls and routers, in network namespaces."""

import re
import shutil
from pathlib import Path

import pytest

from tests.faults.homes import NEEDS, REGISTRY, internet, missing
from tests.programs import Program, environment, running

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(bool(missing()), reason=missing() or "there can be homes"),
]

_LINES = 100


@pytest.mark.parametrize(
    ("homes", "path"),
    [
        (("firewall", "open"), "direct"),
        (("open", "firewall"), "punched"),
        (("firewall", "firewall"), "punched"),
        (("nat", "nat"), "punched"),
        (("open", "symmetric"), "punched"),
        (("symmetric", "symmetric"), "relayed"),
        (("symmetric", "mapping"), "direct"),
        (("mapping", "symmetric"), "direct"),
    ],
    ids="/".join,
)
def test_two_homes_connect(homes: tuple[str, str], path: str, tmp_path: Path) -> None:
    """Any two people chat; lines in both directions survive the change of the path."""
    needed = [NEEDS[home] for home in homes if home in NEEDS]
    if not all(map(shutil.which, needed)):
        pytest.skip(f"needs {', '.join(needed)}")
    with internet() as net:
        for who, home in zip(("alice", "bob"), homes, strict=True):
            net.add(who, home)
        options = ("--quiet", "--no-original", "--password-cost", "64:1", "--join-host", REGISTRY)
        serve = Program(
            *("serve", *options, "--data-dir", str(tmp_path / "r")),
            env=environment(tmp_path),
            command=net.inside("registry"),
        )
        with running(serve):
            join = serve.wait_for("^join (p2p://.*)$")[1]
            people = {}
            for who in ("alice", "bob"):
                env = environment(tmp_path / who, P2P_REGISTRY=join, P2P_PASSWORD="password")
                register = Program("register", who, env=env, command=net.inside(who))
                assert register.end()[0] == 0
                people[who] = Program("login", "--plain", env=env, command=net.inside(who))
            with running(people["alice"]) as alice, running(people["bob"]) as bob:
                for person in (alice, bob):
                    person.wait_for("logged in")
                alice.type("/chat bob")
                bob.wait_for("alice wants to chat")
                bob.type("/accept")
                for person in (alice, bob):
                    person.wait_for("chat with .* started")
                for n in range(_LINES):
                    for person in (alice, bob):
                        person.type(f"line {n}")
                    bob.wait_for(f"^alice: line {n}$")
                    alice.wait_for(f"^bob: line {n}$")
                assert _path(net.inside("alice"), tmp_path / "alice", path) == path


def _path(inside: tuple[str, ...], home: Path, awaited: str) -> str:
    """Return how alice's link runs once it does so as awaited, or after many looks."""
    found = ""
    for _ in range(20):
        status = Program("status", env=environment(home), command=inside)
        match = re.search(r"link: bob ([a-z ]+?)(?: at|,)", status.wait_for("^link: .*$")[0])
        status.end()
        assert match is not None
        found = match[1]
        if found == awaited:
            break
    return found
