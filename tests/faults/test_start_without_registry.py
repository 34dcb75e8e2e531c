"""The registry is down when a node starts: a node with a token waits for it without losses."""

import json
from pathlib import Path

import pytest

from tests.people import People, Registry
from tests.programs import Program, running


@pytest.fixture
def people(tmp_path: Path) -> People:
    """Return the two users of a registry that is down."""
    registry = Registry(tmp_path / "r")
    people = People(registry, tmp_path)
    registry.kill()
    return people


class Again(Registry):
    """The same registry, back on the port of its join link."""

    def __init__(self, folder: Path, join: str) -> None:
        self.port = int(join.partition("#")[0].rpartition(":")[2])
        super().__init__(folder, secure_port=self.port)


def test_node_waits_for_the_registry(people: People, tmp_path: Path) -> None:
    """Lines written meanwhile are queued and sent when the registry is back."""
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
def test_one_shot_commands_fail_at_once(people: People, words: tuple[str, ...]) -> None:
    """Commands that need an answer exit with 3."""
    code, said, err = people.run("alice", *words)
    assert code == 3
    assert "cannot reach the registry" in "".join([*said, err])


def test_login_without_a_token_fails_at_once(people: People) -> None:
    """Without a token there is nothing to wait with, and the address may be wrong."""
    env = people.env["alice"] | {"P2P_HOME": people.env["alice"]["P2P_HOME"] + "-new"}
    program = Program("login", "alice", env=env)
    code, err = program.end()
    assert code == 3, (program.said, err)
