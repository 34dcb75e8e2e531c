"""The session of one account at the registry: logged in, lost, restored, ended."""

import random
from pathlib import Path

from p2pchat.errors import LoginRefused, P2PError, Unreachable
from p2pchat.peer.registry_client.session import RegistrySession
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import Event, LoggedIn, LoginFailed, RegistryBack, RegistryLost
from p2pchat.protocol.client.state import SessionState
from p2pchat.protocol.messages import Presence, SearchResult
from tests.world import World

A = "10.0.0.2"
LISTENING = Address(A, 4000)


class Account:
    """Alice's session, without a node around it."""

    def __init__(self, world: World, *, password: str = "pw", wait_at_start: bool = False) -> None:
        world.make_account("alice")
        self.events: list[Event] = []
        self.asked: list[tuple[str, bool]] = []
        network = world.internet.machine(A)
        home = world.home("alice")
        self.session = RegistrySession(
            world.loop,
            network,
            world.dialer(network, home),
            world.credentials("alice", password, home),
            open_port=self._open_port,
            on_event=self.events.append,
            rng=random.Random(1),
            wait_at_start=wait_at_start,
        )
        self.session.start()
        world.settle()

    def _open_port(self, local_host: str, again: bool) -> tuple[Address, int | None]:
        self.asked.append((local_host, again))
        return LISTENING, None

    def search(self, world: World, name: str) -> SearchResult | P2PError:
        answers: list[SearchResult | P2PError] = []
        self.session.search(name, answers.append, answers.append)
        world.settle()
        return answers[0]


def test_session_logs_in_and_announces_its_port(world: World) -> None:
    """The login is reported once, with the registry's name."""
    alice = Account(world)
    assert alice.session.standing is SessionState.ONLINE
    assert alice.asked == [(A, False)]
    (event,) = alice.events
    assert isinstance(event, LoggedIn)
    assert (event.username, event.registry, event.listening) == ("alice", str(world.url), LISTENING)
    found = alice.search(world, "alice")
    assert isinstance(found, SearchResult)
    assert (found.presence, found.host, found.port) == (Presence.ONLINE, A, 4000)


def test_wrong_password_ends_the_session(world: World) -> None:
    """A wrong password is not retried."""
    alice = Account(world, password="wrong")
    (event,) = alice.events
    assert isinstance(event, LoginFailed)
    assert isinstance(event.error, LoginRefused)
    world.advance(600)
    assert len(alice.events) == 1


def test_lost_registry_is_dialled_until_it_is_back(world: World) -> None:
    """The registry is dialled with growing pauses; requests fail meanwhile."""
    alice = Account(world)
    world.kill_registry()
    assert isinstance(alice.events[-1], RegistryLost)
    assert alice.session.standing.value == "waiting"  # mypy would take an enum for constant
    assert alice.session.next_try_at is not None
    error = alice.search(world, "alice")
    assert isinstance(error, Unreachable)
    world.advance(100)
    world.start_registry()
    world.advance(60)
    assert isinstance(alice.events[-1], RegistryBack)
    assert alice.session.standing is SessionState.ONLINE
    pauses = [event.retry_in for event in alice.events if isinstance(event, RegistryLost)]
    assert pauses[0] < 2
    assert max(pauses) > 10 * pauses[0]


def test_unreachable_registry_at_start_ends_the_session(world: World, tmp_path: Path) -> None:
    """The session ends if the registry is unreachable at start, unless it may wait."""
    world.kill_registry()
    alice = Account(world)
    (event,) = alice.events
    assert isinstance(event, LoginFailed)
    alice.session.stop()
    patient = Account(world, wait_at_start=True)
    assert isinstance(patient.events[0], RegistryLost)
    world.start_registry()
    world.advance(60)
    assert isinstance(patient.events[-1], LoggedIn | RegistryBack)


def test_stopped_session_reports_nothing(world: World) -> None:
    """A stopped session is offline at the registry and reports nothing more."""
    alice = Account(world)
    alice.session.stop()
    world.settle()
    assert alice.session.standing is SessionState.STOPPED
    assert world.presence.find("alice") is None
    before = len(alice.events)
    world.kill_registry()
    world.advance(600)
    assert len(alice.events) == before


def test_port_of_a_router_is_announced(secure_world: World) -> None:
    """Callers are given the router's port, if the registry sees us at the router's address."""
    world = secure_world
    alice = Account(world)
    bob = world.person("bob", A)
    taken = world.presence.find("bob")
    assert taken is not None
    world.presence.announce(taken, 44003)
    assert bob.node.address is not None

    def port() -> int:
        found = alice.search(world, "alice")
        assert isinstance(found, SearchResult)
        return found.port

    for external, announced in (
        (Address(A, 44000), 44000),
        (Address("5.5.5.10", 44001), 4000),  # seen by another address: nobody could use it
        (Address(A, 44003), 4000),  # taken by another user
        (Address(A, 44002), 44002),
        (None, 4000),
    ):
        alice.session.announce_external(external)
        world.settle()
        assert port() == announced


def test_port_of_a_router_after_the_registry_was_lost(secure_world: World) -> None:
    """Each login announces it again, also if it was opened meanwhile."""
    world = secure_world
    alice = Account(world)
    world.kill_registry()
    alice.session.announce_external(Address(A, 44000))
    world.start_registry()
    world.advance(60)
    found = alice.search(world, "alice")
    assert isinstance(found, SearchResult)
    assert found.port == 44000
