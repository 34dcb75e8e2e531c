"""Lines to an offline contact, at a terminal: they wait, arrive, and the screen shows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import Program, Serve, running
from tests.terminal.screen import Screen
from tests.terminal.test_encrypted import env_of, register


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Serve]:
    """Yield a registry of the test's own."""
    serve = Serve(tmp_path / "registry", "--quiet", "--password-cost", "64:1")
    with running(serve):
        yield serve


def test_line_to_an_offline_contact(registry: Serve, tmp_path: Path) -> None:
    """The toolbar counts queued lines, and they arrive after restarts of both."""
    env = {name: env_of(name, registry, tmp_path) for name in ("alice", "bob")}
    for name, theirs in env.items():
        register(name, theirs)
    with running(Program("login", env=env["bob"])) as bob:
        bob.wait_for("logged in")
        caller = Program("chat", "bob", env=env["alice"])
        bob.wait_for("wants to chat")
        bob.type("/accept")
        caller.wait_for("started")
        assert caller.end()[0] == 0
        bob.type("/quit")
        assert bob.end()[0] == 0

    terminals: list[Screen] = []
    alice = Screen("login", env=env["alice"], screens=terminals, columns=120)
    alice.wait_for("logged in as alice")
    alice.enter("/chat bob")
    alice.wait_for("bob is offline: what you write waits for bob")
    alice.enter("see you at eight")
    alice.wait_until(lambda: "1 queued" in alice.toolbar)
    alice.wait_for(r"^alice to bob> see you at eight  \(queued\)$")
    alice.enter("/quit")
    assert alice.end() == 0

    alice = Screen("login", env=env["alice"], screens=terminals, columns=120)
    alice.wait_for("logged in as alice")
    alice.enter("/chat bob")
    alice.wait_until(lambda: "1 queued" in alice.toolbar)
    bob_screen = Screen("login", env=env["bob"], screens=terminals, columns=120)
    bob_screen.wait_for("alice has written: /chat alice")
    alice.wait_until(lambda: "queued" not in alice.toolbar)
    alice.wait_for("^alice to bob> see you at eight  ✓$")
    assert "queued" not in alice.text
    bob_screen.enter("/chat alice")
    bob_screen.wait_for("unread from alice:")
    bob_screen.wait_for("^alice: see you at eight$")
    bob_screen.enter("/leave")
    alice.wait_for("bob left the chat")
    alice.enter("/chat bob")
    alice.enter("one more")
    bob_screen.wait_until(lambda: "alice: 1 unread" in bob_screen.toolbar)
    bob_screen.type("\x1ba")
    bob_screen.wait_for("^alice: one more$")
    alice.enter("/history bob")
    alice.wait_for(r"alice to bob: see you at eight  \(delivered\)")
    for screen in (alice, bob_screen):
        screen.enter("/quit")
        assert screen.end() == 0


def test_screen_of_a_node_in_another_process(registry: Serve, tmp_path: Path) -> None:
    """The prompt has its toolbar, line states and completion, and the node survives it."""
    env = {name: env_of(name, registry, tmp_path) for name in ("alice", "bob")}
    for name, theirs in env.items():
        register(name, theirs)
    terminals: list[Screen] = []
    with (
        running(Program("login", "--headless", env=env["alice"])) as node,
        running(Program("login", env=env["bob"])) as bob,
    ):
        node.wait_for("logged in")
        bob.wait_for("logged in")
        screen = Screen("chat", "bob", env=env["alice"], screens=terminals, columns=120)
        bob.wait_for("wants to chat")
        bob.type("/accept")
        screen.wait_for("chat with bob started")
        screen.enter("hello")
        screen.wait_for("^alice to bob> hello  ✓$")
        bob.wait_for("alice: hello")
        bob.type("and you?")
        screen.wait_for("^bob: and you?")
        screen.wait_until(lambda: "bob, encrypted" in screen.toolbar)
        screen.type("/hel\t")
        screen.wait_until(lambda: "/help" in screen.prompt_line)
        screen.type("\r")
        screen.wait_for("talk:   /chat  /next")
        screen.enter("/quit")
        assert screen.end() == 0
        bob.wait_for("alice left the chat")
        assert node.process.poll() is None
