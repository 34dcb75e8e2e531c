"""The limits of a node can be turned off."""

from p2pchat.peer.calls.limits import PeerLimits
from tests.peer.calls.test_peer_server import Stranger
from tests.world import World


def test_limit_of_0_is_off(original_world: World) -> None:
    """With limits of 0, silent links are neither closed nor counted."""
    limits = PeerLimits(
        silent_links=0, silent_links_per_host=0, speak_timeout=0, calls_per_minute=0
    )
    alice = original_world.person("alice", "10.0.0.2", limits=limits)
    silent = [Stranger(original_world, alice, "10.6.6.6") for _ in range(100)]
    original_world.advance(1000)
    assert not any(stranger.closed for stranger in silent)
