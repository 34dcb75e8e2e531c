"""Circuits: two connections with tickets are joined, and pass bytes on as fast as they are read."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from p2pchat.net.loop import Loop
from p2pchat.net.transport import SEND_HIGH_WATER
from p2pchat.protocol.circuit import CIRCUIT, MOST_EARLY, Join, Joined, NoCircuit
from p2pchat.protocol.framing import HEADER_BYTES
from p2pchat.protocol.meeting import TICKET_BYTES, TICKET_LIFETIME
from p2pchat.protocol.messages import Reason
from p2pchat.registry.server.relay import Relay
from p2pchat.registry.service.limits import NO_LIMITS, Limits
from p2pchat.registry.service.meetings import SHORT, UNLIMITED, Meetings, Pair
from tests.fakes import HERE, FakeClock, MemoryTransport, advance, settle, wire

PAIR = Pair("alice", "bob")


class World:
    """A relay, and connections to it."""

    def __init__(self, limits: Limits = NO_LIMITS) -> None:
        self.loop = Loop(FakeClock(), strict=True)
        self.meetings = Meetings(limits)
        self.relay = Relay(self.loop, self.meetings, replace(limits, login_timeout=15.0))
        self.gone = 0

    def end(self) -> "End":
        theirs, ours = wire(self.loop)
        self.relay.take(ours, self._note_gone)
        return End(self, theirs)

    def circuit(self, pair: Pair = PAIR) -> tuple["End", "End"]:
        """Return the two open ends of a circuit."""
        ends = self.end(), self.end()
        for end, ticket in zip(ends, self.meetings.arrange(pair, self.loop.now()), strict=True):
            end.join(ticket)
        for end in ends:
            joined = end.hears_that()
            assert isinstance(joined, Joined)
            assert (joined.host, joined.port) == HERE
            end.joined = joined
        return ends

    def _note_gone(self) -> None:
        self.gone += 1


class End:
    """The other side of a connection to the relay."""

    def __init__(self, world: World, transport: MemoryTransport) -> None:
        self.world = world
        self.transport = transport
        self.heard = bytearray()
        self.closed = False
        self.joined = Joined("10.9.9.9", 1)
        transport.on_data = self.heard.extend
        transport.on_closed = lambda _: setattr(self, "closed", True)

    def join(self, ticket: bytes, more: bytes = b"") -> None:
        self.say(CIRCUIT.encode(Join(ticket)) + more)

    def say(self, data: bytes) -> None:
        self.transport.write(data)
        settle(self.world.loop)

    def hears(self) -> bytes:
        """Return what has arrived since the last time."""
        settle(self.world.loop)
        heard = bytes(self.heard)
        self.heard.clear()
        return heard

    def hears_that(self) -> object:
        """Return the message that has arrived."""
        heard = self.hears()
        return CIRCUIT.decode((heard[10:HEADER_BYTES], heard[HEADER_BYTES:]))


@pytest.fixture
def world() -> Iterator[World]:
    """Yield a relay without limits."""
    world = World()
    yield world
    world.loop.close()


def test_bytes_are_passed_on_in_both_directions(world: World) -> None:
    """Whatever one end sends, the other one hears, in order."""
    alice, bob = world.circuit()
    assert len(world.relay) == 1
    alice.say(b"one ")
    alice.say(bytes(range(256)))
    bob.say(b"two")
    assert bob.hears() == b"one " + bytes(range(256))
    assert alice.hears() == b"two"
    assert world.relay.bytes == 263


def test_bytes_after_the_ticket_are_kept_until_the_other_end_comes(world: World) -> None:
    """An end may send its first bytes with its ticket."""
    alice, bob = world.end(), world.end()
    ours, theirs = world.meetings.arrange(PAIR, world.loop.now())
    alice.join(ours, b"hello")
    alice.say(b" there")
    assert alice.hears() == b""
    bob.join(theirs, b"hi")
    assert alice.hears().endswith(b"hi")
    assert bob.hears().endswith(b"hello there")


def test_too_many_bytes_before_the_other_end_comes(world: World) -> None:
    """They are not kept without a limit."""
    alice = world.end()
    ours, _ = world.meetings.arrange(PAIR, world.loop.now())
    alice.join(ours, bytes(MOST_EARLY))
    assert not alice.closed
    alice.say(b"x")
    settle(world.loop)
    assert alice.closed
    assert world.gone == 1


@pytest.mark.parametrize("speaker", [0, 1])
def test_end_of_one_side_ends_the_other(world: World, speaker: int) -> None:
    """What was sent before the end still arrives."""
    ends = world.circuit()
    one, other = ends[speaker], ends[1 - speaker]
    one.transport.write(b"bye")
    one.transport.close()
    assert other.hears() == b"bye"
    assert other.closed
    assert (len(world.relay), world.gone) == (0, 2)


def test_slow_reader_stops_the_sender_and_nobody_else(world: World) -> None:
    """At most some 100 KiB lie between the two ends; nothing is dropped."""
    alice, bob = world.circuit()
    carol, dave = world.circuit(Pair("carol", "dave"))
    bob.transport.pause_reading()
    piece = bytes(range(256)) * 64
    for _ in range(30):
        alice.say(piece)
    assert not alice.closed
    assert 30 * len(piece) - alice.transport.queued < 5 * SEND_HIGH_WATER
    carol.say(b"hello")
    assert dave.hears() == b"hello"
    bob.transport.resume_reading()
    assert bob.hears() == piece * 30


@pytest.mark.parametrize("ticket", [bytes(TICKET_BYTES), None], ids=["unknown", "used"])
def test_wrong_ticket_is_refused(world: World, ticket: bytes | None) -> None:
    """An end without a valid ticket is told so, and hears nothing of any circuit."""
    if ticket is None:
        ticket, _ = world.meetings.arrange(PAIR, world.loop.now())
        world.end().join(ticket)
    thief = world.end()
    thief.join(ticket)
    assert thief.hears_that() == NoCircuit(Reason.BAD_TICKET)
    assert thief.closed


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n" * 2, b"2         JOIN           {}", b"300       JOIN           "],
)
def test_bytes_that_are_no_ticket_close_the_connection(world: World, data: bytes) -> None:
    """Malformed input ends its own connection, without an answer."""
    end = world.end()
    end.say(data)
    settle(world.loop)
    assert (end.closed, end.hears(), world.gone) == (True, b"", 1)


def test_end_that_waits_in_vain(world: World) -> None:
    """An end is told when the other one does not come; one without a ticket is closed."""
    waiting, silent = world.end(), world.end()
    ours, _ = world.meetings.arrange(PAIR, world.loop.now())
    waiting.join(ours)
    advance(world.loop, 14)
    assert not silent.closed
    advance(world.loop, 2)
    assert silent.closed
    assert not waiting.closed
    advance(world.loop, TICKET_LIFETIME)
    assert waiting.hears_that() == NoCircuit(Reason.SILENT)
    assert waiting.closed


def test_ends_that_wait_are_limited() -> None:
    """Beyond the limit, the end that has waited longest makes room."""
    world = World(replace(NO_LIMITS, waiting_circuits=2))
    ends = [world.end() for _ in range(3)]
    for end in ends:
        end.join(world.meetings.arrange(PAIR, world.loop.now())[0])
    assert ends[0].hears_that() == NoCircuit(Reason.RELAY_FULL)
    assert [end.closed for end in ends] == [True, False, False]
    world.loop.close()


def test_circuits_of_a_pair_and_of_an_account_are_limited() -> None:
    """A pair's oldest circuit makes room; an account gets no more than its own."""
    world = World(replace(NO_LIMITS, circuits_per_pair=1, circuits_per_account=2))
    first, _ = world.circuit()
    second, other = world.circuit()
    settle(world.loop)
    assert (first.closed, second.closed) == (True, False)
    world.circuit(Pair("alice", "carol"))
    ends = world.end(), world.end()
    tickets = world.meetings.arrange(Pair("alice", "dave"), world.loop.now())
    for end, ticket in zip(ends, tickets, strict=True):
        end.join(ticket)
    assert [end.hears_that() for end in ends] == [NoCircuit(Reason.RELAY_FULL)] * 2
    second.say(b"still here")
    assert other.hears() == b"still here"
    world.loop.close()


