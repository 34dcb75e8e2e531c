"""Our client at a registry that has the original program's habits (PROTOCOL, "HELLO")."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.original import OriginalPeer, OriginalRegistry
from tests.programs import Program, environment, running


@pytest.fixture
def original_registry() -> Iterator[OriginalRegistry]:
    """A registry of the original system, with one account."""
    registry = OriginalRegistry({"alice": "secret"}, {})
    yield registry
    registry.close()


@pytest.fixture
def env(original_registry: OriginalRegistry, tmp_path: Path) -> dict[str, str]:
    """Our user's environment."""
    return environment(tmp_path, P2P_REGISTRY=original_registry.url, P2P_PASSWORD="secret")


def test_register_leaves_no_ghost(original_registry: OriginalRegistry, env: dict[str, str]) -> None:
    """It reads a port after REG, so a port comes before the LOGOUT."""
    code, err = Program("register", "bob", env=env).end()
    assert (code, err) == (0, "")
    original_registry.close()
    assert original_registry.said == ["REG", "PS_PORT", "LOGOUT"]


def test_a_taken_name(env: dict[str, str]) -> None:
    """Refused."""
    code, err = Program("register", "alice", env=env).end()
    assert code == 1
    assert "refused to register alice" in err


def test_a_wrong_login_is_refused_by_the_wrong_answer(
    original_registry: OriginalRegistry, env: dict[str, str]
) -> None:
    """Our client takes either for a refusal."""
    original_registry.accounts["alice"] = "changed"
    code, err = Program("login", "alice", env=env).end()
    assert code == 4
    assert "refused the login of alice" in err


def test_hello_comes_as_soon_as_the_port_has_been_accepted(
    original_registry: OriginalRegistry, env: dict[str, str]
) -> None:
    """Not before, and then at the URL's interval."""
    ours = Program("login", "alice", env=env)
    with running(ours):
        ours.wait_for("logged in as alice")
        while len(original_registry.hellos) < 3:
            original_registry.heard_hello.wait(20)
            original_registry.heard_hello.clear()
        assert set(original_registry.hellos) == {"HELLO alice"}
        assert original_registry.said == ["LOG", "PS_PORT"]
        ours.type("/quit")
        assert ours.end()[0] == 0


def test_search_and_chat(original_registry: OriginalRegistry, env: dict[str, str]) -> None:
    """Through the original registry to an original peer."""
    peer = OriginalPeer()
    original_registry.online["olga"] = f"127.0.0.1 {peer.port}"
    search = Program("search", "olga", env=env)
    assert search.end()[0] == 0
    assert search.said == [f"olga is online at 127.0.0.1:{peer.port}"]
    ours = Program("chat", "olga", "--as", "alice", env=env)
    with running(ours):
        asked = peer.accept()
        peer.receive(asked)
        asked.say("CHAT_REQ_RESP", "ACCEPT")
        ours.wait_for("chat with olga started")
        ours.type("hi")
        assert peer.receive(asked) == ("MSG", "hi")
        asked.close()
        ours.wait_for("chat with olga ended")
        assert ours.end()[0] == 0
    peer.close()
