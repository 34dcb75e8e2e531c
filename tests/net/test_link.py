"""Links: messages over a transport, and the reasons for which a link ends."""

from typing import Any

import pytest

from p2pchat.errors import LinkLost, LocalProtocolError, P2PError, RemoteProtocolError, TimedOut
from p2pchat.net.link import RECEIVE_CEILING, Link
from p2pchat.net.loop import Loop
from p2pchat.net.transport import SEND_HIGH_WATER
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.messages import (
    Login,
    LoginResult,
    Logout,
    Message,
    Outcome,
    Presence,
    Search,
    SearchResult,
)
from p2pchat.protocol.original import ORIGINAL
from p2pchat.protocol.states import REGISTRY_DIALOGUE, Speaker
from tests.fakes import MemoryTransport, advance, settle, wire

ANSWER = SearchResult(Presence.ONLINE, "x" * 40, 41000)


class Recorder:
    """Record what a link reports."""

    def __init__(self, link: Link) -> None:
        self.messages: list[Message] = []
        self.closed: list[P2PError | None] = []
        link.on_message = self.messages.append
        link.on_closed = self.closed.append


def registry_end() -> Connection:
    """Return a connection of the registry, at the beginning of its dialogue."""
    return Connection(REGISTRY_DIALOGUE, ORIGINAL, Speaker.LISTENER)


def registry_link(loop: Loop, connection: Connection | None = None) -> tuple[Link, MemoryTransport]:
    """Give the registry's end as a link, the client's as a bare wire."""
    left, right = wire(loop)
    return Link(loop, right, connection or registry_end()), left


def test_messages_travel_both_ways(loop: Loop) -> None:
    """Messages travel in both directions, and closing one end closes the other."""
    left, right = wire(loop)
    client = Link(loop, left, Connection(REGISTRY_DIALOGUE, ORIGINAL, Speaker.DIALLER))
    server = Link(loop, right, Connection(REGISTRY_DIALOGUE, ORIGINAL, Speaker.LISTENER))
    at_client, at_server = Recorder(client), Recorder(server)
    client.send(Login("a", "p"))
    assert not client.may_send(Search)
    settle(loop)
    server.send(LoginResult(Outcome.OK))
    settle(loop)
    assert at_server.messages == [Login("a", "p")]
    assert at_client.messages == [LoginResult(Outcome.OK)]
    assert client.may_send(Logout)
    client.close()
    settle(loop)
    assert at_client.closed == at_server.closed == [None]
    client.send(Search("ignored on a closed link"))


def test_violation_closes_the_link_with_its_reason(loop: Loop) -> None:
    """A violation closes the link with its reason, after earlier messages were delivered."""
    link, stranger = registry_link(loop)
    heard = Recorder(link)
    link.on_message = lambda m: (heard.messages.append(m), link.send(ANSWER))  # type: ignore[assignment]
    stranger.write(ORIGINAL.encode(Search("bob")) + b"x" * 30)
    settle(loop)
    assert heard.messages == [Search("bob")]
    assert isinstance(heard.closed[0], RemoteProtocolError)
    assert "size field" in heard.closed[0].what
    assert not link.open


def test_local_protocol_error_is_raised(loop: Loop) -> None:
    """A message that we must not send raises LocalProtocolError instead of closing the link."""
    link, stranger = registry_link(loop)
    link.on_message = lambda _: link.send(LoginResult(Outcome.OK))
    stranger.write(ORIGINAL.encode(Search("bob")))
    with pytest.raises(LocalProtocolError):
        settle(loop)


def test_deadline_closes_the_link_unless_relaxed(loop: Loop) -> None:
    """A missed deadline closes the link; a relaxed one does not."""
    link, _ = registry_link(loop)
    heard = Recorder(link)
    link.expect(10, "no login came")
    link.relax()
    advance(loop, 20)
    assert link.open
    link.expect(10, "no login came")
    link.expect(5, "no login came soon")
    advance(loop, 5)
    assert isinstance(heard.closed[0], TimedOut)
    assert heard.closed[0].what == "no login came soon"


def test_cut_connection_is_reported_once_as_link_lost(loop: Loop) -> None:
    """A cut connection is reported once, as LinkLost."""
    link, stranger = registry_link(loop)
    heard = Recorder(link)
    stranger.cut()
    settle(loop)
    assert len(heard.closed) == 1
    assert isinstance(heard.closed[0], LinkLost)


def test_messages_out_of_turn_are_held_back_and_then_delivered(loop: Loop) -> None:
    """While a login is checked, pipelined requests stay in the sender's buffers; none is lost."""
    connection = registry_end()
    link, stranger = registry_link(loop, connection)
    heard = Recorder(link)
    stranger.write(ORIGINAL.encode(Login("a", "p")))
    flood = ORIGINAL.encode(Search("b" * 100)) * 500
    written = 0
    for _ in range(12):
        if stranger.queued < 128 * 1024:
            stranger.write(flood)
            written += 500
        settle(loop)
    assert heard.messages == [Login("a", "p")]
    assert connection.frames.waiting <= RECEIVE_CEILING + 2 * len(flood)
    assert stranger.queued

    def answer(message: Message) -> None:
        heard.messages.append(message)
        link.send(ANSWER)

    link.on_message = answer
    stranger.on_data = lambda _: None
    link.send(LoginResult(Outcome.OK))
    settle(loop)
    assert len(heard.messages) == 1 + written


def test_unread_answers_stop_the_reading_of_requests(loop: Loop) -> None:
    """Answers queue up to the high-water mark only, and none is lost."""
    link, stranger = registry_link(loop)
    answered = 0
    most = 0

    def answer(_: Message) -> None:
        nonlocal answered, most
        link.send(ANSWER)
        answered += 1
        most = max(most, link.queued)

    link.on_message = answer
    heard = Recorder.__new__(Recorder)
    heard.closed = []
    link.on_closed = heard.closed.append
    received: list[Any] = []
    stranger.on_data = received.append
    stranger.pause_reading()
    for _ in range(50):
        if stranger.queued < 100_000:
            stranger.write(ORIGINAL.encode(Search("b")) * 2000)
        settle(loop)
    assert most <= SEND_HIGH_WATER + 50 * len(ORIGINAL.encode(ANSWER))
    assert not heard.closed
    before = answered
    stranger.resume_reading()
    settle(loop)
    assert answered > before
    assert b"".join(received) == ORIGINAL.encode(ANSWER) * answered
