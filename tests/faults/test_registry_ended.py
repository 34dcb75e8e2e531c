"""SIGTERM under load: the registry exits 0 in bounded time; whatever it began to say is whole."""

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
    """A connection on which as many requests are under way as the wires take."""

    def __init__(self, raw: Raw, request: bytes) -> None:
        self.raw = raw
        self.heard = bytearray()
        self._requests = request * 100
        self._unsent = b""
        raw.socket.setblocking(False)

    def ask_more(self) -> None:
        """Send on, never less than whole requests in the long run."""
        self._unsent = self._unsent or self._requests
        try:
            self._unsent = self._unsent[self.raw.socket.send(self._unsent) :]
        except (BlockingIOError, ssl.SSLWantWriteError, ConnectionError):
            return

    def hear_more(self) -> bool:
        """Read what has come; False at the end."""
        try:
            data = self.raw.socket.recv(65536)
        except ssl.SSLWantReadError:
            return True
        except ConnectionResetError:  # the registry closed over requests of ours
            return False
        self.heard += data
        return bool(data)


@pytest.mark.parametrize("stuck", [False, pytest.param(True, marks=pytest.mark.long)])
def test_every_answer_is_whole(tmp_path: Path, stuck: bool) -> None:
    """Searches without a pause, and registrations under way, each of which is answered.

    `stuck`: one of those who ask has long stopped reading, and loses what no buffer holds.
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
        # Who came after them has an answer: the registrations have been read, too.
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
    """Ask and hear, until all have heard something more."""
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
    """Ask and do not read, until the registry does not read either."""
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