def test_sender_over_the_rate_rests_and_loses_nothing() -> None:
    """Bytes beyond the caller's rate wait, whichever end sends them."""
    world = World(replace(NO_LIMITS, circuit_bytes_per_second=1000))
    alice, bob = world.circuit()
    bob.say(bytes(4000))
    assert alice.hears() == bytes(4000)
    bob.say(b"a" * 1000)
    bob.say(b"b" * 1000)
    assert alice.hears() == b"a" * 1000
    advance(world.loop, 0.9)
    assert alice.hears() == b""
    advance(world.loop, 0.2)
    assert alice.hears() == b"b" * 1000
    world.loop.close()


def test_circuit_ends_when_the_day_is_used_up() -> None:
    """An open circuit ends."""
    world = World(replace(NO_LIMITS, relay_bytes_per_day=1000))
    alice, bob = world.circuit()
    alice.say(bytes(900))
    assert len(bob.hears()) == 900
    alice.say(bytes(200))
    settle(world.loop)
    assert alice.closed
    assert bob.closed
    world.loop.close()


def test_short_circuit_ends_in_time() -> None:
    """The ends are told that before; the registry passes nothing on for long."""
    world = World()
    world.meetings.relays = False
    alice, bob = world.circuit()
    assert (alice.joined.bytes, alice.joined.seconds) == (64 * 1024, 60)
    assert bob.joined == alice.joined
    alice.say(b"hello")
    assert bob.hears() == b"hello"
    advance(world.loop, 59)
    assert not alice.closed
    advance(world.loop, 2)
    assert (alice.closed, bob.closed) == (True, True)
    world.loop.close()


