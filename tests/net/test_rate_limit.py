"""Token buckets; "now" is a number in the test's hand."""

import pytest

from p2pchat.net.rate_limit import RateLimit, group_of


@pytest.mark.parametrize(
    ("host", "group"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::5", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
    ],
)
def test_ipv6_counts_by_its_64(host: str, group: str) -> None:
    """One customer is one address."""
    assert group_of(host) == group


def test_a_burst_and_then_a_rate() -> None:
    """Each key for itself; what is refused costs nothing."""
    budget = RateLimit(2, 3)
    assert [budget.take("a", 0) for _ in range(5)] == [0, 0, 0, 0.5, 0.5]
    assert budget.take("b", 0) == 0
    assert budget.take("a", 0.4) == pytest.approx(0.1)
    assert budget.take("a", 0.5) == 0
    assert [budget.take("a", 1000) for _ in range(4)] == [0, 0, 0, 0.5]


def test_by_the_minute_and_by_the_hour() -> None:
    """All of them at once, if need be."""
    for budget, wait in ((RateLimit.per_minute(2), 30), (RateLimit.per_hour(2), 1800)):
        assert [budget.take("a", 0) for _ in range(3)] == [0, 0, wait]


def test_a_limit_of_0_is_off() -> None:
    """`--limits none`."""
    for budget in (RateLimit(0, 0), RateLimit(0, 5), RateLimit.per_minute(0)):
        assert not any(budget.take("a", 0) for _ in range(1000))


def test_memory_has_an_end() -> None:
    """However many strangers come; the longest unheard of are forgotten first."""
    budget = RateLimit.per_hour(1)
    budget.take("first", 0)
    for i in range(100_000):
        budget.take(i, 0)
    assert sum(budget.wait(key, 0) > 0 for key in ("first", *range(100_000))) == 100_000
    assert budget.take("first", 0) == 0
    assert budget.take(99_999, 0) > 0


def test_a_budget_that_is_changed_counts_what_was_taken() -> None:
    """More is had at once, less is waited for, none is without end."""
    budget = RateLimit(1.0, 2)
    assert [budget.take("a", 0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    budget.change(1.0, 4)
    assert [budget.take("a", 0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    budget.change(1.0, 1)
    assert budget.take("a", 0.0) == 4.0
    assert budget.take("b", 0.0) == 0.0
    budget.change(0, 0)
    assert budget.take("a", 0.0) == 0.0
