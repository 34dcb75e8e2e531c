"""SIGTERM under load: the registry exits with 0 in bounded time, and every answer is complete."""

import select
import selectors
import signal
import ssl
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.crowd import Member
from tests.programs import Raw, Serve, frame, running

CLIENTS = 10
BOUND_S = 3.5 + 2.0
"""What the registry gives to those who do not read, and what a busy machine may need besides."""


class Talker:
    """A connection with as many requests under way as the buffers hold."""

    def __init__(self, raw: Raw, request: bytes) -> None:
        self.raw = raw
        self.heard = bytearray()
        self._requests = request * 100
        self._unsent = b""
        raw.socket.setblocking(False)

    def ask_more(self) -> None:
        """Send more of the requests."""
        self._unsent = self._unsent or self._requests
        try:
            self._unsent = self._unsent[self.raw.socket.send(self._unsent) :]
        except (BlockingIOError, ssl.SSLWantWriteError, ConnectionError):
            return

    def hear_more(self) -> bool:
        """Read what has arrived; return False at the end."""
        try:
            data = self.raw.socket.recv(65536)
        except ssl.SSLWantReadError:
            return True
        except ConnectionResetError:  # the registry closed before it read our requests
            return False
        self.heard += data
        return bool(data)


@pytest.mark.parametrize("stuck", [False, pytest.param(True, marks=pytest.mark.long)])
def test_every_answer_is_complete(tmp_path: Path, stuck: bool) -> None:
    """Searches without a pause and registrations under way are all answered.

    `stuck`: one client has stopped reading and loses what no buffer holds.
    """
    serve = Serve(tmp_path, "--quiet", "--limits", "none")
    with running(serve), ExitStack() as stack:
        secure = [Member(serve, f"m{i}", errand=True) for i in range(CLIENTS)]
        for member in secure:
            stack.callback(member.close)
        talkers = [Talker(raw, frame("SEARCH", '{"username":"x"}')) for raw in secure]
        talkers += [Talker(serve.dial(), frame("SEARCH", "x")) for _ in range(CLIENTS)]
        if stuck:
            _fill(talkers.pop())
        _talk(talkers)
        registering = [serve.dial() for _ in range(CLIENTS)]
        for i, client in enumerate(registering):
            client.say("REG", f"r{i} password")
        _talk(talkers)
        # This answer shows that the registrations have been read, too.
        assert serve.dial().ask("SEARCH", "x") == ("SEARCH_RESP", "NOT_FOUND")
        began = time.monotonic()
        serve.signal(signal.SIGTERM)
        _hear_to_the_end(talkers)
        for client in registering:
            assert client.hear() == ("REG_RESP", "OK")
            assert client.closed_by_remote()
        code, err = serve.end()
        took = time.monotonic() - began
        assert (code, err) == (0, "")
        answers = sum(_count_whole(talker.heard) for talker in talkers)
        print(f"exit 0 after {took:.2f} s; {answers} answers to {len(talkers)} clients, all whole")
        assert took < BOUND_S


def _talk(talkers: list[Talker]) -> None:
    """Send and read until every client has received more."""
    with selectors.DefaultSelector() as selector:
        for talker in talkers:
            selector.register(talker.raw.socket, selectors.EVENT_READ, talker)
            talker.ask_more()
        before = {talker: len(talker.heard) for talker in talkers}
        while any(len(talker.heard) == size for talker, size in before.items()):
            ready = selector.select(20)
            assert ready
            for key, _ in ready:
                assert key.data.hear_more()
                key.data.ask_more()


def _fill(talker: Talker) -> None:
    """Send without reading until the registry stops reading, too."""
    while select.select([], [talker.raw.socket], [], 0.5)[1]:
        talker.ask_more()


def _hear_to_the_end(talkers: list[Talker]) -> None:
    with selectors.DefaultSelector() as selector:
        for talker in talkers:
            selector.register(talker.raw.socket, selectors.EVENT_READ, talker)
        while selector.get_map():
            ready = selector.select(20)
            assert ready, "a connection does not end"
            for key, _ in ready:
                if not key.data.hear_more():
                    selector.unregister(key.fileobj)


def _count_whole(said: bytearray) -> int:
    count = position = 0
    while position < len(said):
        assert len(said) >= position + 25, bytes(said[position:])
        position += 25 + int(said[position : position + 10])
        assert len(said) >= position, "the last answer was cut off"
        count += 1
    return count
