"""Heartbeats, and what happens if they are not answered."""

from p2pchat.net.loop import Loop
from p2pchat.peer.registry_client.heartbeat import Heartbeat
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import RegistryBack, RegistryLost
from p2pchat.protocol.heartbeat import open_hello, seal_hello, write_answer
from tests.fakes import MemoryInternet, advance
from tests.world import World

REGISTRY = Address("10.0.0.1", 7117)
INTERVAL = 60.0


class Beating:
    """A heartbeat, and a registry that answers while `lives` is true."""

    def __init__(self, loop: Loop, *, lives: bool, nonsense: tuple[bytes, ...] = ()) -> None:
        self.loop = loop
        self.lives = lives
        self._nonsense = nonsense
        self.heard: list[float] = []
        self.silences: list[float] = []
        self.seen_from: list[Address] = []
        internet = MemoryInternet(loop)
        self._udp = internet.machine(REGISTRY.host).open_udp(REGISTRY, self._hear)
        count = iter(range(1, 1000))
        self.heartbeat = Heartbeat(
            loop,
            internet.machine("10.0.0.2"),
            REGISTRY,
            INTERVAL,
            lambda: seal_hello(b"s" * 8, next(count), b"k" * 32),
            self.seen_from.append,
            lambda: self.silences.append(loop.now()),
        )

    def _hear(self, datagram: bytes, remote: Address) -> None:
        self.heard.append(self.loop.now())
        if self.lives:
            counter = open_hello(datagram).counter
            self._udp.send(write_answer(counter, remote.host, remote.port), remote)
            return
        for answer in self._nonsense:
            self._udp.send(answer, remote)


def test_answered_heartbeat_is_sent_once_per_interval(loop: Loop) -> None:
    """An answered heartbeat is sent once per interval; the answer tells the seen address."""
    beating = Beating(loop, lives=True)
    advance(loop, 10 * INTERVAL)
    assert len(beating.heard) == 11
    assert beating.silences == []
    assert {address.host for address in beating.seen_from} == {"10.0.0.2"}


def test_silence_is_reported_after_three_heartbeats(loop: Loop) -> None:
    """After three unanswered heartbeats within seconds the silence is reported."""
    beating = Beating(loop, lives=True)
    advance(loop, INTERVAL - 1)
    beating.lives = False
    beating.heard.clear()
    advance(loop, 20)
    assert len(beating.heard) == 3
    assert len(beating.silences) == 1


def test_heartbeat_is_not_repeated_if_none_was_ever_answered(loop: Loop) -> None:
    """If no heartbeat was ever answered, each is sent once and the silence reported."""
    beating = Beating(loop, lives=False)
    advance(loop, 5 * INTERVAL - 1)
    assert len(beating.heard) == 5
    assert len(beating.silences) == 5


def test_malformed_answer_is_ignored(loop: Loop) -> None:
    """A malformed answer does not count as one."""
    nonsense = b"", b"P2PA", b"P2PA" + bytes(100)
    beating = Beating(loop, lives=False, nonsense=nonsense)
    advance(loop, 10)
    assert len(beating.heard) == 1
    assert len(beating.silences) == 1


def test_hung_registry_is_left(secure_world: World) -> None:
    """A registry that answers neither UDP nor TCP is left within a heartbeat and some seconds."""
    world = secure_world
    alice = world.person("alice", "10.0.0.2")
    alice.told()
    world.advance(30)
    for left, right in world.internet.wires:
        if left.local.host == "10.0.0.2":
            right.on_data = lambda _: None
    udp = dict(world.internet.sockets)
    for address in [a for a in world.internet.sockets if a.host == "10.0.0.1"]:
        world.internet.sockets[address] = lambda *_: None
    world.advance(60 + 20 - 30)
    assert [e for e in alice.told() if isinstance(e, RegistryLost)]
    world.internet.sockets.update(udp)
    world.advance(70)
    assert [e for e in alice.told() if isinstance(e, RegistryBack)]


def test_registry_reachable_by_tcp_only_is_kept(secure_world: World) -> None:
    """If only UDP answers are filtered, the session stays."""
    world = secure_world
    alice = world.person("alice", "10.0.0.2")
    alice.told()
    own = [a for a in world.internet.sockets if a.host == "10.0.0.2"]
    for address in own:
        world.internet.sockets[address] = lambda *_: None
    world.advance(600)
    assert alice.told() == []
