"""Two users at terminals who are never there together: the mailbox brings their lines."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.profile.test_mailbox import OwnRegistry
from tests.people import People
from tests.programs import running, wait_until
from tests.terminal.screen import Screen


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    with running(OwnRegistry(tmp_path / "r", "--mailbox", "10MB")) as registry:
        yield People(registry, tmp_path)


Come = Callable[[str], Screen]


@pytest.fixture
def come(people: People) -> Iterator[Come]:
    """Yield a function that returns the terminal of a user who is online."""
    screens: list[Screen] = []

    def log_in(name: str) -> Screen:
        screen = Screen("login", name, env=people.env[name], screens=screens)
        screen.wait_for(f"logged in as {name}")
        screen.wait_until(lambda: "connected" in screen.toolbar)
        return screen

    yield log_in
    for screen in screens:
        screen.kill()


def go(screen: Screen) -> None:
    """Let the user quit, and see that this ends well."""
    screen.enter("/quit")
    assert screen.end() in {0, 6}


def test_line_of_somebody_who_has_quit(people: People, come: Come) -> None:
    """It is shown as queued, then as left, and in the end as delivered."""
    alice = come("alice")
    alice.enter("/chat bob")
    alice.wait_for(r"^\* bob is offline: what you write waits for bob$")
    alice.enter("see you on Monday")
    alice.wait_for(r"alice to bob> see you on Monday  \(queued\)")
    go(alice)

    alice = come("alice")
    alice.enter("/chat bob")
    alice.wait_for(r"alice to bob> see you on Monday  \(left for bob\)")
    alice.enter("/outbox")
    alice.wait_for(r"see you on Monday  \(left for bob until \d{4}-\d\d-\d\d")
    go(alice)

    bob = come("bob")
    bob.wait_until(lambda: "alice: 1 unread" in bob.toolbar)
    bob.enter("/chat alice")
    bob.wait_for("^alice: see you on Monday$")
    go(bob)

    alice = come("alice")
    wait_until(lambda: people.texts("alice", "bob")[-1][2] == "delivered")  # the answer is fetched
    alice.enter("/history bob")
    alice.wait_for(r"alice to bob: see you on Monday  \(delivered\)")
    go(alice)
