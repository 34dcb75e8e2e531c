"""The original dialect's half of a node of the secure one."""

import pytest

from p2pchat.errors import NotTrusted
from p2pchat.protocol.client.events import CallFailed
from tests.world import World

A, B = "10.0.0.2", "10.0.0.3"


@pytest.mark.parametrize("name", ["bob", "nobody"])
def test_who_has_a_key_is_not_called_in_clear(secure_world: World, name: str) -> None:
    """Even if it is asked for: nobody talks in clear by a slip."""
    world = secure_world
    alice, _ = world.person("alice", A), world.person("bob", B)
    alice.told()
    alice.node.call(name, in_clear=True)
    world.settle()
    (failed,) = alice.told()
    assert isinstance(failed, CallFailed)
    assert isinstance(failed.error, NotTrusted) is (name == "bob")
