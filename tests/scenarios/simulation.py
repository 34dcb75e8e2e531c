"""Nodes, a registry and every failure between them, by a seed.

Real nodes on memory transports, real profiles on disk, a fake clock. A node that crashes leaves
only what is on its disk: its callbacks, timers and connections are dead.
"""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from p2pchat.errors import LinkLost, P2PError, UsageError
from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.node import Node
from p2pchat.peer.registry_client.credentials import Credentials
from p2pchat.peer.registry_client.dialer import RegistryDialer
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import Event, TextReceived
from p2pchat.protocol.client.lines import LineState
from p2pchat.protocol.client.state import SessionState
from tests.fakes import (
    FakeClock,
    InlineWorker,
    MemoryInternet,
    MemoryNetwork,
    MemoryTransport,
    advance,
    settle,
)
from tests.nats import KINDS, NatInternet
from tests.world import REGISTRY, Home, World

NAMES = ("alice", "bob", "carol")
STEPS = 5

_TCP_GIVES_UP = 25
"""Seconds; as net.tcp_dial has it of the kernel."""

_RECENT = 30
"""Lines that are looked at in each direction: more than one schedule says."""


class _Row(NamedTuple):
    """A line, read without the code of the history."""

    id: int
    text: str
    state: str


class MortalLoop:
    """The loop as one process sees it, until it dies."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.now = loop.now
        self.alive = True
        self._stopped: list[Callable[[], None]] | None = None

    def contain(self, error: Exception, where: str) -> None:
        """Raise a bug that the loop of a real process would log."""
        raise error

    def stop(self) -> None:
        """Call nothing until `go_on`, which then calls what was due."""
        if self._stopped is None:
            self._stopped = []

    def go_on(self) -> None:
        missed, self._stopped = self._stopped or [], None
        for callback in missed:
            self.call_soon(callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._loop.call_soon(self._if_alive(callback))

    def call_at(self, deadline: float, callback: Callable[[], None]) -> Timer:
        return self._loop.call_at(deadline, self._if_alive(callback))

    def call_later(self, timeout: float, callback: Callable[[], None]) -> Timer:
        return self._loop.call_later(timeout, self._if_alive(callback))

    def _if_alive(self, callback: Callable[[], None]) -> Callable[[], None]:
        def call() -> None:
            if self.alive and self._stopped is None:
                callback()
            elif self.alive and self._stopped is not None:
                self._stopped.append(callback)

        return call


class MortalNetwork(MemoryNetwork):
    """The network as one process sees it: connections that open after its death are closed."""

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
        *,
        from_port: int | None = None,
    ) -> Any:
        def came(transport: MemoryTransport) -> None:
            if self._life.alive:
                on_transport(transport)
            else:
                transport.end(None)

        def failed(error: P2PError) -> None:
            if self._life.alive:
                on_failed(error)

        return super().dial(address, timeout, came, failed, accepts, from_port=from_port)


class EverybodyBut:
    """All hosts except one."""

    def __init__(self, host: str) -> None:
        self._host = host

    def __contains__(self, host: object) -> bool:
        return host != self._host


class Life:
    """One process of one user from its start to its end, and what it showed."""

    def __init__(
        self,
        world: World,
        name: str,
        host: str,
        home: Home,
        taken: set[str],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._taken = taken
        self.host = host
        self.home = home
        self.loop = MortalLoop(world.loop)
        self.shown: list[tuple[str, int]] = []
        loop: Any = self.loop
        network = MortalNetwork(world.internet, host, self.loop)
        dialer = RegistryDialer(loop, network, world.url, home.profile, lambda _: None)
        credentials = Credentials(
            world.url, name, "pw", profile=home.profile, identity=home.identity, wall=wall
        )
        self.node = Node(
            loop,
            network,
            dialer,
            credentials,
            profile=home.profile,
            on_event=self._told,
            rng=random.Random(name),
            file_worker=InlineWorker(loop),
            wall=wall,
        )
        self.node.start()

    def _told(self, event: Event) -> None:
        if isinstance(event, TextReceived):
            self.shown.append((event.contact, event.id))
            self._taken.add(event.text)


class Simulation:
    """A world that runs one schedule after another; `check` returns what is wrong.

    With `copies`, disks are also replaced by older copies, and copies of a profile run at once.
    Lines sent after a copy was made may then be lost with the disk; no others may. With `mailbox`,
    the registry keeps mailboxes.
    """

    def __init__(
        self,
        folder: Path,
        people: int,
        *,
        copies: bool = False,
        walls: bool = False,
        mailbox: bool = False,
    ) -> None:
        self._folder = folder
        self._copies: dict[str, Path] = {}
        self._count = 0
        self.taken: set[str] = set()
        """What was ever on a disk of those to whom it was said."""
        self._was_older: set[str] = set()  # whose disk was rewound or copied
        self._weights = _WEIGHTS if copies else (*_WEIGHTS[:-_OF_COPIES], *[0] * _OF_COPIES)
        loop = Loop(FakeClock(), strict=True)
        self.nats = NatInternet(loop) if walls else None
        """The internet, if people are at home behind routers."""
        self._homes = random.Random(people)
        self.world = World(loop, folder, secure=True, internet=self.nats, mailbox=mailbox)
        self.names = NAMES[:people]
        self._hosts = 0
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
        """Start a user's process at a new address."""
        host = self._new_host()
        self.lives[name] = Life(self.world, name, host, self.world.home(name), self.taken)

    def _new_host(self) -> str:
        """Return the address of another machine, perhaps in a home of any kind."""
        self._hosts += 1
        host = f"10.0.{self._hosts // 250}.{self._hosts % 250 + 2}"
        if self.nats is not None:
            self.nats.settle(host, self._homes.choice(list(KINDS.values())))
        return host

    def crash(self, name: str, *, told: bool = True) -> None:
        """Kill a process between two steps. Unless `told`, its machine vanishes and connections
        stay open.
        """
        life = self.lives.pop(name)
        life.loop.alive = False
        host = life.host
        self.world.internet.go_on(host)
        for open_ones in (self.world.internet.listeners, self.world.internet.sockets):
            for address in [a for a in open_ones if a.host == host]:
                del open_ones[address]
        for end in self._ends(host):
            end.on_data = end.on_closed = lambda _: None  # type: ignore[assignment]
            end.on_end = end.on_drained = lambda: None
            if told:
                end.end(None)
            else:
                end.is_stopped = lambda _: True  # the remote notices only when TCP gives up
                self.world.loop.call_later(_TCP_GIVES_UP, partial(end.other.end, LinkLost("lost")))
        self._check_shown(life)

    def run(self, seed: int) -> None:
        """Run one schedule, then let everything recover."""
        rng = random.Random(seed)
        for _ in range(STEPS):
            rng.choices(_STEPS, weights=self._weights)[0](self, rng)
            for _ in range(rng.choice((0, 1, 3, 10, 40))):
                self.world.loop.run_once(0)
        self._heal()

    def check(self) -> list[str]:
        """Compare what each sender kept with what each receiver has."""
        wrong: list[str] = []
        for sender in self.names:
            for receiver in self.names:
                if sender != receiver:
                    wrong += self._compare(sender, receiver)
        for life in self.lives.values():
            self._check_shown(life)
        return wrong

    def close(self) -> None:
        """Release the files."""
        for name in tuple(self.lives):
            self.crash(name)
        self.world.close()
        self.world.loop.close()

    def _compare(self, sender: str, receiver: str) -> list[str]:
        homes = self.world.home(sender), self.world.home(receiver)
        if {sender, receiver} & self._was_older:
            out = self._lines(homes[0], receiver, outgoing=True)
            got = self._lines(homes[1], sender, outgoing=False, limit=1000)
            untrue = _untrue(out, got, receiver in self._was_older)
            if {sender, receiver} <= self._was_older:  # the lines of a third copy are unknown
                untrue = [what for what in untrue if what.text not in self.taken]
            return [f"{sender} to {receiver}: {text} {what}" for text, what in untrue]
        out = self._lines(homes[0], receiver, outgoing=True)
        got = self._lines(homes[1], sender, outgoing=False)
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

    def _lines(
        self, home: Home, contact: str, *, outgoing: bool, limit: int = _RECENT
    ) -> list[_Row]:
        database = home.profile.store.database
        rows = database.execute_sql(
            "SELECT id, text, state FROM line WHERE registry = ? AND username = ? AND outgoing = ?"
            " ORDER BY seq DESC LIMIT ?",
            (str(self.world.url), contact, outgoing, limit),
        )
        return [_Row(*row) for row in rows][::-1]

    def _check_shown(self, life: Life) -> None:
        """Check that the process showed each line once, and that it is on disk."""
        assert len(life.shown) == len(set(life.shown)), f"{life.name} showed a line twice"
        for contact in self.names:
            recent = {line.id for line in self._lines(life.home, contact, outgoing=False)}
            shown = {n for c, n in life.shown if c == contact and n >= min(recent, default=0)}
            assert shown <= recent, f"{life.name} showed a ghost"

    def _make_friends(self, caller: str, callee: str) -> None:
        self.lives[caller].node.call(callee)
        advance(self.world.loop, 1)  # a dial in vain, and a circuit
        if self.lives[callee].node.called_by:
            self.lives[callee].node.accept()
        self._settle()

    def _heal(self) -> None:
        if not self._registry_up:
            self._registry_step(random.Random(0))
        self._go_on_all()
        for name in sorted(set(self.lives) - set(self.names)):
            self.crash(name)  # of two running copies one is discarded
        must_talk = bool(self._was_older)  # which reveals what a disk lacks
        for pause in (0, 3, 10, 60, *[60] * 20):  # as long as the longest retry pause
            self._start_all()
            if must_talk and self._all_are_online:
                must_talk = False
                for name in self.names:
                    self._say_as(name, 1, [other for other in self.names if other != name])
            advance(self.world.loop, pause)
            if not (must_talk or self.check()):
                return

    def _start_all(self) -> None:
        for name in self.names:
            if name in self.lives and self.lives[name].node.standing is SessionState.STOPPED:
                self.crash(name)  # it gave up, since there was no registry when it started
            if name not in self.lives:
                self.start(name)

    @property
    def _all_are_online(self) -> bool:
        return all(life.node.standing is SessionState.ONLINE for life in self.lives.values())

    def _ends(self, host: str) -> list[MemoryTransport]:
        ends = [end for pair in self.world.internet.wires for end in pair]
        return [end for end in ends if end.local.host == host and not end.ended]

    def _settle(self) -> None:
        settle(self.world.loop)

    def _say(self, rng: random.Random) -> None:
        if not self.lives:
            return
        name = rng.choice(sorted(self.lives))
        contact = rng.choice([other for other in self.names if other != self.lives[name].name])
        self._say_as(name, rng.choice((1, 1, 2, 5)), [contact])

    def _say_as(self, name: str, count: int, contacts: list[str]) -> None:
        for contact in contacts:
            for _ in range(count):
                self.said += 1
                self.lives[name].node.conversations.outbox.queue(
                    contact, (f"{name} {self.said}",), lambda _: None, lambda _: None
                )

    def _wish(self, rng: random.Random) -> None:
        """Let users open chats with each other at once."""
        for _, life in sorted(self.lives.items()):
            for contact in self.names:
                if contact != life.name and rng.random() < 0.5:
                    with suppress(UsageError):  # it is open already
                        life.node.call(contact)

    def _leave(self, rng: random.Random) -> None:
        for _, life in sorted(self.lives.items()):
            for contact in self.names:
                if contact != life.name and rng.random() < 0.5:
                    life.node.leave(contact)

    def _cut(self, rng: random.Random) -> None:
        """Cut a connection at any byte under way."""
        wires = self.world.internet.wires
        wires[:] = [pair for pair in wires if not (pair[0].ended and pair[1].ended)]
        if not wires:
            return
        pair = rng.choice(wires)
        for end in pair:
            whole = b"".join(end.out)
            if whole and not end.other.ended:
                end.out, end.queued = [], 0
                part = whole[: rng.randrange(len(whole))]
                end.other.inbox += [part] if part else []
                end.other.soon()
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
        """Let the machines sleep, so that everything that was due is late."""
        clock = self.world.loop.now
        assert isinstance(clock, FakeClock)
        clock.time += 5000

    def _stop(self, rng: random.Random) -> None:
        """Send SIGSTOP to the process of a user or the registry."""
        name = rng.choice(["", *sorted(self.lives)])
        if name:
            self.lives[name].loop.stop()
        self.world.internet.stop(self.lives[name].host if name else REGISTRY)

    def _go_on(self, _: random.Random) -> None:
        self._go_on_all()

    def _go_on_all(self) -> None:
        self.world.internet.go_on(REGISTRY)
        for life in self.lives.values():
            life.loop.go_on()
            self.world.internet.go_on(life.host)

    def _move(self, rng: random.Random) -> None:
        """Let a machine vanish and its user continue at another one, while old connections stay
        open.
        """
        here = sorted(set(self.lives) & set(self.names))
        if here:
            name = rng.choice(here)
            self.crash(name, told=False)
            self.start(name)

    def _back_up(self, rng: random.Random) -> None:
        name = rng.choice(self.names)
        self._count += 1
        self._copies[name] = self._folder / f"copy-{self._count}"
        self.world.copy_profile(name, self._copies[name])

    def _restore(self, rng: random.Random) -> None:
        """Replace a user's disk by an older copy."""
        if not self._copies:
            self._back_up(rng)
            return
        name = rng.choice(sorted(self._copies))
        if name in self.lives:
            self.crash(name)
        self.world.restore_profile(name, self._copies[name])
        self._was_older.add(name)
        self.start(name)

    def _run_a_copy(self, rng: random.Random) -> None:
        """Run a second process of a user on a copy of the profile, beside the first."""
        name = rng.choice(self.names)
        self._count += 1
        copy = f"{name}-{self._count}"
        home = self.world.copy_home(name, copy)
        self._was_older.add(name)
        host = self._new_host()
        self.lives[copy] = Life(self.world, name, host, home, self.taken)


