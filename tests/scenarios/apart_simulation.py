"""Two users who are never online together, and a registry whose mailboxes fail in every way.

Real nodes, profiles and a real registry, as in `simulation`; only the mailbox brings lines. Disks
are replaced by older copies, processes crash between two steps, and the registry drops, repeats,
hides, swaps and reorders runs, lies about them, or loses everything.
"""

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from p2pchat.protocol.messages import Reason
from p2pchat.protocol.prekeys import Prekey
from p2pchat.registry.store.mailboxes import Left, Mailboxes, Owner, Quotas
from p2pchat.storage import Store
from tests.fakes import FakeClock, advance
from tests.scenarios.simulation import Life, Simulation

_DAY: Final = 24 * 3600.0
_STEPS: Final = 8
_ROUNDS: Final = 14
"""How often both come before everything must have arrived."""


class FaultyMailboxes(Mailboxes):
    """Mailboxes of a registry that misbehaves while `rng` is set."""

    def __init__(self, store: Store, quotas: Quotas) -> None:
        super().__init__(store, quotas)
        self.rng: random.Random | None = None

    def _fails(self, how_often: float = 0.15) -> bool:
        return self.rng is not None and self.rng.random() < how_often

    def leave(self, owner: Owner, permit: bytes, sealed: bytes, now: int) -> Left | Reason:
        if self._fails():
            assert self.rng is not None
            return Left(self.rng.randbytes(16), now + 14 * 86400, 1)  # dropped
        if self._fails(0.05):
            return Reason.FULL
        if self._fails():
            super().leave(owner, permit, sealed, now)  # twice
        return super().leave(owner, permit, sealed, now)

    def take_prekey(self, owner: Owner, permit: bytes, now: int) -> Prekey | Reason:
        found = super().take_prekey(owner, permit, now)
        if isinstance(found, Prekey) and found.one_time and self._fails():
            self.publish(owner, [found], None, replace=False, now=now)  # and gives it once more
        return Reason.NO_PREKEY if self._fails(0.05) else found

    def listed(self, owner: Owner, after: bytes, now: int) -> list[tuple[bytes, int]]:
        runs = super().listed(owner, after, now)
        if self._fails():
            assert self.rng is not None
            self.rng.shuffle(runs)
        return runs[: len(runs) // 2] if self._fails() else runs

    def get(self, owner: Owner, run: bytes) -> bytes:
        if self._fails():
            others = [other for other, _ in super().listed(owner, b"", 0)]
            assert self.rng is not None
            run = self.rng.choice(others) if others else run
        return b"" if self._fails(0.05) else super().get(owner, run)

    def forget(self, owner: Owner, runs: Sequence[bytes]) -> None:
        if not self._fails():
            super().forget(owner, runs)

    def still_there(self, runs: Sequence[bytes], now: int) -> list[bytes]:
        if self._fails():
            return list(runs) if self._fails(0.5) else []
        return super().still_there(runs, now)

    def take_back(self, runs: Sequence[bytes], now: int) -> list[bytes]:
        return list(runs) if self._fails() else super().take_back(runs, now)


class ApartSimulation(Simulation):
    """A simulation of two users of whom one at a time is online."""

    def __init__(self, folder: Path, *, copies: bool) -> None:
        super().__init__(folder, people=2, copies=copies)
        self._has_copies = copies
        self._began = time.time()
        self._leave_all()
        self.boxes = FaultyMailboxes(self.world.accounts.store, Quotas())
        self.world.boxes = self.boxes
        self.world.kill_registry()
        self._start_registry()
        for name in self.names:
            self.start(name)
        self._settle()
        self._make_friends("alice", "bob")  # the link brings the passes
        self._leave_all()

    def wall(self) -> float:
        """Return the time that all clocks show."""
        self._began += 0.001
        return self._began + self.world.loop.now()

    def start(self, name: str) -> None:
        """Let a user log in."""
        wall = self.wall if hasattr(self, "boxes") else time.time
        home = self.world.home(name)
        self.lives[name] = Life(self.world, name, self._new_host(), home, self.taken, wall)
        self._settle()

    def run(self, seed: int) -> None:
        """Run one schedule, then let everything recover."""
        rng = random.Random(seed)
        self.boxes.rng = rng
        for _ in range(_STEPS):
            step = rng.choices(_KINDS, weights=self._kinds)[0]
            step(self, rng)
            for _ in range(rng.choice((0, 1, 3, 10, 40))):
                self.world.loop.run_once(0)
        self.boxes.rng = None
        self._recover()

    @property
    def _kinds(self) -> list[float]:
        return [*_HOW_OFTEN[:-2], *(_HOW_OFTEN[-2:] if self._has_copies else (0.0, 0.0))]

    def _recover(self) -> None:
        """Let the two come and go until each has what the other has said."""
        must_talk = bool(self._was_older)
        for turn in range(_ROUNDS):
            for name in self.names:
                self._come(name)
                if must_talk:
                    self._say_as(name, 1, [other for other in self.names if other != name])
                self._go()
            must_talk = False
            if not self.check():
                return
            self._sleep(_DAY + 1 if turn else 1)

    def _come(self, name: str) -> None:
        if name not in self.lives:
            self._go()
            self.start(name)

    def _go(self) -> None:
        """Let whoever is online quit."""
        for name in tuple(self.lives):
            self.lives[name].node.stop()
            self._settle()
            self.crash(name)

    def _leave_all(self) -> None:
        self._go()
        advance(self.world.loop, 1)

    def _start_registry(self) -> None:
        self.world.start_registry(wall=self.wall)

    def _someone_comes(self, rng: random.Random) -> None:
        name = rng.choice(self.names)
        if rng.random() < 0.3:
            for other in tuple(self.lives):
                self.crash(other)
        self._come(name)

    def _someone_goes(self, _: random.Random) -> None:
        self._go()

    def _time_passes(self, rng: random.Random) -> None:
        if rng.random() < 0.7:
            advance(self.world.loop, rng.choice((0.1, 5.0, 25.0)))
        else:
            self._sleep(rng.choice((60.0, _DAY + 1, 15 * _DAY)))

    def _sleep(self, seconds: float) -> None:
        """Let time pass at once, as if all machines had slept: every timer is late."""
        clock = self.world.loop.now
        assert isinstance(clock, FakeClock)
        clock.time += seconds
        self._settle()

    def _registry_restarts(self, _: random.Random) -> None:
        self.world.kill_registry()
        self._start_registry()
        self._settle()

    def _registry_loses_everything(self, rng: random.Random) -> None:
        name = rng.choice(self.names)
        self.boxes.clear(name)
        key = self.world.home(name).identity.public
        self.boxes.publish(Owner(name, key), (), (), replace=True, now=0)

    def _disk_goes_back(self, rng: random.Random) -> None:
        """Replace a user's disk by an older copy, while nobody is online."""
        if not self._copies:
            self._back_up(rng)
            return
        for name in tuple(self.lives):
            self.crash(name)
        name = rng.choice(sorted(self._copies))
        self.world.restore_profile(name, self._copies[name])
        self._was_older.add(name)


_KINDS: Final[Sequence[Callable[[Any, random.Random], None]]] = (
    Simulation._say,
    ApartSimulation._someone_comes,
    ApartSimulation._someone_goes,
    Simulation._crash,
    Simulation._cut,
    ApartSimulation._time_passes,
    ApartSimulation._registry_restarts,
    ApartSimulation._registry_loses_everything,
    Simulation._back_up,
    ApartSimulation._disk_goes_back,
)
_HOW_OFTEN: Final = (8.0, 8.0, 3.0, 2.0, 1.0, 4.0, 0.7, 0.7, 1.5, 1.5)
"""How often each happens; the last two only in worlds with copies."""
