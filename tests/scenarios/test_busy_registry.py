"""A busy registry answers SLOW_DOWN, and clients try again later."""

import pytest

from p2pchat.errors import SlowedDown
from p2pchat.protocol.client.events import Found, LoggedIn, LoginFailed, RegistryBack, RegistryLost
from tests.world import World

A, B = "10.0.0.2", "10.0.0.3"


def test_busy_registry_is_reported_at_the_first_login(secure_world: World) -> None:
    """The error has the time to wait and says nothing about the password."""
    world = secure_world
    world.worker.full = True
    (event,) = world.person("alice", A).told()
    assert isinstance(event, LoginFailed)
    assert isinstance(event.error, SlowedDown)
    assert "try again in 5 s" in event.error.advice
    with pytest.raises(SlowedDown):
        world.registry_commands(A, world.home("bob")).register(
            world.credentials("bob", "pw"), "password"
        )


def test_node_waits_and_logs_in_again(secure_world: World) -> None:
    """A node that was online waits at least as long as the registry says."""
    world = secure_world
    alice = world.person("alice", A)
    world.kill_registry()
    world.start_registry()
    alice.told()
    world.worker.full = True
    world.advance(2)
    (lost,) = alice.told()
    assert isinstance(lost, RegistryLost)
    assert isinstance(lost.error, SlowedDown)
    assert lost.retry_in > 5
    world.worker.full = False
    world.advance(lost.retry_in)
    assert [type(e) for e in alice.told()] == [RegistryBack]
    bob = world.person("bob", B)
    bob.node.search("alice")
    world.settle()
    assert [type(e) for e in bob.told()] == [LoggedIn, Found]
