"""A client that never reads costs bounded memory, and then its own connection."""

import os
import socket
from contextlib import ExitStack
from pathlib import Path

from tests.faults.crowd import CHEAP, Member, resident_kib
from tests.programs import Serve, running

MANY = 30_000
SEND_QUEUE = 96 * 1024


def test_watcher_that_never_reads_is_disconnected(tmp_path: Path) -> None:
    """Presence updates are sent unasked, so they cannot wait for the client; others are served."""
    serve = Serve(tmp_path, *CHEAP, "--limit", f"send-queue={SEND_QUEUE}")
    with running(serve), ExitStack() as stack:
        moving = Member(serve, "bob", port=30_000)
        watcher = Member(serve, "alice", errand=True)
        other = Member(serve, "carol", errand=True)
        for client in (moving, watcher, other):
            stack.callback(client.close)
            client.tell("WATCH", usernames=["bob"] if client is watcher else [])
        watcher.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        memory, descriptors = resident_kib(serve), _descriptors(serve)
        told = 0
        while _descriptors(serve) == descriptors:
            assert told < MANY, "the link of who never reads is still open"
            # One at a time, since the changes of one turn are one update.
            assert moving.tell("PS_PORT", port=30_000 + told)[1] == {"outcome": "OK"}
            told += 1
        grown = resident_kib(serve) - memory
        assert other.finds("bob") == "ONLINE"
        print(f"closed after {told} pieces of news that nobody read, {grown} KiB more")
        assert grown < 2048
        while watcher.socket.recv(65536):  # what was in the system's buffers, then the end
            pass


def _descriptors(serve: Serve) -> int:
    return len(os.listdir(f"/proc/{serve.process.pid}/fd"))
