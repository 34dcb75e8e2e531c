"""Guarantees for screen readers: text is only appended, each event once, and states are words."""

import re
from collections.abc import Iterator

import pytest

from tests.people import People
from tests.programs import running
from tests.terminal.screen import Screen


@pytest.fixture
def terminals() -> Iterator[list[Screen]]:
    """Yield a list of terminals, which are closed at the end."""
    screens: list[Screen] = []
    yield screens
    for screen in screens:
        screen.kill()


def test_plain_lines_are_only_appended(people: People, terminals: list[Screen]) -> None:
    """There are no escape sequences and no repetitions, and changes are announced."""
    alice = Screen("chat", "bob", "--plain", env=people.env["alice"], screens=terminals)
    heard = bytearray()
    alice.heard = heard.extend
    alice.wait_for("bob is offline: what you write waits for bob")
    alice.enter("for later")
    with running(people.start("bob")) as bob:
        bob.type("/chat alice")
        alice.wait_for("all that waited for bob is delivered")
        for n in range(20):
            bob.type(f"line {n} of bob")
        alice.wait_for("line 19 of bob")
        bob.type("/leave")
        alice.wait_for("bob left the chat")
    alice.wait_for("bob is gone|bob is offline")
    alice.enter("/quit")
    alice.end()
    text = bytes(heard).decode()
    assert "\x1b" not in text
    assert "\r" not in text.replace("\r\n", "")
    told = [line for line in text.split("\r\n") if line.startswith(("bob: ", "* "))]
    assert len(told) == len(set(told)), told
    assert all("✓" not in line for line in told)


def test_prompt_does_not_repaint_messages(people: People, terminals: list[Screen]) -> None:
    """Each line is written once, and the screen is neither cleared nor switched."""
    alice = Screen("chat", "bob", env=people.env["alice"], screens=terminals)
    heard = bytearray()
    alice.heard = heard.extend
    with running(people.start("bob")) as bob:
        bob.type("/chat alice")
        alice.wait_until(lambda: alice.prompt_line.startswith("alice to bob>"))
        for n in range(20):
            bob.type(f"line-{n}-of-bob")
            alice.type("typing ")
        alice.wait_for("line-19-of-bob")
        alice.type("\x15/quit\r")
        alice.end()
    text = bytes(heard).decode()
    for n in range(20):
        assert len(re.findall(rf"line-{n}-of-bob", text)) == 1, n
    assert not re.search(r"\x1b\[(2|3)J|\x1b\[\?(47|1047|1049)h|\x1bc", text)
