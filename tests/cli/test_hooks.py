"""Hooks of a real node, given on the command line or in the configuration."""

import os
import signal
from pathlib import Path

import pytest

from tests.people import People
from tests.programs import P2P, Program, environment, running


def test_hook_answers_through_the_running_node(people: People, tmp_path: Path) -> None:
    """A hook has the registry but no password in its environment; a failing one is reported."""
    answer = tmp_path / "answer"
    answer.write_text(
        f'#!/bin/sh\necho "password: ${{P2P_PASSWORD-none}}" >&2\n'
        f'exec {P2P} send "$P2P_FROM" "you said $P2P_TEXT"\n'
    )
    answer.chmod(0o700)
    del people.env["bob"]["P2P_REGISTRY"]
    registry = people.env["alice"]["P2P_REGISTRY"]
    bob = Program(
        *("login", "--headless", "--registry", registry),
        *("--hook", f"message={answer}", "--hook", "logged_in=false"),
        env=people.env["bob"],
    )
    with running(bob), running(Program("listen", env=people.env["alice"])) as alice:
        bob.wait_for("the hook for logged_in failed with exit code 1")
        alice.wait_for("logged in as alice")
        assert people.run("alice", "send", "bob", "$(id); hello")[0] == 0
        alice.wait_for(r"^bob: you said \$\(id\); hello$")
        code, _, err = people.run("bob", "login", "--registry", registry, "--hook", "message=x")
        assert (code, "--hook applies only when it starts" in err) == (2, True)
        bob.signal(signal.SIGTERM)
        code, err = bob.end()
    assert (code, err) == (0, "password: none\n")


def test_hook_from_the_configuration_file(people: People, tmp_path: Path) -> None:
    """The option for the same event overrides the file."""
    config = tmp_path / "bob" / "config"
    config.mkdir(exist_ok=True)
    out = tmp_path / "out"
    os.mkfifo(out)
    text = f"[hooks]\nseen = \"sh -c 'echo file > {out}'\"\nrequest = 'no-such-program'\n"
    (config / "config.toml").write_text(text)
    with running(
        Program("login", "--json", "--hook", "request=true", env=people.env["bob"])
    ) as bob:
        bob.wait_for('"logged_in"')
        bob.type('{"command":"seen","user":"alice","up_to":1}')
        bob.wait_for('"done"')
        assert out.read_text() == "file\n"
        bob.type('{"command":"quit"}')
        assert bob.end() == (0, "")


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        ("mesage=x", "there is no hook event 'mesage'"),
        ("message", "is not of the form EVENT='COMMAND ...'"),
        ("message=", "the hook for message is empty"),
    ],
)
def test_invalid_hook_is_refused(tmp_path: Path, hook: str, why: str) -> None:
    """Exit 2 before a password is asked for."""
    program = Program("login", "alice", "--hook", hook, env=environment(tmp_path))
    code, err = program.end()
    assert (code, why in err) == (2, True)
