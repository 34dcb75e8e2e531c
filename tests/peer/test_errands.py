"""Errands: an account is made, somebody is looked up."""

import pytest

from p2pchat.errors import RegistrationRefused, Unreachable
from p2pchat.peer import errands
from p2pchat.peer.registry_url import RegistryUrl
from p2pchat.protocol.messages import Presence
from tests.world import World


def test_register_leaves_nobody_online(world: World) -> None:
    """The account is there; no ghost, no open port, no connection."""
    network = world.internet.machine("10.0.0.5")
    errands.register(world.loop, network, world.url, "alice", "pw")
    world.settle()
    assert "alice" in world.accounts
    assert len(world.presence) == 0
    assert {a.host for a in world.internet.listeners} == {"10.0.0.1"}
    with pytest.raises(RegistrationRefused, match="refused to register alice"):
        errands.register(world.loop, network, world.url, "alice", "pw")


def test_register_announces_a_port_before_it_leaves(world: World) -> None:
    """The original program reads a port next, and would lose a LOGOUT that came instead of it."""
    said: list[bytes] = []
    accept = world.internet.listeners[world.url.address]

    def eavesdrop(transport: object) -> None:
        accept(transport)
        on_data = transport.on_data  # type: ignore[attr-defined]
        transport.on_data = lambda d: (said.append(d[10:25].strip()), on_data(d))  # type: ignore[attr-defined]

    world.internet.listeners[world.url.address] = eavesdrop
    errands.register(world.loop, world.internet.machine("10.0.0.5"), world.url, "alice", "pw")
    world.settle()
    assert said == [b"REG", b"PS_PORT", b"LOGOUT"]


def test_search_needs_no_login(world: World) -> None:
    """The registry serves it to anybody, in this dialect."""
    world.person("bob", "10.0.0.3")
    network = world.internet.machine("10.0.0.5")
    result = errands.search(world.loop, network, world.url, "bob")
    assert (result.presence, result.host) == (Presence.ONLINE, "10.0.0.3")
    result = errands.search(world.loop, network, world.url, "eve")
    assert result.presence is Presence.NOT_FOUND


def test_no_registry_is_said_so(world: World) -> None:
    """With its address."""
    nowhere = RegistryUrl("10.9.9.9")
    with pytest.raises(Unreachable, match=r"10\.9\.9\.9:1235"):
        errands.search(world.loop, world.internet.machine("10.0.0.5"), nowhere, "bob")
