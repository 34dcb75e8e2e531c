"""Requests to a registry that answers late, wrongly, or not at all."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from p2pchat.errors import LinkLost, P2PError, TimedOut, Unreachable
from p2pchat.net.loop import Loop
from p2pchat.peer.registry_client.client import ANSWER_TIMEOUT, RegistryClient
from p2pchat.peer.registry_client.dialer import RegistryDialer
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.address import Address
from p2pchat.protocol.messages import (
    Login,
    LoginResult,
    Message,
    Outcome,
    Presence,
    Search,
    SearchResult,
)
from p2pchat.protocol.original import ORIGINAL
from tests.fakes import MemoryInternet, MemoryTransport, advance, settle

HERE = Address("10.0.0.1", 1235)
OFFLINE = SearchResult(Presence.OFFLINE)


class Scripted:
    """A client, and the raw connection of a scripted registry."""

    def __init__(self, loop: Loop, profile: Profile) -> None:
        self.loop = loop
        self.heard = b""
        self.answers: list[Message] = []
        self.errors: list[P2PError] = []
        self.lost: list[P2PError] = []
        internet = MemoryInternet(loop)
        opened: list[MemoryTransport] = []
        internet.machine("10.0.0.1").listen(HERE, opened.append)
        self.client = RegistryClient(loop, dialer(loop, internet, profile))
        self.client.on_lost = self.lost.append
        self.client.connect(lambda _: None, self.errors.append)
        settle(loop)
        self.wire = opened[0]
        self.wire.on_data = self._on_data

    def ask(self, request: Message) -> None:
        self.client.ask(request, self.answers.append, self.errors.append)
        settle(self.loop)

    def answer(self, *messages: Message) -> None:
        self.wire.write(b"".join(map(ORIGINAL.encode, messages)))
        settle(self.loop)

    def _on_data(self, data: bytes) -> None:
        self.heard += data


def dialer(loop: Loop, internet: MemoryInternet, profile: Profile) -> RegistryDialer:
    return RegistryDialer(
        loop, internet.machine("10.0.0.2"), RegistryUrl(HERE.host), profile, lambda _: None
    )


@pytest.fixture
def profile(tmp_path: Path) -> Iterator[Profile]:
    """Yield an empty profile."""
    with closing(Profile(tmp_path / "p.sqlite3")) as profile:
        yield profile


@pytest.fixture
def registry(loop: Loop, profile: Profile) -> Scripted:
    """Return a connected client."""
    return Scripted(loop, profile)


def test_requests_are_sent_one_at_a_time(registry: Scripted) -> None:
    """A request waits for the previous answer, since the original registry answers one
    at a time.
    """
    registry.ask(Search("bob"))
    registry.ask(Search("carol"))
    assert registry.heard == ORIGINAL.encode(Search("bob"))
    registry.answer(OFFLINE)
    assert registry.heard == ORIGINAL.encode(Search("bob")) + ORIGINAL.encode(Search("carol"))
    registry.answer(SearchResult(Presence.NOT_FOUND))
    assert registry.answers == [OFFLINE, SearchResult(Presence.NOT_FOUND)]


def test_request_made_in_an_answer_is_sent_once(registry: Scripted) -> None:
    """A callback may send another request, which is sent once."""
    again = partial(
        registry.client.ask, Search("b"), registry.answers.append, registry.errors.append
    )
    registry.client.ask(Search("a"), lambda _: again(), registry.errors.append)
    settle(registry.loop)
    registry.answer(OFFLINE)
    registry.answer(OFFLINE)
    assert registry.heard == ORIGINAL.encode(Search("a")) + ORIGINAL.encode(Search("b"))
    assert registry.answers == [OFFLINE]


def test_missing_answer_times_out(registry: Scripted) -> None:
    """Every open request fails at the deadline, then the loss is reported."""
    registry.ask(Search("bob"))
    registry.ask(Search("carol"))
    advance(registry.loop, ANSWER_TIMEOUT + 1)
    assert [type(e) for e in registry.errors] == [TimedOut, TimedOut]
    assert [type(e) for e in registry.lost] == [TimedOut]
    assert str(HERE) in registry.lost[0].what


def test_closed_connection_is_reported_as_lost(registry: Scripted) -> None:
    """Open and later requests fail with LinkLost if the registry closes the connection."""
    registry.ask(Search("bob"))
    registry.wire.close()
    settle(registry.loop)
    assert [type(e) for e in registry.errors] == [LinkLost]
    assert "hung up" in registry.lost[0].what
    registry.ask(Search("carol"))
    assert len(registry.errors) == 2


@pytest.mark.parametrize(
    "answer", [LoginResult(Outcome.OK), Search("x"), SearchResult(Presence.ONLINE, "h", 1)]
)
def test_registry_that_breaks_the_protocol_is_disconnected(
    registry: Scripted, answer: Message
) -> None:
    """An unexpected answer closes the connection with an error."""
    if isinstance(answer, SearchResult):
        registry.ask(Login("a", "p"))
    else:
        registry.ask(Search("bob"))
    registry.answer(answer)
    assert isinstance(registry.lost[0], Unreachable)
    assert "does not speak our protocol" in registry.lost[0].what
    assert registry.answers == []


def test_unreachable_registry_is_named(loop: Loop, profile: Profile) -> None:
    """The error names the address and suggests what to do."""
    errors: list[P2PError] = []
    client = RegistryClient(loop, dialer(loop, MemoryInternet(loop), profile))
    client.connect(lambda _: None, errors.append)
    settle(loop)
    assert isinstance(errors[0], Unreachable)
    assert errors[0].what == f"cannot reach the registry at {HERE}: connection refused"
    assert "p2p serve" in errors[0].advice


def test_closing_sends_logout(registry: Scripted) -> None:
    """close() sends LOGOUT, and later requests fail."""
    registry.client.close()
    settle(registry.loop)
    assert registry.heard == b"0         LOGOUT         "
    assert registry.lost == []
    registry.ask(Search("bob"))
    assert [type(e) for e in registry.errors] == [LinkLost]


def test_closing_during_a_login_sends_no_logout(registry: Scripted) -> None:
    """close() during a login sends no LOGOUT, which would be out of turn."""
    registry.ask(Login("a", "p"))
    registry.client.close()
    settle(registry.loop)
    assert b"LOGOUT" not in registry.heard
    assert [type(e) for e in registry.errors] == [LinkLost]
    assert registry.lost == []
