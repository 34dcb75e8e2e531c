"""`p2p` without arguments, for a user with nothing but a link from a friend."""

import shlex
from pathlib import Path

import pytest

from tests.programs import Program, Serve, environment
from tests.terminal.conftest import Person
from tests.terminal.screen import Screen


@pytest.fixture
def env(registry: Serve, tmp_path: Path) -> dict[str, str]:
    """Return an environment with an empty home and no settings."""
    return environment(tmp_path / "home")


def answer(screen: Screen, question: str, line: str) -> None:
    screen.wait_for(question)
    screen.enter(line)


def test_new_user_reaches_the_prompt_after_four_answers(
    at_terminal: Person, registry: Serve, tmp_path: Path
) -> None:
    """The registry is remembered, and nothing is asked the next time."""
    newcomer = at_terminal()
    answer(newcomer, "The registry's link", "nonsense://x")
    newcomer.wait_for("it must begin with p2p://")
    newcomer.wait_until(lambda: newcomer.text.count("The registry's link") == 2)
    newcomer.enter(registry.join)
    answer(newcomer, "Your name there:", "Alice")
    answer(newcomer, "Create a new account", "")
    answer(newcomer, "Password of alice", "secret password")
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


def test_existing_user_logs_in_on_another_machine(
    at_terminal: Person, registry: Serve, tmp_path: Path
) -> None:
    """A wrong password is reported and asked for again; the other answers are kept."""
    elsewhere = environment(tmp_path / "else", P2P_REGISTRY=registry.join, P2P_PASSWORD="password")
    assert Program("register", "alice", env=elsewhere).end()[0] == 0
    screen = at_terminal()
    answer(screen, "The registry's link", registry.join)
    answer(screen, "Your name there:", "alice")
    answer(screen, "Create a new account", "n")
    answer(screen, "Password of alice:", "wrong word")
    answer(screen, r"Your name there \[alice\]:", "")
    assert "refused the login" in screen.text
    answer(screen, r"Create a new account with that name\? \[y/N\]:", "")
    screen.wait_until(lambda: screen.text.count("Password of alice") == 2)
    screen.enter("password")
    screen.wait_for("logged in as alice")


def test_invalid_answers_are_asked_again(
    at_terminal: Person, registry: Serve, tmp_path: Path
) -> None:
    """An unreachable registry, a link or an invalid or taken name, and a short password."""
    elsewhere = environment(tmp_path / "else", P2P_REGISTRY=registry.join, P2P_PASSWORD="password")
    assert Program("register", "bob", env=elsewhere).end()[0] == 0
    screen = at_terminal()
    answer(screen, "The registry's link", "127.0.0.1:1")
    screen.wait_for("cannot reach the registry")
    screen.wait_until(lambda: screen.text.count("The registry's link") == 2)
    screen.enter(registry.join)
    screen.wait_for("the registry at .* answers")
    answer(screen, "Your name there:", registry.join)
    screen.wait_for("that is a link")
    screen.enter("two words")
    screen.wait_for("not a valid username")
    screen.enter("bob")
    answer(screen, "Create a new account", "")
    answer(screen, "Password of bob .at least 6 characters.:", "five5")
    answer(screen, "Repeat", "five5")
    screen.wait_for("that has 5 characters; at least 6")
    screen.wait_until(
        lambda: screen.text.count("Password of bob") == 2
    )  # it drops what came before
    screen.enter("enough of it")
    screen.wait_until(lambda: screen.text.count("Repeat") == 2)
    screen.enter("enough of it")
    screen.wait_for("the name is taken")
    answer(screen, r"Your name there \[bob\]:", "carol")
    answer(screen, "Create a new account", "")
    screen.wait_until(lambda: screen.text.count("Password of carol") == 1)
    screen.enter("enough of it")
    screen.wait_until(lambda: screen.text.count("Repeat") == 3)
    screen.enter("enough of it")
    screen.wait_for("logged in as carol")
    assert "enough" not in screen.text


def test_invite_code_is_asked_for_if_needed(at_terminal: Person, tmp_path: Path) -> None:
    """The code is asked for only if the registry requires one."""
    serve = Serve(tmp_path / "r", "--quiet", "--registration", "invite")
    try:
        invite = Program(
            "users", "invite", "--data-dir", str(tmp_path / "r"), env=environment(tmp_path / "o")
        )
        assert invite.end()[0] == 0
        newcomer = at_terminal()
        answer(newcomer, "The registry's link", serve.join)
        answer(newcomer, "Your name there:", "alice")
        answer(newcomer, "Create a new account", "y")
        answer(newcomer, "Password of alice", "secret password")
        answer(newcomer, "Repeat", "secret password")
        answer(newcomer, "requires an invitation", invite.said[0])
        newcomer.wait_for("logged in as alice")
    finally:
        serve.kill()


def test_nothing_is_asked_without_a_terminal(env: dict[str, str]) -> None:
    """A script is told to name a command."""
    code, err = Program(env=env).end()
    assert code == 2
    assert "p2p --help lists the commands" in err


def test_join_with_two_answers_verifies_both(
    at_terminal: Person, registry: Serve, tmp_path: Path
) -> None:
    """From two empty homes, both toolbars show a verified chat."""
    host_env = environment(tmp_path / "host", P2P_REGISTRY=registry.join, P2P_PASSWORD="password")
    assert Program("register", "hostess", env=host_env).end()[0] == 0
    invite = Program("invite", env=host_env)
    assert invite.end()[0] == 0
    link = shlex.split(invite.said[0])[2]
    terminals: list[Screen] = []
    host = Screen("login", env=host_env, screens=terminals)
    friend = Screen("join", link, env=environment(tmp_path / "friend"), screens=terminals)
    try:
        host.wait_until(lambda: "connected" in host.toolbar)
        answer(friend, "Your name there:", "guest")
        answer(friend, "Password of guest", "secret password")
        friend.wait_until(lambda: "hostess, encrypted, verified" in friend.toolbar)
        host.wait_until(lambda: "guest, encrypted, verified" in host.toolbar)
        friend.enter("thank you")
        host.wait_for("guest: thank you")
        questions = [line for line in friend.lines if line.rstrip().endswith((":", "]:"))]
        assert len(questions) <= 2, friend.text
    finally:
        for screen in terminals:
            screen.kill()


def test_invitation_is_accepted_as_a_link(
    at_terminal: Person, registry: Serve, tmp_path: Path
) -> None:
    """`p2p` without arguments accepts an invitation and opens the chat with its sender."""
    host_env = environment(tmp_path / "host", P2P_REGISTRY=registry.join, P2P_PASSWORD="password")
    assert Program("register", "inviter", env=host_env).end()[0] == 0
    invite = Program("invite", env=host_env)
    assert invite.end()[0] == 0
    screen = at_terminal()
    answer(screen, "The registry's link", shlex.split(invite.said[0])[2])
    answer(screen, "Your name there:", "invitee")
    answer(screen, "Password of invitee", "secret password")
    screen.wait_for("inviter is offline")
    screen.wait_until(lambda: "encrypted, verified" in screen.toolbar)
