"""Measure how fast a file goes from one process to another, verified, on loopback.

    python -m tests.bench.files [--total 1000000000] [--small 10000]

Beside it, in the same run: the same bytes through a plain socket, with SHA-256 at both ends, which
is the least that any tool with verification needs. Then a folder of many files of 1 KiB. The files
are in shared memory, so that no disk is measured; memory is what the move needs after the
handshake. `file_programs` measures whole programs.
"""

import argparse
import hashlib
import multiprocessing
import os
import resource
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from p2pchat.callbacks import ignore
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
from p2pchat.peer.files.part import Part
from p2pchat.peer.files.source import Source, list_of, scan
from p2pchat.protocol.files.listing import digest_of, read_list
from p2pchat.protocol.files.offers import Offer
from tests.bench.at_registry import head, row

_BLOCK = 1024 * 1024
_CHUNK = 64 * 1024


def main() -> None:
    """Run both, and print what each end needs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--total", type=int, default=1_000_000_000)
    parser.add_argument("--small", type=int, default=10_000)
    arguments = parser.parse_args()
    total = arguments.total
    print(f"load {os.getloadavg()[0]:.1f}")
    head("what", "MB/s", "sender: CPU s/GB, KiB more", "receiver")
    shared_memory = Path("/dev/shm")  # noqa: S108  # no disk is to be measured
    with tempfile.TemporaryDirectory(
        dir=shared_memory if shared_memory.is_dir() else None
    ) as folder:
        path = Path(folder) / "source"
        block = os.urandom(_BLOCK)
        with path.open("wb") as file:
            for _ in range(total // _BLOCK):
                file.write(block)
        for name, sender, receiver in (
            ("plain socket, SHA-256", _plain_sender, _plain_receiver),
            ("p2pchat", _sender, _receiver),
        ):
            _measure(name, path, sender, receiver)
            (path.parent / "received").unlink()  # so that the next one is given the same memory
        path.unlink()
        _measure_small_files(Path(folder) / "many", arguments.small)


def _measure_small_files(folder: Path, count: int) -> None:
    """Measure a folder of files of 1 KiB."""
    folder.mkdir()
    for n in range(count):
        (folder / f"{n:06}.txt").write_bytes(os.urandom(1024))
    found = scan(folder)
    listing = list_of(found.files)
    left, right = socket.socketpair()
    fork = multiprocessing.get_context("fork")
    process = fork.Process(target=_receive_folder, args=(right, folder, listing))
    began = time.perf_counter()
    process.start()
    connection = _secured(left, dialling=True)
    with closing(Source(folder, found.files)) as source:
        outgoing = Outgoing(source, [], ignore, listing)
        send_file(connection, outgoing, Received(0, empty_root(source.size)))
    took = time.perf_counter() - began
    connection.close()
    process.join()
    print(f"{count} files of 1 KiB: {count / took:.0f} files/s")


def _receive_folder(sock: socket.socket, folder: Path, listing: bytes) -> None:
    connection = _secured(sock, dialling=False)
    count = listing.count(b"\n")
    offer = Offer("received", count * 1024, count, folder=True, listing=digest_of(listing))

    def open_part(data: bytes) -> Part:
        return Part(folder.parent, "received", "u1", offer.size, files=read_list(data, offer))

    confirm(connection, Receiver(open_part, keep_free=0, progress=ignore).receive(connection)[1])


def _measure(
    name: str, path: Path, sender: Callable[..., None], receiver: Callable[..., None]
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    pipe, other = multiprocessing.Pipe()
    fork = multiprocessing.get_context("fork")
    process = fork.Process(target=_in_process, args=(receiver, listener, path, other))
    process.start()
    sock = socket.create_connection(listener.getsockname())
    began = time.perf_counter()
    cpu, _ = _usage()
    sender(sock, path)
    took = time.perf_counter() - began
    cpu_now, memory_now = _usage()
    receiver_cpu, receiver_memory = pipe.recv()
    process.join()
    listener.close()
    size = path.stat().st_size / 1e9
    row(
        name,
        f"{size * 1e3 / took:.0f}",
        f"{(cpu_now - cpu) / size:.2f}, {memory_now}",
        f"{receiver_cpu / size:.2f}, {receiver_memory}",
    )


def _in_process(
    receiver: Callable[..., None], listener: socket.socket, path: Path, pipe: Connection
) -> None:
    sock, _ = listener.accept()
    cpu, _ = _usage()
    receiver(sock, path)
    cpu_now, memory_now = _usage()
    pipe.send((cpu_now - cpu, memory_now))


_before = 0  # KiB of memory before the bytes move


def _usage() -> tuple[float, int]:
    """Return CPU seconds, and the most KiB of memory beyond what was needed before the move."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime, max(0, used.ru_maxrss - _before)


def _begin() -> None:
    """Note that the bytes begin to move."""
    global _before  # noqa: PLW0603  # one for each process
    _before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _secured(sock: socket.socket, *, dialling: bool) -> BulkConnection:
    engine: Any = PeerEngine(peer_context(Ed25519PrivateKey.generate()), dialling=dialling)
    while True:
        is_done = engine.handshake()
        sock.sendall(engine.give())
        if is_done:
            return BulkConnection(Detached(sock, (engine,), "them"), 60)
        engine.take(sock.recv(_CHUNK))


def _sender(sock: socket.socket, path: Path) -> None:
    connection = _secured(sock, dialling=True)
    _begin()
    with closing(Source(path, scan(path).files)) as source:
        send_file(connection, Outgoing(source, [], ignore), Received(0, empty_root(source.size)))
    connection.close()


def _receiver(sock: socket.socket, path: Path) -> None:
    connection = _secured(sock, dialling=False)
    _begin()
    with closing(Part(path.parent, "received", "u1", path.stat().st_size)) as part:
        _, root = Receiver(lambda _: part, keep_free=0, progress=ignore).receive(connection)
    confirm(connection, root)


def _plain_sender(sock: socket.socket, path: Path) -> None:
    _begin()
    total, buffer = hashlib.sha256(), memoryview(bytearray(_CHUNK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            total.update(buffer[:count])
            sock.sendall(buffer[:count])
    sock.shutdown(socket.SHUT_WR)
    assert sock.recv(32) == total.digest()
    sock.close()


def _plain_receiver(sock: socket.socket, path: Path) -> None:
    _begin()
    total, buffer = hashlib.sha256(), memoryview(bytearray(_CHUNK))
    with (path.parent / "received").open("wb", buffering=0) as file:
        while count := sock.recv_into(buffer):
            total.update(buffer[:count])
            file.write(buffer[:count])
    sock.sendall(total.digest())
    sock.close()


if __name__ == "__main__":
    main()
