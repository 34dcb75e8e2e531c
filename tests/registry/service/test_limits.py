"""Limits on connections and wrong passwords; the test passes in the time."""

from p2pchat.registry.service.limits import NO_LIMITS, ConnectionCount, Limits, LoginTries, Rank


def test_connections_are_counted_and_released() -> None:
    """Connections are counted per address; a limit of 0 is off."""
    count = ConnectionCount(2)
    assert [count.open("a") for _ in range(3)] == [True, True, False]
    assert count.open("b")
    count.close("a")
    assert count.open("a")
    unlimited = ConnectionCount(0)
    assert all(unlimited.open("a") for _ in range(1000))


def test_guessing_slows_down_only_the_guesser() -> None:
    """Waits double for one account and address; the owner elsewhere and other accounts are not
    affected.
    """
    tries = LoginTries(Limits(login_tries=3, login_tries_per_address=0))
    waits = []
    now = 0.0
    for _ in range(8):
        wait = tries.begin("alice", "bad", now)
        waits.append(wait)
        now += wait
        if wait:
            assert tries.begin("alice", "bad", now) == 0
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16]
    assert tries.begin("alice", "home", now) == 0
    assert tries.begin("bob", "bad", now) == 0


def test_concurrent_guesses_do_not_bypass_the_limit() -> None:
    """An attempt counts from its beginning."""
    tries = LoginTries(Limits(login_tries=10))
    assert [tries.begin("alice", "bad", 0) for _ in range(900)].count(0) == 10


def test_guessing_many_accounts_is_limited_per_address() -> None:
    """Guesses for many accounts from one address are limited together."""
    tries = LoginTries(Limits(login_tries=3, login_tries_per_address=10))
    waits = [tries.begin(f"user{i}", "bad", 0) for i in range(11)]
    assert waits == [0] * 10 + [1]
    assert tries.begin("somebody", "good", 0) == 0


def test_success_resets_and_time_reduces_the_wait() -> None:
    """A right password resets the wait, and time reduces it to at most the longest delay."""
    limits = Limits(login_tries=2, login_tries_per_address=4, longest_login_delay=100)
    tries = LoginTries(limits)
    for _ in range(100):
        assert tries.begin("alice", "home", 0) == 0
        tries.succeeded("alice", "home", 0)
    now = 0.0
    for _ in range(2000):
        now += tries.begin("alice", "home", now)
    assert tries.begin("alice", "home", now + 60) <= 100
    assert tries.begin("alice", "home", now + 1_000_000) == 0


def test_any_number_of_guesses_is_counted() -> None:
    """The delay stops growing at its limit, or at a day."""
    tries = LoginTries(Limits(login_tries=1, longest_login_delay=1e300))
    now = 0.0
    for _ in range(5000):
        while wait := tries.begin("alice", "bad", now):
            now += wait
    assert tries.begin("alice", "bad", now) == 86400


def test_rank_prefers_known_addresses() -> None:
    """Known addresses of an account come first, then strangers, then addresses that
    guessed wrong.
    """
    tries = LoginTries(Limits(longest_login_delay=10))
    assert tries.rank("alice", "home", 0) is Rank.STRANGER
    tries.begin("alice", "home", 0)
    tries.succeeded("alice", "home", 0)
    assert tries.rank("alice", "home", 0) is Rank.KNOWN
    assert tries.rank("bob", "home", 0) is Rank.STRANGER
    tries.begin("alice", "bad", 0)
    assert tries.rank("alice", "bad", 0) is Rank.GUESSER
    assert tries.rank("bob", "bad", 0) is Rank.GUESSER
    assert tries.rank("bob", "bad", 11) is Rank.STRANGER
    tries.begin("alice", "home", 0)
    assert tries.rank("alice", "home", 0) is Rank.KNOWN
    assert Rank.QUICK < Rank.KNOWN < Rank.STRANGER < Rank.GUESSER


def test_no_limits_never_delay() -> None:
    """With `--limits none` no attempt is delayed."""
    tries = LoginTries(NO_LIMITS)
    assert not any(tries.begin("a", "b", 0) for _ in range(1000))