class _Untrue(NamedTuple):
    text: str
    what: str


def _untrue(out: list[_Row], got: list[_Row], older_receiver: bool) -> list[_Untrue]:
    """Return what is wrong with the lines between two users, one of whom has an older disk."""
    theirs = [line.text for line in got]
    wrong = [_Untrue(f"{text} again", "came") for text in set(theirs) if theirs.count(text) > 1]
    for line in out:
        if line.state == LineState.DELIVERED:
            if line.text not in theirs:
                wrong.append(_Untrue(line.text, "is called delivered, and is not there"))
        elif line.state != LineState.MISSING or not older_receiver:
            wrong.append(_Untrue(f"{line.text}:", f"is {line.state}"))
    ours = [line.text for line in out if line.text in theirs]
    if ours != [text for text in theirs if text in ours]:
        wrong.append(_Untrue(f"{ours}", "came in another order"))
    return wrong


_OF_COPIES: Final = 3
_STEPS: Final = (
    Simulation._say,
    Simulation._cut,
    Simulation._crash,
    Simulation._start,
    Simulation._registry_step,
    Simulation._pass_time,
    Simulation._wish,
    Simulation._leave,
    Simulation._jump,
    Simulation._stop,
    Simulation._go_on,
    Simulation._move,
    Simulation._back_up,
    Simulation._restore,
    Simulation._run_a_copy,
)
_WEIGHTS: Final = (10, 5, 3, 4, 1, 4, 2, 1, 0.3, 1, 1, 0.7, 2, 2, 1)
"""How often each happens; the last ones only in worlds with copies."""
