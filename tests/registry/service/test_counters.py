"""Counters of answers for a dashboard."""

from p2pchat.protocol.messages import (
    LoginResult,
    Outcome,
    Presence,
    Reason,
    RegisterResult,
    SearchResult,
    SlowDown,
    WatchResult,
)
from p2pchat.registry.service.counters import Counters


def test_answers_are_counted_by_outcome_and_reason() -> None:
    """Answers are counted by kind and outcome or reason, without usernames."""
    counters = Counters()
    for answer in (
        RegisterResult(Outcome.OK),
        LoginResult(Outcome.FAIL, Reason.WRONG_PASSWORD),
        LoginResult(Outcome.FAIL, Reason.WRONG_PASSWORD),
        SearchResult(Presence.ONLINE, "10.0.0.1", 5),
        SlowDown(1.0),
        WatchResult(()),
    ):
        counters.answered(answer)
    assert counters.answers == {
        ("Register", "OK"): 1,
        ("Login", "WRONG_PASSWORD"): 2,
        ("Search", "ONLINE"): 1,
        ("SlowDown", "SLOW_DOWN"): 1,
        ("Watch", "OK"): 1,
    }
