"""Random troubles while files move: what is called done has the sender's bytes, once.

Threads have their own timing, so a seed repeats the troubles, not each interleaving; what is
checked must hold for all of them.
"""

import os
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from p2pchat.errors import LinkLost, P2PError
from p2pchat.net import bulk
from p2pchat.net.loop import Loop
from p2pchat.peer.files import part, source, stored
from p2pchat.protocol.client.transfers import OVER, TransferState
from p2pchat.protocol.files.pieces import PIECE_BYTES
from tests.fakes import FakeClock, advance, settle
from tests.file_people import Two
from tests.world import World

SEEDS = range(40)
STEPS = 12


class Fuse:
    """Breaks a data link once so many bytes were received, on any thread."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.bytes: int | None = None
        self.is_blown = False
        receive = bulk.BulkConnection.receive

        def receive_some(connection: bulk.BulkConnection) -> bytes:
            data = receive(connection)
            if self.bytes is not None:
                self.bytes -= len(data)
                if self.bytes < 0:
                    self.bytes, self.is_blown = None, True
                    raise LinkLost("the fuse has blown")
            return data

        patch.setattr(bulk.BulkConnection, "receive", receive_some)


class Trouble:
    """One schedule: alice offers files, bob gets them, and things happen meanwhile."""

    def __init__(self, folder: Path, seed: int, fuse: "Fuse") -> None:
        self.fuse = fuse
        self.rng = random.Random(seed)
        self.folder = folder
        self.loop = Loop(FakeClock(), strict=True)
        self.world = World(self.loop, folder, secure=True, mailbox=self.rng.random() < 0.5)
        self.two = Two(self.world, folder)
        self.offered: dict[str, bytes] = {}  # by name
        self.mine: dict[Path, bytes] = {}  # bob's own files
        self.there = {"alice", "bob"}

    def run(self) -> None:
        """Let things happen, then let all end well, and check."""
        self.offers()
        for _ in range(STEPS):
            self.rng.choice(
                (
                    self.offers,
                    self.gets,
                    self.gets,
                    self.cuts,
                    self.dies_in_the_middle,
                    self.dies_in_the_middle,
                    self.quits,
                    self.comes,
                    self.comes,
                    self.damages,
                    self.changes,
                    self.takes_a_name,
                    self.waits,
                )
            )()
            settle(self.loop)
        self.ends()
        self.check()

    def offers(self, size: int = -1) -> None:
        if "alice" not in self.there:
            return
        name = f"file{len(self.offered)}"
        if size < 0:
            size = self.rng.choice((0, 5, 70_000, 2 * PIECE_BYTES + 1))
        data = self.rng.randbytes(size)
        path = self.folder / name
        path.write_bytes(data)
        self.offered[name] = data
        self.two.offer(path)

    def gets(self) -> None:
        if "bob" not in self.there:
            return
        for one in self.two.bob.node.files.all():
            if one.state is TransferState.OFFERED and self.rng.random() < 0.7:
                self.two.bob.node.files.get(one.id)

    def cuts(self) -> None:
        host = self.rng.choice(("10.0.0.2", "10.0.0.3"))
        if self.rng.random() < 0.5:
            self.loop.run_once(0.01)
        self.world.internet.cut_all(host)

    def dies_in_the_middle(self) -> None:
        """Let bob's machine vanish once so many bytes have come."""
        if self.there != {"alice", "bob"}:
            return
        self.offers(5 * PIECE_BYTES)
        self.two.until(lambda: self.all_are_offered)
        self.fuse.is_blown = False
        self.fuse.bytes = self.rng.randrange(PIECE_BYTES, 4 * PIECE_BYTES)
        self.two.bob.node.files.get(self.two.theirs().id)
        for _ in range(200):
            settle(self.loop)
            if self.fuse.is_blown or not self.two.worker.waiting:
                break
            self.loop.run_once(0.01)
        self.fuse.bytes = None
        self.there.discard("bob")
        self.two.dies("bob")
        if self.rng.random() < 0.6:
            self.damages()

    def quits(self) -> None:
        name = self.rng.choice(("alice", "bob"))
        if name in self.there:
            self.there.discard(name)
            (self.two.goes if self.rng.random() < 0.5 else self.two.dies)(name)

    def comes(self) -> None:
        for name in {"alice", "bob"} - self.there:
            self.there.add(name)
            self.two.comes(name, keep_free=self.rng.choice((10_000_000, 10_000_000, 2**60)))

    def damages(self) -> None:
        """Damage what is unfinished, as a crash or a user may."""
        if "bob" in self.there or not self.two.inbox.exists():
            return
        for file in self.two.inbox.glob(".*"):
            if not file.is_file() or self.rng.random() < 0.5:
                continue
            size = file.stat().st_size
            if self.rng.random() < 0.3:
                file.unlink()
            elif size:
                with file.open("r+b") as opened:
                    opened.seek(self.rng.randrange(min(size, PIECE_BYTES)))
                    opened.write(b"damaged")

    def changes(self) -> None:
        """Change or delete a file that was offered."""
        name = self.rng.choice(list(self.offered))
        path = self.folder / name
        if self.rng.random() < 0.2:
            path.unlink(missing_ok=True)
        elif self.rng.random() < 0.4 and path.exists():
            path.write_bytes(self.rng.randbytes(path.stat().st_size))
            os.utime(path, ns=(1, self.rng.randrange(10**9)))

    def takes_a_name(self) -> None:
        """Let bob make a file of his own under a name that may come."""
        self.two.inbox.mkdir(parents=True, exist_ok=True)
        path = self.two.inbox / self.rng.choice(list(self.offered))
        if not path.exists():
            path.write_bytes(b"mine")
            self.mine[path] = b"mine"

    def waits(self) -> None:
        advance(self.loop, self.rng.choice((0.1, 2.0, 40.0)))

    def ends(self) -> None:
        """Let both come, with room, and all be received that can be."""
        for name in ("alice", "bob"):
            if name in self.there:
                self.two.goes(name)
            self.two.comes(name)
        self.two.until(lambda: self.all_are_offered)
        for one in self.two.bob.node.files.all():
            if one.state is TransferState.OFFERED:
                with suppress(P2PError):
                    self.two.bob.node.files.get(one.id)
        self.two.until(lambda: all(one.state in OVER for one in self.two.bob.node.files.all()))
        self.two.until(lambda: not self.two.worker.waiting)
        advance(self.loop, 60)

    @property
    def all_are_offered(self) -> bool:
        return len(self.two.bob.node.files.all()) == len(self.offered)

    def check(self) -> None:
        """Raise AssertionError unless what is called done is right, and nothing was harmed."""
        done: dict[str, Path] = {}
        for one in self.two.bob.node.files.all():
            if one.state is TransferState.DONE:
                path = Path(one.path)
                assert path not in done.values(), "two have one name"
                assert path.read_bytes() == self.offered[one.name], f"{one.name} has other bytes"
                done[one.name] = path
            else:
                assert "changed" in one.why, f"{one.name}: {one.why}"
        for path, data in self.mine.items():
            assert path.read_bytes() == data, f"{path.name} was overwritten"
        for one in self.two.alice.node.files.all():
            expected = TransferState.DONE if one.name in done else TransferState.FAILED
            assert one.state is expected, f"{one.name} is {one.state} at alice"
        kept = {path.name for path in (*done.values(), *self.mine)}
        inbox = set(os.listdir(self.two.inbox)) if self.two.inbox.exists() else set()
        assert inbox == kept, "something else is left"

    def close(self) -> None:
        self.two.end()
        self.world.close()
        settle(self.loop)
        self.loop.close()


def run(folder: Path, seed: int, patch: pytest.MonkeyPatch) -> None:
    print("seed", seed)
    with patch.context() as inner:
        _run(Trouble(folder, seed, Fuse(inner)))


def _run(trouble: Trouble) -> None:
    try:
        trouble.run()
    finally:
        trouble.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_files_survive(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cuts, deaths, damage, changes, full disks and taken names, in any order."""
    run(tmp_path, seed, monkeypatch)


def _never_changed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(source.Source, "_check", lambda _: None)


def _trusts_the_disk(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(part.Part, "_is_right", lambda *_: True)


def _overwrites(patch: pytest.MonkeyPatch) -> None:
    def rename_to(self: stored.StoredFile, name: str) -> None:
        os.replace(self._name, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    patch.setattr(stored.StoredFile, "rename_to", rename_to)


@pytest.mark.parametrize("bug", [_never_changed, _trusts_the_disk, _overwrites])
def test_checker_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bug: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """A bug of each kind is found by one of the schedules."""
    bug(monkeypatch)
    for seed in SEEDS:
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            run(folder, seed, monkeypatch)
        except AssertionError as error:
            print(error)
            return
        shutil.rmtree(folder)
    pytest.fail("no schedule has found it")
