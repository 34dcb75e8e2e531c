"""A registry that has too much to do says so, and is asked again later."""

import pytest

from p2pchat.errors import SlowedDown
from p2pchat.protocol.client.events import Found, LoggedIn, LoginFailed, RegistryBack, RegistryLost
from tests.world import World

A, B = "10.0.0.2", "10.0.0.3"


def test_a_first_login_is_told(secure_world: World) -> None:
    """With the seconds after which to try again; nothing is guessed about the password."""
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


def test_a_node_that_was_online_waits_and_comes_back(secure_world: World) -> None:
    """At least as long as it was told."""
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
