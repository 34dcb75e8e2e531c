"""Lines arrive though the two are never online together, through the registry's mailbox."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.net.loop import Loop
from p2pchat.protocol.client.events import Delivered, Left, TextReceived
from p2pchat.protocol.client.lines import LineState
from p2pchat.protocol.client.state import CameBy
from p2pchat.registry.store.mailboxes import Mailboxes, Quotas
from tests.fakes import FakeClock
from tests.world import Person, World

DAY = 24 * 3600.0


class Apart:
    """A world with a mailbox, and users who know each other and come one at a time."""

    def __init__(self, folder: Path) -> None:
        self.loop = Loop(FakeClock(), strict=True)
        self.now = 1_800_000_000.0
        self.world = World(self.loop, folder, secure=True)
        self.boxes = Mailboxes(self.world.accounts.store, Quotas())
        self.restart_registry()
        self._hosts = 1
        with Together(self, "alice", "bob") as (alice, bob):
            alice.node.call("bob")
            self.world.settle()
            bob.node.accept()
            self.world.settle()

    def restart_registry(self, *, with_mailbox: bool = True) -> None:
        self.world.kill_registry()
        boxes = self.boxes if with_mailbox else None
        self.world.start_registry(boxes=boxes, wall=self.wall)

    def wall(self) -> float:
        return self.now

    def comes(self, name: str) -> Person:
        """Let a user log in."""
        self._hosts += 1
        return self.world.person(name, f"10.0.0.{self._hosts}", wall=self.wall)

    def goes(self, person: Person) -> None:
        """Let a user quit."""
        person.node.stop()
        self.world.settle()

    def pass_time(self, seconds: float) -> None:
        """Let time pass on every clock."""
        self.now += seconds
        self.world.advance(seconds)

    def close(self) -> None:
        self.world.close()
        self.loop.close()


class Together:
    """Users who are online together for a while."""

    def __init__(self, apart: Apart, *names: str) -> None:
        self._apart = apart
        self._people = [apart.comes(name) for name in names]

    def __enter__(self) -> list[Person]:
        return self._people

    def __exit__(self, *_: object) -> None:
        for person in self._people:
            self._apart.goes(person)


def texts(person: Person, contact: str, *states: LineState) -> list[str]:
    lines = person.home.profile.history(str(person.node.url)).lines(contact, states=states)
    return [line.text for line in lines]


def say(person: Person, contact: str, *lines: str) -> None:
    person.node.conversations.outbox.queue(contact, lines, lambda _: None, lambda _: None)


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Apart]:
    with closing(Apart(tmp_path)) as made:
        yield made


def test_line_arrives_though_they_are_never_online_together(apart: Apart) -> None:
    """Left, taken, answered; only the answer makes it delivered."""
    alice = apart.comes("alice")
    say(alice, "bob", "hello", "are you there?")
    apart.pass_time(21)
    assert [e for e in alice.told() if isinstance(e, Left)] == [Left("bob", 2, 0)]
    assert texts(alice, "bob", LineState.QUEUED) == ["hello", "are you there?"]
    apart.goes(alice)

    bob = apart.comes("bob")
    heard = [e for e in bob.told() if isinstance(e, TextReceived)]
    assert [e.text for e in heard] == ["hello", "are you there?"]
    assert all(e.by is CameBy.MAILBOX for e in heard)
    apart.goes(bob)

    alice = apart.comes("alice")
    assert Delivered("bob", 0) in alice.told()
    assert texts(alice, "bob", LineState.DELIVERED) == ["hello", "are you there?"]
    apart.goes(alice)
