"""A message of control characters at a prompt: it stays responsive, and the terminal is not
flooded.
"""

from pathlib import Path

import pytest

from tests.hostile.peer import ACCEPTED, HostileContact, say_lines, sync
from tests.people import Registry
from tests.programs import Program, environment, running
from tests.terminal.screen import Screen


@pytest.mark.parametrize("letter", ["\n", "\t", "\x1b[2J", "\u0301"])
def test_large_message_of_control_characters_is_folded(tmp_path: Path, letter: str) -> None:
    """64 KiB are folded, and the prompt stays usable."""
    with running(registry := Registry(tmp_path / "r")):
        env = environment(tmp_path / "home", P2P_REGISTRY=registry.join, P2P_PASSWORD="password")
        assert Program("register", "alice", env=env).end() == (0, "")
        mallory = HostileContact(registry, tmp_path)
        terminals: list[Screen] = []
        screen = Screen("login", "alice", env=env, screens=terminals)
        screen.wait_for("listening on")
        (address,) = [line for line in screen.lines if "listening on" in line]
        link = mallory.dial(int(address.rpartition(":")[2]))
        link.say("CHAT_REQ", '{"username":"mallory"}')
        screen.wait_for("mallory wants to chat")
        screen.enter("/accept")
        assert link.hear() == ("CHAT_REQ_RESP", ACCEPTED)
        screen.wait_for("chat with mallory started")
        sync(link)
        written = 0

        def count(data: bytes) -> None:
            nonlocal written
            written += len(data)

        screen.heard = count
        say_lines(link, [1], letter * (65_000 // len(letter.encode())))
        say_lines(link, [2], "the end")
        screen.wait_for("mallory: the end")
        screen.type("still awake")
        screen.wait_for("still awake")
        print(f"{written} bytes were written to the terminal")
        assert written < 100_000
        mallory.close()
        screen.type("\x15")
        screen.enter("/quit")
        screen.end()
