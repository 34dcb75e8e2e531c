"""`p2p` alone, as somebody who has nothing but the link that a friend sent."""

from pathlib import Path

import pytest

from tests.programs import Program, Serve, environment
from tests.terminal.conftest import Person
from tests.terminal.screen import Screen


@pytest.fixture
def env(registry: Serve, tmp_path: Path) -> dict[str, str]:
    """An empty home, and nothing said."""
    return environment(tmp_path / "home")


def answer(screen: Screen, question: str, line: str) -> None:
    screen.wait_for(question)
    screen.enter(line)


def test_a_newcomer_is_at_the_prompt_after_four_answers(
    at_terminal: Person, registry: Serve, tmp_path: Path
) -> None:
    """The registry is kept: the next time nothing is asked."""
    newcomer = at_terminal()
    answer(newcomer, "The registry's link", "nonsense://x")
    newcomer.wait_for("it begins with p2p://")
    newcomer.wait_until(lambda: newcomer.text.count("The registry's link") == 2)
    newcomer.enter(registry.join)
    answer(newcomer, "Your name there:", "Alice")
    answer(newcomer, "Make a new account", "")
    answer(newcomer, "Password of alice:", "secret password")
    answer(newcomer, "Repeat", "secret password")
    newcomer.wait_for("logged in as alice")
    newcomer.wait_until(lambda: "connected" in newcomer.toolbar)
    assert "secret" not in newcomer.text
    newcomer.enter("/quit")
    assert newcomer.end() == 0
    config = (tmp_path / "home" / "config" / "config.toml").read_text()
    assert f'\nregistry = "{registry.join}"\n' in config
    again = at_terminal()
    again.wait_for("logged in as alice")
    assert "link" not in again.text
    again.enter("/quit")
    assert again.end() == 0


def test_somebody_who_has_an_account(at_terminal: Person, registry: Serve, tmp_path: Path) -> None:
    """On another machine: the password is asked for once; a wrong one is said."""
    elsewhere = environment(tmp_path / "else", P2P_REGISTRY=registry.join, P2P_PASSWORD="password")
    assert Program("register", "alice", env=elsewhere).end()[0] == 0
    for password, end in (("wrong word", "refused the login"), ("password", "logged in as alice")):
        screen = at_terminal()
        answer(screen, "The registry's link", registry.join)
        answer(screen, "Your name there:", "alice")
        answer(screen, "Make a new account", "n")
        answer(screen, "Password of alice:", password)
        screen.wait_for(end)


def test_an_invitation_is_asked_for_where_it_takes_one(at_terminal: Person, tmp_path: Path) -> None:
    """And nowhere else."""
    serve = Serve(tmp_path / "r", "--quiet", "--registration", "invite")
    try:
        invite = Program(
            "users", "invite", "--data-dir", str(tmp_path / "r"), env=environment(tmp_path / "o")
        )
        assert invite.end()[0] == 0
        newcomer = at_terminal()
        answer(newcomer, "The registry's link", serve.join)
        answer(newcomer, "Your name there:", "alice")
        answer(newcomer, "Make a new account", "y")
        answer(newcomer, "Password of alice:", "secret password")
        answer(newcomer, "Repeat", "secret password")
        answer(newcomer, "It takes an invitation", invite.said[0])
        newcomer.wait_for("logged in as alice")
    finally:
        serve.kill()


def test_nobody_is_asked_without_a_terminal(env: dict[str, str]) -> None:
    """A script is told what to do."""
    code, err = Program(env=env).end()
    assert code == 2
    assert "name a command" in err
