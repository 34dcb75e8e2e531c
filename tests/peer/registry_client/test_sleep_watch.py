"""A machine that has slept is at work again in seconds."""

from p2pchat.errors import LinkLost
from p2pchat.net.loop import Loop
from p2pchat.peer.registry_client.sleep_watch import SleepWatch
from p2pchat.protocol.client.events import LoggedIn, RegistryBack, RegistryLost
from tests.fakes import FakeClock, advance
from tests.world import World


def test_only_a_jump_ahead_of_the_wall_clock_is_a_sleep(loop: Loop) -> None:
    """Not time that passes, nor a clock that was set right, nor one that was set back."""
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


def test_after_a_sleep_the_registry_is_dialled_at_once(world: World) -> None:
    """Whether its link looked alive, or a next try was far away; an open chat gets its link too."""
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