def test_short_circuit_ends_after_its_bytes() -> None:
    """Those of both ends together."""
    world = World()
    world.meetings.relays = False
    alice, bob = world.circuit()
    alice.say(bytes(40_000))
    assert len(bob.hears()) == 40_000
    bob.say(bytes(25_536))
    assert len(alice.hears()) == 25_536
    bob.say(b"x")
    settle(world.loop)
    assert (alice.closed, bob.closed) == (True, True)
    world.loop.close()


def test_closed_relay_ends_all_circuits(world: World) -> None:
    """A registry that stops keeps no circuit open."""
    ends = world.circuit()
    world.relay.close()
    settle(world.loop)
    assert [end.closed for end in ends] == [True, True]
    assert world.gone == 2


def test_ticket_is_base64_in_json() -> None:
    """As PROTOCOL says of all bytes."""
    payload = json.loads(CIRCUIT.encode(Join(bytes(TICKET_BYTES)))[HEADER_BYTES:])
    assert payload == {"ticket": "AAAAAAAAAAAAAAAAAAAAAA=="}


def test_idle_circuit_makes_room_for_another() -> None:
    """If there are too many, one on which nothing has passed for a minute is closed."""
    world = World(replace(NO_LIMITS, circuits=2))
    idle, _ = world.circuit()
    busy, other = world.circuit(Pair("carol", "dave"))
    now = world.loop.now
    erin = Pair("erin", "bob")
    assert world.meetings.why_not(erin, now()) is Reason.RELAY_FULL
    advance(world.loop, 61)
    busy.say(b"hello")
    assert other.hears() == b"hello"
    assert world.meetings.why_not(erin, now()) is None
    settle(world.loop)
    assert (idle.closed, busy.closed) == (True, False)
    world.loop.close()


def test_bytes_are_counted_for_the_user_who_sends_them() -> None:
    """A callee cannot use up what the caller may send."""
    world = World(replace(NO_LIMITS, relay_bytes_per_day=1000))
    _, mallory = world.circuit(Pair("alice", "mallory"))
    mallory.say(bytes(999))
    mallory.say(bytes(2))
    assert mallory.closed
    now = world.loop.now()
    assert world.meetings.terms(Pair("alice", "bob"), now) is UNLIMITED
    assert world.meetings.terms(Pair("alice", "mallory"), now) is SHORT
    world.loop.close()


def test_circuits_of_a_user_who_is_logged_out_end(world: World) -> None:
    """Whichever end the user is at; others stay."""
    ours = world.circuit(), world.circuit(Pair("carol", "alice"))
    theirs = world.circuit(Pair("carol", "dave"))
    world.relay.end_those_of("alice")
    settle(world.loop)
    assert [end.closed for circuit in ours for end in circuit] == [True] * 4
    assert [end.closed for end in theirs] == [False, False]


def test_joined_names_an_ip_address() -> None:
    """A registry cannot have a client take anything else for its address."""
    with pytest.raises(ValueError, match="evil"):
        Joined("evil", 4000)
