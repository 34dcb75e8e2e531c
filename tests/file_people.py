"""Two users and their files: whole nodes, real threads, TLS and disks, a network in memory."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from p2pchat.errors import P2PError
from p2pchat.net.worker import ThreadWorker
from p2pchat.peer.files.policy import FilesPolicy
from p2pchat.protocol.client.transfers import Transfer, TransferState
from tests.fakes import advance, settle
from tests.world import Person, World

KEEP_FREE = 10_000_000
_STEP = 0.01
_MOST_STEPS = 10_000
_MOST_IDLE = 3000


class Two:
    """Alice, who sends files, and bob, who has accepted her once."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.loop = world.loop
        self.folder = folder
        self._idle = 0
        self.worker = ThreadWorker(self.loop, threads=6)
        self.people: dict[str, Person] = {}
        self.comes("alice"), self.comes("bob")
        self.alice.node.call("bob")
        self.until(lambda: bool(self.bob.node.called_by))
        self.bob.node.accept()
        settle(self.loop)

    @property
    def alice(self) -> Person:
        return self.people["alice"]

    @property
    def bob(self) -> Person:
        return self.people["bob"]

    @property
    def inbox(self) -> Path:
        return self.folder / "bob" / "alice"

    def comes(self, name: str, **policy: Any) -> Person:
        """Let a user log in, with that policy for files."""
        policy = {"keep_free": KEEP_FREE, "folder": self.folder / name, **policy}
        host = {"alice": "10.0.0.2", "bob": "10.0.0.3"}[name]
        person = self.world.person(
            name, host, file_worker=self.worker, files_policy=FilesPolicy(**policy)
        )
        self.people[name] = person
        return person

    def goes(self, name: str) -> None:
        """Let a user quit."""
        self.people[name].node.stop()
        self.until(lambda: not self.worker.waiting)

    def dies(self, name: str) -> None:
        """Let a user's machine vanish."""
        self.world.internet.cut_all(self.people[name].host)
        self.goes(name)

    def end(self) -> None:
        """Let both quit."""
        for name in self.people:
            self.goes(name)
        self.worker.close()
        settle(self.loop)

    def until(self, is_so: Callable[[], bool]) -> None:
        """Run until that is so: while threads are at work the clock goes on a little, else more."""
        for _ in range(_MOST_STEPS):
            settle(self.loop)
            if is_so():
                return
            if self.worker.waiting:
                self.loop.run_once(_STEP)
                advance(self.loop, _STEP)
            else:
                advance(self.loop, 1.0)
                self._idle += 1
                assert self._idle < _MOST_IDLE, "it never happens"
        raise AssertionError("it does not end")

    def file(self, size: int, name: str = "report.pdf") -> Path:
        """Return a file of alice with random bytes."""
        path = self.folder / name
        path.write_bytes(random.Random(size).randbytes(size))
        return path

    def offer(self, path: Path, name: str = "") -> Transfer:
        """Let alice offer a file, and bob hear of it."""
        found: list[Transfer] = []
        errors: list[P2PError] = []
        self.alice.node.files.offer(
            "bob", path, name, lambda transfer, *_: found.append(transfer), errors.append
        )
        self.until(lambda: bool(found or errors))
        if errors:
            raise errors[0]
        return found[0]

    def theirs(self) -> Transfer:
        """Return bob's last transfer."""
        return self.bob.node.files.all()[-1]

    def get(self) -> Path:
        """Let bob accept the last offer, and have it."""
        self.until(lambda: bool(self.bob.node.files.all()))
        number = self.theirs().id
        self.bob.node.files.get(number)
        self.until(lambda: self.theirs().state is TransferState.DONE)
        self.until(lambda: not self.worker.waiting)  # what was unfinished is deleted after that
        return Path(self.theirs().path)

    def heard(self, name: str, kind: type) -> list[Any]:
        return [event for event in self.people[name].all_events if isinstance(event, kind)]
