"""After a machine has slept, its node works again within seconds."""

from p2pchat.errors import LinkLost
from p2pchat.net.loop import Loop
from p2pchat.peer.registry_client.sleep_watch import SleepWatch
from p2pchat.protocol.client.events import LoggedIn, RegistryBack, RegistryLost
from tests.fakes import FakeClock, advance
from tests.world import World


def test_only_a_forward_jump_of_the_wall_clock_is_a_sleep(loop: Loop) -> None:
    """Passing time and a corrected clock are not taken for a sleep."""
    clock = loop.now
    assert isinstance(clock, FakeClock)
    ahead, woken = [5000.0], []
    watch = SleepWatch(loop, lambda: clock() + ahead[0], lambda: woken.append(clock()))
    advance(loop, 60)
    ahead[0] += 3.0
    advance(loop, 60)
    ahead[0] -= 3600.0
    advance(loop, 60)
    assert not woken
    ahead[0] += 3600.0
    advance(loop, 2)
    assert len(woken) == 1
    advance(loop, 60)
    assert len(woken) == 1
    watch.close()
    ahead[0] += 3600.0
    advance(loop, 60)
    assert len(woken) == 1


def test_registry_is_dialled_at_once_after_a_sleep(world: World) -> None:
    """After a sleep the registry is dialled at once, even if the link looked alive."""
    alice = world.person("alice", "10.0.0.2")
    alice.node.registry.wake()
    world.settle()
    kinds = [type(event) for event in alice.events]
    assert kinds == [LoggedIn, RegistryLost, RegistryBack]
    lost = alice.events[1]
    assert isinstance(lost, RegistryLost)
    assert isinstance(lost.error, LinkLost)
    world.kill_registry()
    world.advance(600)
    world.start_registry()
    assert alice.node.registry.next_try_at is not None
    alice.node.registry.wake()
    world.settle()
    assert isinstance(alice.events[-1], RegistryBack)
