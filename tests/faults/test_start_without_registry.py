"""The registry is away when we start: who has a login waits for it, and loses nothing meanwhile."""

import json
from pathlib import Path

import pytest

from tests.people import People, Registry
from tests.programs import Program, running


@pytest.fixture
def people(tmp_path: Path) -> People:
    """The two; the registry is away, and comes back on the same port at `again`."""
    registry = Registry(tmp_path / "r")
    people = People(registry, tmp_path)
    registry.kill()
    return people


class Again(Registry):
    """The same registry, back on the port that its join link names."""

    def __init__(self, folder: Path, join: str) -> None:
        self.port = int(join.partition("#")[0].rpartition(":")[2])
        super().__init__(folder, secure_port=self.port)


def test_it_is_waited_for(people: People, tmp_path: Path) -> None:
    """As a program and as a person; what they write waits, and goes out when it is back."""
    alice = Program("login", "alice", "--json", env=people.env["alice"])
    bob = Program("login", "bob", env=people.env["bob"])
    with running(alice), running(bob):
        alice.wait_for('"registry_lost"')
        lost = json.loads(alice.said[-1])
        assert lost["exit_code"] == 3
        assert lost["retry_in"] > 0
        bob.wait_for("registry lost: cannot reach the registry")
        alice.type(json.dumps({"command": "send", "to": "bob", "text": "hello"}))
        alice.wait_for('"said"')
        assert json.loads(people.run("alice", "status", "--json")[1][0])["standing"] != "online"
        with running(Again(tmp_path / "r", people.env["alice"]["P2P_REGISTRY"])):
            alice.wait_for('"logged_in"')
            bob.wait_for("logged in as bob")
            alice.wait_for('"delivered"')
        bob.type("/chat alice")
        bob.wait_for("^alice: hello$")


@pytest.mark.parametrize(
    "words",
    [("login", "alice", "--once"), ("login", "alice", "--json", "--once"), ("search", "bob")],
)
def test_who_wants_an_answer_at_once_has_it(people: People, words: tuple[str, ...]) -> None:
    """Exit 3."""
    code, said, err = people.run("alice", *words)
    assert code == 3
    assert "cannot reach the registry" in "".join([*said, err])


def test_who_has_no_login_is_told_at_once(people: People) -> None:
    """There is nothing to wait with: the address may be wrong."""
    env = people.env["alice"] | {"P2P_HOME": people.env["alice"]["P2P_HOME"] + "-new"}
    program = Program("login", "alice", env=env)
    code, err = program.end()
    assert code == 3, (program.said, err)
