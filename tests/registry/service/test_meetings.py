"""Tickets for circuits: each is for one end, once and soon; bytes are the caller's."""

from dataclasses import replace

from p2pchat.protocol.meeting import TICKET_BYTES, TICKET_LIFETIME
from p2pchat.protocol.messages import Reason
from p2pchat.registry.service.limits import NO_LIMITS
from p2pchat.registry.service.meetings import Meetings, Pair, Seat

PAIR = Pair("alice", "bob")


def test_each_ticket_is_for_one_end_and_valid_once() -> None:
    """The two tickets lead to the two seats of one circuit, and then to none."""
    meetings = Meetings(NO_LIMITS)
    ours, theirs = meetings.arrange(PAIR, 0)
    assert len(ours) == len(theirs) == TICKET_BYTES
    assert ours != theirs
    caller, callee = meetings.redeem(ours, 1), meetings.redeem(theirs, 1)
    assert caller == Seat(1, PAIR, is_caller=True)
    assert callee == Seat(1, PAIR, is_caller=False)
    assert meetings.redeem(ours, 1) is None
    assert meetings.redeem(bytes(TICKET_BYTES), 1) is None


def test_ticket_expires() -> None:
    """A ticket is valid for its lifetime only."""
    meetings = Meetings(NO_LIMITS)
    ours, theirs = meetings.arrange(PAIR, 100)
    assert meetings.redeem(ours, 100 + TICKET_LIFETIME - 0.1) is not None
    assert meetings.redeem(theirs, 100 + TICKET_LIFETIME) is None


def test_memory_is_bounded() -> None:
    """Of very many unused tickets, the oldest are dropped first."""
    meetings = Meetings(NO_LIMITS)
    first, _ = meetings.arrange(PAIR, 0)
    for _ in range(10_000):
        last, _ = meetings.arrange(PAIR, 0)
    assert meetings.redeem(first, 0) is None
    assert meetings.redeem(last, 0) is not None


def test_circuits_are_limited_in_all_and_for_each_caller() -> None:
    """The limits are those of the caller; closed circuits make room again."""
    meetings = Meetings(replace(NO_LIMITS, circuits=3, circuits_per_account=2))
    for caller in ("alice", "alice", "carol"):
        assert meetings.why_not(caller, 0) is None
        meetings.note_open(caller)
    assert meetings.why_not("dave", 0) is Reason.RELAY_FULL
    meetings.note_closed("carol")
    assert meetings.why_not("dave", 0) is None
    assert meetings.why_not("alice", 0) is Reason.RELAY_FULL
    meetings.note_closed("alice")
    assert meetings.why_not("alice", 0) is None


def test_requests_are_limited_for_each_caller() -> None:
    """A caller who asks too often must wait; others need not."""
    meetings = Meetings(replace(NO_LIMITS, meets_per_minute=2))
    assert [meetings.wait("alice", 0) for _ in range(3)] == [0, 0, 30]
    assert meetings.wait("carol", 0) == 0


def test_bytes_of_a_caller_are_limited_in_a_second_and_in_a_day() -> None:
    """Beyond the rate the sender must rest; beyond the day's bytes there is no circuit."""
    meetings = Meetings(replace(NO_LIMITS, circuit_bytes_per_second=100, relay_bytes_per_day=1000))
    assert meetings.count_bytes("alice", 400, 0) == 0  # a burst of four seconds
    assert meetings.count_bytes("alice", 50, 0) == 0.5
    assert meetings.count_bytes("carol", 50, 0) == 0
    assert meetings.count_bytes("alice", 500, 100) == 1.0
    assert meetings.count_bytes("alice", 500, 200) is None
    assert meetings.count_bytes("alice", 52, 200) == 0
    assert meetings.why_not("alice", 200) is Reason.RELAY_FULL
    assert meetings.why_not("alice", 20_000) is None


def test_registry_without_circuits() -> None:
    """A registry that passes nothing on says so to each caller."""
    meetings = Meetings(NO_LIMITS)
    meetings.is_off = True
    assert meetings.why_not("alice", 0) is Reason.RELAY_OFF
