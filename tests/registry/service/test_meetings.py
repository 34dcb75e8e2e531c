"""Tickets for circuits: each is for one end, once and soon; bytes are the caller's."""

from dataclasses import replace

import pytest

from p2pchat.protocol.meeting import TICKET_BYTES, TICKET_LIFETIME
from p2pchat.protocol.messages import Reason
from p2pchat.registry.service.limits import NO_LIMITS
from p2pchat.registry.service.meetings import SHORT, UNLIMITED, Meetings, Pair, Seat

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
        pair = Pair(caller, "bob")
        assert meetings.why_not(pair, 0) is None
        assert meetings.note_open(pair, 0) is UNLIMITED
    assert meetings.why_not(Pair("dave", "bob"), 0) is Reason.RELAY_FULL
    meetings.note_closed("carol")
    assert meetings.why_not(Pair("dave", "bob"), 0) is None
    assert meetings.why_not(PAIR, 0) is Reason.RELAY_FULL
    meetings.note_closed("alice")
    assert meetings.why_not(PAIR, 0) is None


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
    assert meetings.terms(PAIR, 200) is SHORT
    assert meetings.terms(Pair("carol", "alice"), 200) is SHORT
    assert meetings.terms(Pair("carol", "bob"), 200) is UNLIMITED
    assert meetings.count_bytes("alice", 50, 300, is_short=True) == 0
    assert meetings.terms(PAIR, 90_000) is UNLIMITED


def test_bytes_of_all_are_limited() -> None:
    """Whoever sends when too many have come must rest until they are owed no longer."""
    meetings = Meetings(replace(NO_LIMITS, relay_bytes_per_second=1000))
    assert meetings.count_bytes("alice", 250, 0) == 0  # a quarter of a second at once
    assert meetings.count_bytes("carol", 500, 0) == 0.5
    assert meetings.count_bytes("alice", 500, 0) == 1.0
    assert meetings.count_bytes("alice", 1, 2) == 0


@pytest.mark.parametrize("relays", [True, False])
def test_short_circuits_do_not_replace_long_ones(relays: bool) -> None:
    """A pair gets two at once, then one every half minute; others are not affected."""
    meetings = Meetings(replace(NO_LIMITS, relay_bytes_per_day=1))
    meetings.relays = relays
    meetings.count_bytes("alice", 100_000, 0)
    for _ in range(2):
        assert meetings.why_not(PAIR, 0) is None
        assert meetings.note_open(PAIR, 0) is SHORT
    why = Reason.RELAY_FULL if relays else Reason.RELAY_OFF
    assert meetings.why_not(PAIR, 0) is why
    assert meetings.why_not(Pair("alice", "carol"), 0) is None
    assert meetings.why_not(Pair("bob", "alice"), 0) is why
    assert meetings.why_not(PAIR, 29) is why
    assert meetings.why_not(PAIR, 30) is None


def test_account_with_many_short_circuits() -> None:
    """They are few in an hour, with whomever they are."""
    meetings = Meetings(NO_LIMITS)
    meetings.relays = False
    opened = 0
    while meetings.why_not(pair := Pair("alice", f"user{opened}"), 0) is None:
        meetings.note_open(pair, 0)
        opened += 1
    assert opened == 60
    assert meetings.why_not(Pair("bob", "user0"), 0) is None
