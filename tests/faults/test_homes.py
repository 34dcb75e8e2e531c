"""Real programs in homes behind firewalls and routers, in network namespaces."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.homes import NEEDS, REGISTRY, SECOND_REGISTRY, Internet, internet, missing
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
        # "mapped" if alice calls before bob's router has answered
        (("symmetric", "mapping"), "direct|mapped"),
        (("mapping", "symmetric"), "direct"),
    ],
    ids="/".join,
)
def test_two_homes_connect(homes: tuple[str, str], path: str, tmp_path: Path) -> None:
    """Any two people chat; lines in both directions survive the change of the path."""
    _skip_without(*homes)
    with internet() as net:
        for who, home in zip(("alice", "bob"), homes, strict=True):
            net.add(who, home)
        with _registry(net, tmp_path / "r") as join:
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
                found = _path(net.inside("alice"), tmp_path / "alice", path)
                assert re.fullmatch(path, found), found


@pytest.mark.parametrize(
    ("home", "nat", "mapping", "router"),
    [
        ("open", "none", "", "none"),
        ("firewall", "none", "", "none"),
        ("nat", "sees 192.168.1.2 as 5.5.5.11", "ok", "opens no port"),
        ("symmetric", "sees 192.168.1.2 as 5.5.5.11", "warn", "opens no port"),
        ("mapping", "sees 192.168.1.2 as 5.5.5.11", "ok", "opens ports by PCP, at 5.5.5.11"),
    ],
)
def test_doctor_tells_the_kind_of_network(
    home: str, nat: str, mapping: str, router: str, tmp_path: Path
) -> None:
    """What it says of a router is what that router does, and nothing is called wrong."""
    _skip_without(home)
    with internet() as net:
        net.add("alice", home)
        with _registry(net, tmp_path / "r") as join:
            second = join.replace(REGISTRY, SECOND_REGISTRY)
            env = environment(
                tmp_path / "alice", P2P_REGISTRY=f"{join},{second}", P2P_PASSWORD="password"
            )
            inside = net.inside("alice")
            assert Program("register", "alice", env=env, command=inside).end()[0] == 0
            doctor = Program("doctor", "--json", env=env, command=inside)
            assert doctor.end() == (0, "")
    findings = [json.loads(line) for line in doctor.said]
    said = {finding["what"].partition(":")[0]: finding for finding in findings}
    assert nat in said["nat"]["what"]
    assert said.get("mapping", {"result": ""})["result"] == mapping
    assert router in said["router"]["what"]
    assert said["listener"]["result"] == "ok"


def test_two_people_without_the_internet(tmp_path: Path) -> None:
    """They have met before; in one network, their nodes start and talk without the registry."""
    with internet() as net:
        for who in ("alice", "bob"):
            net.add(f"{who}-before", "open")
        with _registry(net, tmp_path / "r") as join:
            people = {
                who: environment(tmp_path / who, P2P_REGISTRY=join, P2P_PASSWORD="password")
                for who in ("alice", "bob")
            }
            before = {}
            for who, env in people.items():
                inside = net.inside(f"{who}-before")
                assert Program("register", who, env=env, command=inside).end()[0] == 0
                before[who] = Program("login", "--plain", env=env, command=inside)
            with running(before["alice"]) as alice, running(before["bob"]) as bob:
                for person in (alice, bob):
                    person.wait_for("logged in")
                alice.type("/chat bob")
                bob.wait_for("alice wants to chat")
                bob.type("/accept")
                for person in (alice, bob):
                    person.wait_for("chat with .* started")
        net.add_together("alice", "bob")
        now = {
            who: Program("login", "--plain", env=env, command=net.inside(who))
            for who, env in people.items()
        }
        with running(now["alice"]) as alice, running(now["bob"]) as bob:
            for person in (alice, bob):
                person.wait_for("registry lost")
            alice.type("/chat bob")
            alice.wait_for("chat with bob started")
            alice.type("on the train")
            bob.wait_for("alice")
            bob.type("/chat alice")
            bob.wait_for("on the train")
            status = Program("status", env=people["alice"], command=net.inside("alice"))
            status.wait_for(r"^link: bob direct lan at (192\.168\.1\.3|\[fe80:)")
            status.end()


def _skip_without(*homes: str) -> None:
    """Skip the test if a home needs a program that is missing here."""
    needed = [NEEDS[home] for home in homes if home in NEEDS]
    if not all(map(shutil.which, needed)):
        pytest.skip(f"needs {', '.join(needed)}")


@contextmanager
def _registry(net: Internet, folder: Path) -> Iterator[str]:
    """Run a registry; yield its join link."""
    options = ("--quiet", "--no-original", "--password-cost", "64:1", "--join-host", REGISTRY)
    serve = Program(
        *("serve", *options, "--data-dir", str(folder)),
        env=environment(folder),
        command=net.inside("registry"),
    )
    with running(serve):
        yield serve.wait_for("^join (p2p://.*)$")[1]


def _path(inside: tuple[str, ...], home: Path, awaited: str) -> str:
    """Return how alice's link runs once it does so as awaited, or after many looks."""
    found = ""
    for _ in range(20):
        status = Program("status", env=environment(home), command=inside)
        match = re.search(r"link: bob ([a-z ]+?)(?: at|,)", status.wait_for("^link: .*$")[0])
        status.end()
        assert match is not None
        found = match[1]
        if re.fullmatch(awaited, found):
            break
    return found
