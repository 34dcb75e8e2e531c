"""A file goes from one disk to another, piece by piece; whatever breaks, it goes on from there."""

import os
import random
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from p2pchat.callbacks import ignore
from p2pchat.errors import LinkLost, P2PError, RemoteProtocolError, TimedOut
from p2pchat.net.bulk import BulkConnection, Detached
from p2pchat.net.tls.peer_tls import PeerEngine, peer_context
from p2pchat.peer.files.data_stream import (
    Outgoing,
    Received,
    Receiver,
    confirm,
    empty_root,
    send_file,
)
from p2pchat.peer.files.part import Part, WrongSum, delete_part
from p2pchat.peer.files.source import FileChanged, Source, scan
from p2pchat.protocol.files.frames import FRAME_BYTES, Kind, frame, piece_header, start_from
from p2pchat.protocol.files.pieces import PIECE_BYTES

CONTEXTS = [peer_context(Ed25519PrivateKey.generate()) for _ in range(2)]
UID = "u1"


def connected(patience: float = 20.0) -> tuple[BulkConnection, BulkConnection]:
    """Return both ends of a connection with TLS."""
    engines = [PeerEngine(CONTEXTS[n], dialling=n == 0) for n in (0, 1)]
    done = [False, False]
    while not all(done):
        for n, engine in enumerate(engines):
            done[n] = engine.handshake()
            engines[1 - n].take(engine.give())
    socks = socket.socketpair()
    left, right = (
        BulkConnection(Detached(sock, (engine,), "them"), patience)
        for sock, engine in zip(socks, engines, strict=True)
    )
    return left, right


class Both:
    """A sender and a receiver, each on a thread."""

    def __init__(self, folder: Path, data: bytes) -> None:
        self.folder = folder / "there"
        self.folder.mkdir()
        self.path = folder / "source"
        self.path.write_bytes(data)
        self.size = len(data)
        self.files = scan(self.path).files
        self.outcomes: dict[str, Any] = {}

    def move(
        self,
        *,
        ends: tuple[BulkConnection, BulkConnection] | None = None,
        on_piece: Callable[[int, BulkConnection], None] = ignore,
    ) -> None:
        """Move what is missing; the outcome of each end is a path, a root or an error."""
        sending, receiving = ends or connected()

        def sender() -> object:
            with closing(Source(self.path, self.files)) as source:
                return send_file(sending, Outgoing(source, [], ignore), received)

        def receiver() -> object:
            def progress(pieces: int) -> None:
                if pieces > received.pieces:
                    on_piece(pieces, receiving)

            receiver = Receiver(lambda _: part, keep_free=0, progress=progress)
            with closing(Part(self.folder, "file", UID, self.size)) as part:
                path, root = receiver.receive(receiving)
            confirm(receiving, root)
            return path

        with closing(Part(self.folder, "file", UID, self.size)) as part:
            received = Received(part.pieces, part.root())  # what the receiver says it has
        threads = [
            threading.Thread(target=self._run, args=("sender", sender, sending), daemon=True),
            threading.Thread(target=self._run, args=("receiver", receiver, receiving), daemon=True),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()

    def _run(self, name: str, call: Callable[[], object], end: BulkConnection) -> None:
        try:
            self.outcomes[name] = call()
        except P2PError as error:
            self.outcomes[name] = error
            end.stop()
        finally:
            end.close()


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES, PIECE_BYTES, 3 * PIECE_BYTES + 70_000])
def test_file_is_there_when_both_say_so(tmp_path: Path, size: int) -> None:
    """Its bytes, under its name; the root is the same at both ends."""
    data = random.Random(size).randbytes(size)
    both = Both(tmp_path, data)
    both.move()
    assert both.outcomes["receiver"] == both.folder / "file"
    assert isinstance(both.outcomes["sender"], bytes)
    assert (both.folder / "file").read_bytes() == data
    delete_part(both.folder, "file", UID)
    assert os.listdir(both.folder) == ["file"]


@pytest.mark.parametrize("seed", range(6))
def test_cut_connections(tmp_path: Path, seed: int) -> None:
    """Each new one goes on after the last whole piece."""
    rng = random.Random(seed)
    data = rng.randbytes(8 * PIECE_BYTES + rng.randrange(PIECE_BYTES))
    both = Both(tmp_path, data)
    seen: list[int] = []

    def cut(pieces: int, end: BulkConnection) -> None:
        seen.append(pieces)
        if rng.random() < 0.3:
            end.stop()

    for _ in range(30):
        both.move(on_piece=cut)
        if both.outcomes["receiver"] == both.folder / "file":
            break
    assert (both.folder / "file").read_bytes() == data
    assert seen == sorted(set(seen)), "a piece came twice"


def test_file_that_changes_while_it_is_sent(tmp_path: Path) -> None:
    """The sender says so, and the receiver gets no name for it."""
    data = bytes(4 * PIECE_BYTES)
    both = Both(tmp_path, data)

    def change(pieces: int, _: BulkConnection) -> None:
        if pieces == 1:
            with both.path.open("r+b") as file:
                file.write(b"something else")
            os.utime(both.path, ns=(1, 1))

    both.move(on_piece=change)
    assert isinstance(both.outcomes["sender"], FileChanged)
    assert isinstance(both.outcomes["receiver"], P2PError)
    assert not (both.folder / "file").exists()


