"""Transient logins: registering, searching, changing a password, logging out."""

import pytest

from p2pchat.errors import LoginNeeded, LoginRefused, RegistrationRefused, Unreachable, UsageError
from p2pchat.peer.registry_client.commands import RegistryCommands
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.protocol.messages import Presence
from tests.world import World

HERE = "10.0.0.5"


def test_registering_leaves_the_user_offline(world: World) -> None:
    """Registering creates the account and leaves no session, port or connection."""
    registry_commands = world.registry_commands(HERE, world.home("alice"))
    registry_commands.register(world.credentials("alice", "password"), "password")
    world.settle()
    assert "alice" in dict(world.accounts.standings())
    assert len(world.presence) == 0
    assert {a.host for a in world.internet.listeners} == {"10.0.0.1"}
    with pytest.raises(RegistrationRefused, match="refused to register alice"):
        registry_commands.register(world.credentials("alice", "password"), "password")


def test_registering_announces_a_port_before_logout(original_world: World) -> None:
    """The original registry expects a port next and would lose a LOGOUT sent instead."""
    world = original_world
    said: list[bytes] = []
    accept = world.internet.listeners[world.url.address]

    def eavesdrop(transport: object) -> None:
        accept(transport)
        on_data = transport.on_data  # type: ignore[attr-defined]
        transport.on_data = lambda d: (said.append(d[10:25].strip()), on_data(d))  # type: ignore[attr-defined]

    world.internet.listeners[world.url.address] = eavesdrop
    registry_commands = world.registry_commands(HERE, world.home("alice"))
    registry_commands.register(world.credentials("alice", "password"), "password")
    world.settle()
    assert said == [b"REG", b"PS_PORT", b"LOGOUT"]


@pytest.mark.parametrize(
    ("name", "password", "why"),
    [("Al", "password", "lower-case"), ("al", "short", "too short")],
)
def test_refused_registration_says_why(
    secure_world: World, name: str, password: str, why: str
) -> None:
    """The secure dialect reports why a registration was refused."""
    registry_commands = secure_world.registry_commands(HERE, secure_world.home("al"))
    credentials = secure_world.credentials(name, password, secure_world.home("al"))
    with pytest.raises(RegistrationRefused) as error:
        registry_commands.register(credentials, password)
    assert why in error.value.likely


def test_search_in_clear_needs_no_login(original_world: World) -> None:
    """The original registry answers searches without a login."""
    world = original_world
    world.person("bob", "10.0.0.3")
    registry_commands = world.registry_commands(HERE, world.home("alice"))
    result = registry_commands.search("bob", None)
    assert (result.presence, result.host) == (Presence.ONLINE, "10.0.0.3")
    assert registry_commands.search("eve", None).presence is Presence.NOT_FOUND


def test_search_does_not_disturb_a_running_node(secure_world: World) -> None:
    """A search logs in transiently by token; a running node stays online."""
    world = secure_world
    bob = world.person("bob", "10.0.0.3")
    alice = world.person("alice", "10.0.0.4")
    registry_commands = world.registry_commands(HERE, world.home("alice"))
    result = registry_commands.search("bob", world.credentials("alice", None))
    assert result.key == bob.home.identity.public
    world.advance(5)
    assert [type(e).__name__ for e in alice.told()] == ["LoggedIn"]
    with pytest.raises(LoginNeeded):
        registry_commands.search("bob", None)


def test_logging_out_revokes_the_token(secure_world: World) -> None:
    """Logging out revokes the token in use; then only the password works."""
    world = secure_world
    registry_commands = world.registry_commands(HERE, world.home("alice"))
    registry_commands.register(world.credentials("alice", "password"), "password")
    token = world.credentials("alice").token
    assert token
    registry_commands.log_out(world.credentials("alice", None), everywhere=False)
    assert not world.credentials("alice").token
    world.home("alice").profile.keep_token(str(world.url), "alice", token)
    with pytest.raises(LoginNeeded, match="has ended"):
        registry_commands.search("bob", world.credentials("alice", None))
    registry_commands.search("bob", world.credentials("alice", "password"))
    assert world.credentials("alice").token not in {"", token}


def test_changing_the_password_revokes_all_tokens(secure_world: World) -> None:
    """Changing the password needs the old one and revokes every token."""
    world = secure_world
    registry_commands = world.registry_commands(HERE, world.home("alice"))
    registry_commands.register(world.credentials("alice", "password"), "password")
    for old, new, why in (("wrong", "new password", "old one"), ("password", "x", "too short")):
        with pytest.raises(UsageError) as error:
            registry_commands.change_password(world.credentials("alice", "password"), old, new)
        assert why in error.value.likely
    registry_commands.change_password(world.credentials("alice", None), "password", "new password")
    with pytest.raises(LoginRefused):
        registry_commands.search("bob", world.credentials("alice", "password"))
    registry_commands.search("bob", world.credentials("alice", "new password"))


def test_unreachable_registry_is_named(world: World) -> None:
    """The error for an unreachable registry names its address."""
    home = world.home("alice")
    network = world.internet.machine(HERE)
    dialer = world.dialer(network, home, RegistryUrl("10.9.9.9", secure=world.url.secure))
    with pytest.raises(Unreachable, match=r"10\.9\.9\.9:1235"):
        RegistryCommands(world.loop, network, dialer).search("bob", world.credentials("alice"))
