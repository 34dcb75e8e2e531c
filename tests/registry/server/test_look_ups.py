"""Direct answers to searches are those of the connection handler, and so are the refusals."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.callbacks import ignore
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.framing import FrameWriter, pad
from p2pchat.protocol.messages import Presence, SearchResult
from p2pchat.protocol.original import ORIGINAL
from p2pchat.protocol.secure import SECURE
from p2pchat.protocol.states import (
    REGISTRY_DIALOGUE,
    SECURE_REGISTRY_DIALOGUE,
    Dialogue,
    Speaker,
    State,
)
from p2pchat.registry.server.connection_handler import Client
from p2pchat.registry.server.look_ups import LookUps
from p2pchat.registry.service.directory import MemoryDirectory
from p2pchat.registry.service.limits import Limits
from p2pchat.registry.service.presence import OnlineSession, PresenceTable
from p2pchat.registry.service.service import Service
from tests.fakes import FakeClock, InlineWorker, settle, wire

HOST = "10.0.0.1"
NO_ACCOUNTS: Any = None  # no client logs in


class Registry:
    """A registry that knows alice (online), bob (online, no port) and carol (offline)."""

    def __init__(self, limits: Limits, *, short: bool, secure: bool = False) -> None:
        self.loop = Loop(FakeClock(), strict=True)
        self.presence = PresenceTable(150)
        directory = MemoryDirectory()
        for name in ("alice", "bob", "carol"):
            directory.admit(name)
        self.service = Service(NO_ACCOUNTS, directory, self.presence, self.loop.now, limits=limits)
        self.service.counters.counts_answers = True
        self.alice = self.online("alice", 4001)
        self.online("bob", 0)
        self.online("\\u00e9", 4009)  # a name that looks like JSON for another
        self.heard = bytearray()
        ours, theirs = wire(self.loop)
        ours.send_ceiling = limits.send_queue
        self.wire = theirs
        self.closed = False
        theirs.on_data = self.heard.extend
        theirs.on_closed = self._note_closed
        dialogue, dialect = REGISTRY_DIALOGUE, ORIGINAL
        if secure:  # its users are logged in
            dialogue = Dialogue(State.LOGGED_IN, SECURE_REGISTRY_DIALOGUE.turns)
            dialect = SECURE
        link = Link(self.loop, ours, Connection(dialogue, dialect, Speaker.LISTENER))
        Client(
            self.service,
            InlineWorker(self.loop),
            link,
            secure=secure,
            on_login=ignore,
            on_gone=ignore,
            look_ups=LookUps(self.service, secure=secure) if short else None,
        )

    def _note_closed(self, _: object) -> None:
        self.closed = True

    def online(self, name: str, port: int) -> OnlineSession:
        session = OnlineSession(name, HOST, 0, ignore)
        self.presence.arrive(session)
        if port:
            self.presence.announce(session, port)
        return session

    def ask(self, *pieces: bytes) -> bytes:
        """Send pieces of input one by one; return all that was answered."""
        self.heard.clear()
        for piece in pieces:
            self.wire.write(piece)
            settle(self.loop)
        return bytes(self.heard)


def frame(command: str, payload: str) -> bytes:
    return FrameWriter(pad(command)).write(payload.encode())


REQUESTS = [
    *(frame("SEARCH", name) for name in ("alice", "bob", "carol", "nobody", "Ä", "a b", "")),
    frame("PS_PORT", "4000"),
    frame("SEARCH", "alice").replace(b"5         ", b"05        "),
    b"5         SEARCH         \xff\xfe\xfd\xfc\xfb",
]


SECURE_REQUESTS = [
    *(frame("SEARCH", f'{{"username":"{name}"}}') for name in ("alice", "bob", "carol", "Ä", "")),
    frame("SEARCH", '{"username": "alice"}'),
    frame("SEARCH", '{"username":"alice","id":7}'),
    frame("SEARCH", '{"username":"\\u0061lice"}'),
    frame("SEARCH", '{"username":"alice"x'),
    frame("SEARCH", '{"username":"alice}}'),
    frame("SEARCH", '{"username":7}'),
    frame("SEARCH", '{"username":"\\u00e9"}'),
    frame("PS_PORT", '{"port":4000}'),
    frame("SEARCH", '{"username":"alice"}').replace(b"20        ", b"020       "),
]


def pieces_of(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(places) if a < b]


def _requests(requests: list[bytes]) -> st.SearchStrategy[list[bytes]]:
    """Return mostly searches for an online user, so that many are answered directly."""
    return st.lists(st.just(requests[0]), min_size=1, max_size=8) | st.lists(
        st.sampled_from([*requests[:1] * 20, *requests]), min_size=1, max_size=12
    )


@given(
    asked=st.tuples(st.just(False), _requests(REQUESTS))
    | st.tuples(st.just(True), _requests(SECURE_REQUESTS)),
    cuts=st.lists(st.integers(0, 1000), max_size=3),
    burst=st.sampled_from([0, 3, 100]),
)
def test_answers_are_those_of_the_connection_handler(
    asked: tuple[bool, list[bytes]], cuts: list[int], burst: int
) -> None:
    """Any requests, split anywhere, get the same bytes, counters and end under any limit."""
    limits = Limits(requests_per_second=1, request_burst=burst, searches_per_minute=2 * burst)
    found = []
    secure, requests = asked
    for short in (False, True):
        registry = Registry(limits, short=short, secure=secure)
        answers = registry.ask(*pieces_of(b"".join(requests), cuts))
        found.append((answers, dict(registry.service.counters.answers), registry.closed))
        registry.loop.close()
    assert found[0] == found[1]
    assert found[0][0] or found[0][2]


@pytest.mark.parametrize(
    ("secure", "request_"),
    [*((False, request) for request in REQUESTS), *((True, r) for r in SECURE_REQUESTS)],
)
def test_each_request_alone_has_the_answer_of_the_connection_handler(
    secure: bool, request_: bytes
) -> None:
    """A request that is not exactly a search is never taken for one."""
    found = []
    for short in (False, True):
        registry = Registry(Limits(), short=short, secure=secure)
        found.append((registry.ask(request_), registry.closed))
        registry.loop.close()
    assert found[0] == found[1]


@pytest.mark.parametrize("secure", [False, True])
def test_ready_answer_follows_the_user(*, secure: bool) -> None:
    """A user who moves, withdraws, goes offline or returns is answered with the new address."""
    registry = Registry(Limits(), short=True, secure=secure)
    search = (SECURE_REQUESTS if secure else REQUESTS)[0]

    def port() -> int | None:
        """Return the port in the answer; None if alice is offline."""
        payload = registry.ask(search)[25:]
        answer = (SECURE if secure else ORIGINAL).decode((pad("SEARCH_RESP"), payload))
        assert isinstance(answer, SearchResult)
        return answer.port if answer.presence is Presence.ONLINE else None

    assert port() == port() == 4001
    registry.presence.announce(registry.alice, 4002)
    assert port() == 4002
    registry.presence.withdraw(registry.alice)
    assert port() is None
    registry.presence.announce(registry.alice, 4003)
    assert port() == 4003
    registry.presence.leave(registry.alice)
    assert port() is None
    assert registry.presence.ready == ({}, {})
    registry.online("alice", 4004)
    assert port() == 4004
    registry.loop.close()


@pytest.mark.parametrize("count", [1, 16])
@pytest.mark.parametrize("secure", [False, True])
def test_searches_for_online_users_are_answered_directly(
    count: int, monkeypatch: pytest.MonkeyPatch, *, secure: bool
) -> None:
    """Searches for online users are answered directly, one or many at a time."""
    registry = Registry(Limits(), short=True, secure=secure)
    monkeypatch.setattr(Connection, "feed", lambda *_: pytest.fail("a message was decoded"))
    answers = registry.ask((SECURE_REQUESTS if secure else REQUESTS)[0] * count)
    answer = SearchResult(Presence.ONLINE, "10.0.0.1", 4001, in_clear=secure)
    assert answers == (SECURE if secure else ORIGINAL).encode(answer) * count
    registry.loop.close()


@pytest.mark.parametrize("reads", ["at once", "later"])
@pytest.mark.parametrize("short", [False, True], ids=["one by one", "directly"])
def test_answers_larger_than_the_send_queue_arrive(reads: str, *, short: bool) -> None:
    """A client that pipelines searches gets every answer, even if it begins to read later."""
    limits = Limits(requests_per_second=0, searches_per_minute=0)
    registry = Registry(limits, short=short)
    zoe = OnlineSession("zoe", "2001:db8:1111:2222:3333:4444:5555:6666", 0, ignore)
    registry.presence.arrive(zoe)
    registry.presence.announce(zoe, 40001)
    count = 65536 // len(frame("SEARCH", "zoe"))
    if reads == "later":
        registry.wire.pause_reading()
    piece = frame("SEARCH", "zoe") * count
    registry.ask(piece, piece)  # the first one's answers may fill what lies between the two ends
    registry.wire.resume_reading()
    settle(registry.loop)
    answer = frame("SEARCH_RESP", "2001:db8:1111:2222:3333:4444:5555:6666 40001")
    assert len(answer) * count > limits.send_queue
    assert bytes(registry.heard) == answer * count * 2
    assert not registry.closed
    assert registry.service.counters.answers == {("Search", "ONLINE"): 2 * count}
    registry.loop.close()