def test_file_that_becomes_shorter(tmp_path: Path) -> None:
    """The same."""
    both = Both(tmp_path, bytes(6 * PIECE_BYTES))
    both.move(on_piece=lambda pieces, _: os.truncate(both.path, 10) if pieces == 1 else None)
    assert isinstance(both.outcomes["sender"], FileChanged)
    assert not (both.folder / "file").exists()


def test_what_is_no_file(tmp_path: Path) -> None:
    """It is not waited for, and not given."""
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "nothing"):
        with pytest.raises(P2PError):
            scan(tmp_path / name)


def test_file_that_is_another_one_now(tmp_path: Path) -> None:
    """It was offered with a stamp; a pipe in its place is not waited for."""
    path = tmp_path / "a"
    path.write_bytes(b"one")
    files = scan(path).files
    buffer = memoryview(bytearray(3))
    path.write_bytes(b"another")
    with closing(Source(path, files)) as source, pytest.raises(FileChanged, match="since it was"):
        source.read(buffer, 0)
    path.unlink()
    with closing(Source(path, files)) as source, pytest.raises(FileChanged, match="cannot be read"):
        source.read(buffer, 0)
    os.mkfifo(path)
    with closing(Source(path, files)) as source, pytest.raises(FileChanged, match="since it was"):
        source.read(buffer, 0)


class Hostile:
    """A receiver that waits for what a hostile sender sends."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.sending, receiving = connected()
        self.sending.send(start_from(0, 0))
        self.part = Part(folder, "file", UID, size)
        self.outcome: P2PError | None = None

        def run() -> None:
            receiver = Receiver(lambda _: self.part, keep_free=0, progress=ignore)
            try:
                receiver.receive(receiving)
            except P2PError as error:
                self.outcome = error
            receiving.stop()
            receiving.close()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def end(self) -> P2PError | None:
        self.sending.stop()
        self._thread.join(30)
        self.sending.close()
        self.part.close()
        return self.outcome


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    return Hostile(tmp_path, 100)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ([start_from(0, 0)], RemoteProtocolError),
        ([frame(Kind.FILE_LIST, b"x")], RemoteProtocolError),
        ([frame(Kind.FILE_WAIT, b"")], RemoteProtocolError),
        ([piece_header(101), b"x" * 101], RemoteProtocolError),
        ([piece_header(100), b"x" * 100, frame(Kind.PIECE_SUM, bytes(32))], WrongSum),
        ([frame(Kind.PIECE_SUM, bytes(32))], WrongSum),
        ([frame(Kind.FILE_END, bytes(32))], WrongSum),
        ([frame(Kind.FILE_DONE, bytes(32))], RemoteProtocolError),
        ([frame(Kind.PIECE_SUM, b"short")], RemoteProtocolError),
        ([piece_header(FRAME_BYTES + 1)], RemoteProtocolError),
        ([b"GET / HTTP/1.1\r\n\r\n       "], RemoteProtocolError),
        ([], LinkLost),
    ],
    ids=[
        "begins twice",
        "list of a file",
        "waits",
        "more",
        "damaged",
        "no bytes",
        "early end",
        "receiver's word",
        "short",
        "long",
        "HTTP",
        "cut",
    ],
)
def test_hostile_sender(hostile: Hostile, said: list[bytes], kind: type[P2PError]) -> None:
    """Nothing gets a name; the part is there for an honest one."""
    for part in said:
        hostile.sending.send(part)
    assert isinstance(hostile.end(), kind)
    assert not (hostile.folder / "file").exists()


def test_receiver_that_calls_it_done_too_early(tmp_path: Path) -> None:
    """Or calls another file done."""
    path = tmp_path / "a"
    path.write_bytes(bytes(2 * PIECE_BYTES))
    for said in (frame(Kind.FILE_DONE, bytes(32)), frame(Kind.FILE_GOT, b"short")):
        sending, receiving = connected()
        receiving.send(said)
        drained = threading.Thread(target=_drain, args=(receiving,), daemon=True)
        drained.start()
        with (
            closing(Source(path, scan(path).files)) as source,
            pytest.raises(RemoteProtocolError),
        ):
            send_file(sending, Outgoing(source, [], ignore), Received(0, empty_root(source.size)))
        sending.stop()
        drained.join(30)
        sending.close()
        receiving.close()


def _drain(end: BulkConnection) -> None:
    try:
        while end.receive():
            pass
    except P2PError:
        return


def test_receiver_that_is_silent(tmp_path: Path) -> None:
    """Costs a thread no more than its patience."""
    path = tmp_path / "a"
    path.write_bytes(bytes(20 * PIECE_BYTES))
    sending, receiving = connected(patience=0.05)
    with closing(Source(path, scan(path).files)) as source, pytest.raises(TimedOut):
        send_file(sending, Outgoing(source, [], ignore), Received(0, empty_root(source.size)))
    sending.stop()
    sending.close()
    receiving.close()
