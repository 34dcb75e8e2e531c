"""Our client at a registry with the habits of the original program (PROTOCOL, "HELLO")."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.original import OriginalPeer, OriginalRegistry
from tests.programs import Program, environment, running


@pytest.fixture
def original_registry() -> Iterator[OriginalRegistry]:
    """Yield a registry of the original system with one account."""
    registry = OriginalRegistry({"alice": "secret"}, {})
    yield registry
    registry.close()


@pytest.fixture
def env(original_registry: OriginalRegistry, tmp_path: Path) -> dict[str, str]:
    """Return our user's environment."""
    return environment(tmp_path, P2P_REGISTRY=original_registry.url, P2P_PASSWORD="secret")


def test_register_announces_a_port_before_logout(
    original_registry: OriginalRegistry, env: dict[str, str]
) -> None:
    """The original registry reads a port after REG, so PS_PORT precedes LOGOUT."""
    code, err = Program("register", "bob", env=env).end()
    assert (code, err) == (0, "")
    original_registry.close()
    assert original_registry.said == ["REG", "PS_PORT", "LOGOUT"]


def test_taken_name_is_refused(env: dict[str, str]) -> None:
    """A taken name exits with 1."""
    code, err = Program("register", "alice", env=env).end()
    assert code == 1
    assert "refused to register alice" in err


def test_register_result_refuses_a_login(
    original_registry: OriginalRegistry, env: dict[str, str]
) -> None:
    """Our client accepts the original's wrong answer as a refusal."""
    original_registry.accounts["alice"] = "changed"
    code, err = Program("login", "alice", env=env).end()
    assert code == 4
    assert "refused the login of alice" in err


def test_hello_starts_when_the_port_is_accepted(
    original_registry: OriginalRegistry, env: dict[str, str]
) -> None:
    """HELLO is sent once PS_PORT is accepted, then at the URL's interval."""
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


def test_search_and_chat_with_an_original_peer(
    original_registry: OriginalRegistry, env: dict[str, str]
) -> None:
    """Our client finds and chats with an original peer."""
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
