"""Token buckets; the test passes in the time."""

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
def test_ipv6_addresses_are_grouped_by_64_bit_network(host: str, group: str) -> None:
    """IPv6 addresses share a limit per 64-bit network, IPv4 addresses have one each."""
    assert group_of(host) == group


def test_burst_is_followed_by_the_rate() -> None:
    """Each key has its own burst and rate; a refused attempt costs nothing."""
    budget = RateLimit(2, 3)
    assert [budget.take("a", 0) for _ in range(5)] == [0, 0, 0, 0.5, 0.5]
    assert budget.take("b", 0) == 0
    assert budget.take("a", 0.4) == pytest.approx(0.1)
    assert budget.take("a", 0.5) == 0
    assert [budget.take("a", 1000) for _ in range(4)] == [0, 0, 0, 0.5]


def test_limits_per_minute_and_per_hour() -> None:
    """A limit per minute or hour may be used up at once."""
    for budget, wait in ((RateLimit.per_minute(2), 30), (RateLimit.per_hour(2), 1800)):
        assert [budget.take("a", 0) for _ in range(3)] == [0, 0, wait]


def test_limit_of_0_is_off() -> None:
    """A limit of 0 never refuses (`--limits none`)."""
    for budget in (RateLimit(0, 0), RateLimit(0, 5), RateLimit.per_minute(0)):
        assert not any(budget.take("a", 0) for _ in range(1000))


def test_units_are_given_back() -> None:
    """What was taken and given back can be taken again, and no more than that."""
    budget = RateLimit.per_minute(5)
    assert budget.take("a", 0, 3) == 0
    budget.give_back("a", 3)
    assert budget.take("a", 0, 5) == 0
    assert budget.take("a", 0) > 0
    off = RateLimit(0, 0)
    off.give_back("a", 3)
    assert off.take("a", 0, 1000) == 0


def test_memory_is_bounded() -> None:
    """The number of remembered keys is bounded; the least recently used are forgotten first."""
    budget = RateLimit.per_hour(1)
    budget.take("first", 0)
    for i in range(100_000):
        budget.take(i, 0)
    assert sum(budget.wait(key, 0) > 0 for key in ("first", *range(100_000))) == 100_000
    assert budget.take("first", 0) == 0
    assert budget.take(99_999, 0) > 0


def test_changed_limit_keeps_what_was_used() -> None:
    """A changed limit keeps what was already used; a limit of 0 never refuses."""
    budget = RateLimit(1.0, 2)
    assert [budget.take("a", 0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    budget.change(1.0, 4)
    assert [budget.take("a", 0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    budget.change(1.0, 1)
    assert budget.take("a", 0.0) == 4.0
    assert budget.take("b", 0.0) == 0.0
    budget.change(0, 0)
    assert budget.take("a", 0.0) == 0.0
