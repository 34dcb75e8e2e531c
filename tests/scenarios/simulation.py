"""Nodes, a registry and everything that can go wrong between them, by a seed.

Real nodes on memory wires, real profiles on disk, a clock that is moved by hand. A node that
crashes leaves what its disk has and nothing else: its callbacks, timers and wires are dead.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from p2pchat.errors import P2PError, UsageError
from p2pchat.net.address import Address
from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.credentials import Credentials
from p2pchat.peer.events import Event, TextReceived
from p2pchat.peer.lines import LineState
from p2pchat.peer.node import Node
from p2pchat.peer.registry_dialer import RegistryDialer
from p2pchat.peer.registry_session import Standing
from tests.fakes import FakeClock, MemoryInternet, MemoryNetwork, MemoryTransport, advance, settle
from tests.world import Home, World

NAMES = ("alice", "bob", "carol")
STEPS = 5

_RECENT = 30
"""Lines that are looked at in each direction: more than one schedule says."""


class _Row(NamedTuple):
    """A line, read without the history's own code."""

    id: int
    text: str
    state: str


class MortalLoop:
    """The loop as one process sees it, until it dies."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.now = loop.now
        self.alive = True

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._loop.call_soon(self._if_alive(callback))

    def call_at(self, deadline: float, callback: Callable[[], None]) -> Timer:
        return self._loop.call_at(deadline, self._if_alive(callback))

    def call_later(self, timeout: float, callback: Callable[[], None]) -> Timer:
        return self._loop.call_later(timeout, self._if_alive(callback))

    def _if_alive(self, callback: Callable[[], None]) -> Callable[[], None]:
        def call() -> None:
            if self.alive:
                callback()

        return call


class MortalNetwork(MemoryNetwork):
    """The network as one process sees it: what is dialled when it dies comes to nobody."""

    def __init__(self, internet: MemoryInternet, host: str, life: MortalLoop) -> None:
        super().__init__(internet, host)
        self._life = life

    def dial(
        self,
        address: Address,
        timeout: float,
        on_transport: Callable[[Any], None],
        on_failed: Callable[[P2PError], None],
        accepts: Callable[[str], bool] | None = None,
    ) -> Any:
        def came(transport: MemoryTransport) -> None:
            if self._life.alive:
                on_transport(transport)
            else:
                transport.end(None)

        def failed(error: P2PError) -> None:
            if self._life.alive:
                on_failed(error)

        return super().dial(address, timeout, came, failed, accepts)


class Life:
    """One process of one person, from its start to its end, and what it showed."""

    def __init__(self, world: World, name: str, host: str, home: Home) -> None:
        self.name = name
        self.loop = MortalLoop(world.loop)
        self.shown: list[tuple[str, int]] = []
        loop: Any = self.loop
        network = MortalNetwork(world.internet, host, self.loop)
        dialer = RegistryDialer(loop, network, world.url, home.profile, lambda _: None)
        credentials = Credentials(
            world.url, name, "pw", profile=home.profile, identity=home.identity
        )
        self.node = Node(
            loop,
            network,
            dialer,
            credentials,
            profile=home.profile,
            on_event=self._told,
            rng=random.Random(name),
        )
        self.node.start()

    def _told(self, event: Event) -> None:
        if isinstance(event, TextReceived):
            self.shown.append((event.contact, event.id))


class Simulation:
    """A world that lives through one schedule after another; `check` says what is wrong."""

    def __init__(self, folder: Path, people: int) -> None:
        self.world = World(Loop(FakeClock(), strict=True), folder, secure=True)
        self.names = NAMES[:people]
        self.hosts = {name: f"10.0.0.{n}" for n, name in enumerate(self.names, start=2)}
        self.lives: dict[str, Life] = {}
        self.said = 0
        self._registry_up = True
        for name in self.names:
            self.world.make_account(name)
            self.start(name)
        self._settle()
        for caller in self.names:
            for callee in self.names:
                if caller < callee:
                    self._make_friends(caller, callee)

    def start(self, name: str) -> None:
        """Start somebody's process."""
        home = self.world.home(name)
        self.lives[name] = Life(self.world, name, self.hosts[name], home)

    def crash(self, name: str) -> None:
        """Let it die between two steps."""
        life = self.lives.pop(name)
        life.loop.alive = False
        host = self.hosts[name]
        for open_ones in (self.world.internet.listeners, self.world.internet.sockets):
            for address in [a for a in open_ones if a.host == host]:
                del open_ones[address]
        for end in self._ends(host):
            end.on_data = end.on_closed = lambda _: None  # type: ignore[method-assign,assignment]
            end.on_end = end.on_drained = lambda: None  # type: ignore[method-assign]
            end.end(None)
        self._check_shown(life)

    def run(self, seed: int) -> None:
        """Live through one schedule, then let everything heal."""
        rng = random.Random(seed)
        for _ in range(STEPS):
            rng.choices(self._steps, weights=self._weights)[0](self, rng)
            for _ in range(rng.choice((0, 1, 3, 10, 40))):
                self.world.loop.run_once(0)
        self._heal()

    def check(self) -> list[str]:
        """Compare what every sender kept with what every receiver has."""
        wrong: list[str] = []
        for sender in self.names:
            for receiver in self.names:
                if sender != receiver:
                    wrong += self._compare(sender, receiver)
        for life in self.lives.values():
            self._check_shown(life)
        return wrong

    def close(self) -> None:
        """Give back the files."""
        for name in tuple(self.lives):
            self.crash(name)
        self.world.close()
        self.world.loop.close()

    def _compare(self, sender: str, receiver: str) -> list[str]:
        out = self._lines(sender, receiver, outgoing=True)
        got = self._lines(receiver, sender, outgoing=False)
        wrong = []
        if [line.text for line in out] != [line.text for line in got]:
            missing = [line.text for line in out if line.text not in {g.text for g in got}]
            wrong.append(
                f"{sender} to {receiver}: {len(out)} said, {len(got)} came, missing {missing}"
            )
        undelivered = [line.text for line in out if line.state != LineState.DELIVERED]
        if undelivered:
            wrong.append(f"{sender} to {receiver}: not known to be delivered: {undelivered}")
        return wrong

    def _lines(self, whose: str, contact: str, *, outgoing: bool) -> list[_Row]:
        database = self.world.home(whose).profile._store.database
        rows = database.execute_sql(
            "SELECT id, text, state FROM line WHERE registry = ? AND username = ? AND outgoing = ?"
            " ORDER BY seq DESC LIMIT ?",
            (str(self.world.url), contact, outgoing, _RECENT),
        )
        return [_Row(*row) for row in rows][::-1]

    def _check_shown(self, life: Life) -> None:
        """What one process showed, it showed once, and it is on the disk."""
        assert len(life.shown) == len(set(life.shown)), f"{life.name} showed a line twice"
        for contact in self.names:
            recent = {line.id for line in self._lines(life.name, contact, outgoing=False)}
            shown = {n for c, n in life.shown if c == contact and n >= min(recent, default=0)}
            assert shown <= recent, f"{life.name} showed a ghost"

    def _make_friends(self, caller: str, callee: str) -> None:
        self.lives[caller].node.call(callee)
        self._settle()
        if self.lives[callee].node.called_by:
            self.lives[callee].node.accept()
        self._settle()

    def _heal(self) -> None:
        if not self._registry_up:
            self._registry_step(random.Random(0))
        for pause in (0, 3, 10, 60, *[60] * 20):  # as long as the longest pause between two tries
            for name in self.names:
                if name in self.lives and self.lives[name].node.standing is Standing.STOPPED:
                    self.crash(name)  # there was no registry when it started, so it gave up
                if name not in self.lives:
                    self.start(name)
            advance(self.world.loop, pause)
            if not self.check():
                return

    def _ends(self, host: str) -> list[MemoryTransport]:
        ends = [end for pair in self.world.internet.wires for end in pair]
        return [end for end in ends if end.local.host == host and not end._ended]

    def _settle(self) -> None:
        settle(self.world.loop)

    def _say(self, rng: random.Random) -> None:
        if not self.lives:
            return
        name = rng.choice(sorted(self.lives))
        contact = rng.choice([other for other in self.names if other != name])
        for _ in range(rng.choice((1, 1, 2, 5))):
            self.said += 1
            text = f"{name} {self.said}"
            self.lives[name].node.conversations.outbox.queue(
                contact, (text,), lambda _: None, lambda _: None
            )

    def _wish(self, rng: random.Random) -> None:
        """Everybody wishes to talk to everybody, at once."""
        for name, life in sorted(self.lives.items()):
            for contact in self.names:
                if contact != name and rng.random() < 0.5:
                    with suppress(UsageError):  # it wishes so already
                        life.node.call(contact)

    def _leave(self, rng: random.Random) -> None:
        for name, life in sorted(self.lives.items()):
            for contact in self.names:
                if contact != name and rng.random() < 0.5:
                    life.node.leave(contact)

    def _cut(self, rng: random.Random) -> None:
        """Cut a wire, at any byte of what is on it."""
        wires = self.world.internet.wires
        wires[:] = [pair for pair in wires if not (pair[0]._ended and pair[1]._ended)]
        if not wires:
            return
        pair = rng.choice(wires)
        for end in pair:
            whole = b"".join(end._out)
            if whole and not end.other._ended:
                end._out, end.queued = [], 0
                part = whole[: rng.randrange(len(whole))]
                end.other._inbox += [part] if part else []
                end.other._soon()
        self.world.loop.run_once(0)
        pair[0].cut()

    def _crash(self, rng: random.Random) -> None:
        if self.lives:
            self.crash(rng.choice(sorted(self.lives)))

    def _start(self, rng: random.Random) -> None:
        dead = sorted(set(self.names) - set(self.lives))
        if dead:
            self.start(rng.choice(dead))

    def _registry_step(self, _: random.Random) -> None:
        if self._registry_up:
            self.world.kill_registry()
        else:
            self.world.start_registry()
        self._registry_up = not self._registry_up

    def _pass_time(self, rng: random.Random) -> None:
        advance(self.world.loop, rng.choice((0.1, 0.6, 2.0, 30.0)))

    def _jump(self, _: random.Random) -> None:
        """The machines slept: everything that was due is late."""
        clock = self.world.loop.now
        assert isinstance(clock, FakeClock)
        clock.time += 5000

    _steps = (_say, _cut, _crash, _start, _registry_step, _pass_time, _wish, _leave, _jump)
    _weights = (10, 5, 3, 4, 1, 4, 2, 1, 0.3)
