"""The numbers of our own end, from outside: each of them stops somebody."""

from p2pchat.peer.calls.limits import PeerLimits
from tests.peer.calls.test_peer_server import Stranger
from tests.world import World


def test_without_limits_nobody_is_turned_away(original_world: World) -> None:
    """0 is off."""
    limits = PeerLimits(
        silent_links=0, silent_links_per_host=0, speak_timeout=0, calls_per_minute=0
    )
    alice = original_world.person("alice", "10.0.0.2", limits=limits)
    silent = [Stranger(original_world, alice, "10.6.6.6") for _ in range(100)]
    original_world.advance(1000)
    assert not any(stranger.closed for stranger in silent)
