"""Lost heartbeats are named as the cause where they cost the session."""

from collections.abc import Sequence

from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import Event, LoggedIn, RegistryBack, RegistryLost, Trouble
from p2pchat.ui.text.render import sentences
from tests.world import World

A = "10.0.0.2"


def _shut_udp(world: World) -> None:
    del world.internet.sockets[Address("10.0.0.1", world.url.udp_port)]


def _sentence(events: Sequence[Event], kind: type[Event]) -> str:
    (event,) = [event for event in events if isinstance(event, kind)]
    return sentences(event)[0]


def test_blocked_udp_is_named_as_the_cause(world: World) -> None:
    """The message names the UDP port and how to open it, or a shorter interval.

    In the secure dialect this is so at a registry of an older version, where PING is unknown.
    """
    world.kill_registry()
    world.start_registry(can=())
    alice = world.person("alice", A)
    _shut_udp(world)
    world.advance(152)
    events = [event for event in alice.told() if not isinstance(event, Trouble)]
    assert [type(event) for event in events] == [LoggedIn, RegistryLost, RegistryBack]
    said = _sentence(events, RegistryLost)
    port = world.url.udp_port
    if world.url.secure:
        assert "no heartbeat of ours comes through by UDP" in said
        assert f"open UDP port {port} at the registry (docker -p {port}:{port}/udp)" in said
    else:
        assert (
            f"our HELLO does not reach its UDP port {port}, or not as often as it expects" in said
        )
        assert "hello=3'" in said


def test_other_losses_are_not_blamed_on_udp(secure_world: World) -> None:
    """A loss for another reason is not explained by UDP."""
    alice = secure_world.person("alice", A)
    _shut_udp(secure_world)
    secure_world.advance(152)
    alice.told()
    secure_world.kill_registry()
    assert "UDP" not in _sentence(alice.told(), RegistryLost)


def test_silent_expiry_is_reported_once(original_world: World) -> None:
    """If the original registry marks the user offline but keeps the link, a search for oneself
    notices.
    """
    world = original_world
    alice = world.person("alice", A)
    alice.told()
    world.advance(100)
    assert alice.told() == []
    online_session = world.presence.expire(world.loop.now() + 1000)
    assert [one.username for one in online_session] == ["alice"]
    world.advance(200)
    said = _sentence(alice.told(), Trouble)
    assert (
        f"the registry at {world.url.address} has put you offline: your contacts cannot find you"
        in said
    )
    assert f"--registry 'original://{world.url.address}?" in said
