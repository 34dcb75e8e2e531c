"""Connections and wrong passwords of strangers; "now" is a number in the test's hand."""

from p2pchat.registry.limits import NO_LIMITS, ConnectionCount, Limits, LoginTries, Rank


def test_connections_are_counted_and_given_back() -> None:
    """Per address; others are not touched."""
    count = ConnectionCount(2)
    assert [count.open("a") for _ in range(3)] == [True, True, False]
    assert count.open("b")
    count.close("a")
    assert count.open("a")
    unlimited = ConnectionCount(0)
    assert all(unlimited.open("a") for _ in range(1000))


def test_guessing_becomes_slow_for_the_guesser_alone() -> None:
    """The owner, elsewhere, is not kept out; nor is another account from the guesser's address."""
    tries = LoginTries(Limits(login_tries=3, login_tries_per_address=0))
    waits = []
    now = 0.0
    for _ in range(8):
        wait = tries.wait("alice", "bad", now)
        waits.append(wait)
        now += wait
        tries.failed("alice", "bad", now)
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16]
    assert tries.wait("alice", "home", now) == 0
    assert tries.wait("bob", "bad", now) == 0


def test_trying_many_accounts_becomes_slow_too() -> None:
    """Per address."""
    tries = LoginTries(Limits(login_tries=3, login_tries_per_address=10))
    for i in range(12):
        tries.failed(f"user{i}", "bad", 0)
    assert tries.wait("somebody", "bad", 0) == 4
    assert tries.wait("somebody", "good", 0) == 0


def test_a_right_password_clears_and_time_heals() -> None:
    """Whoever mistyped a few times is not punished for days."""
    limits = Limits(login_tries=2, login_tries_per_address=0, longest_login_delay=100)
    tries = LoginTries(limits)
    for _ in range(30):
        tries.failed("alice", "home", 0)
    assert tries.wait("alice", "home", 0) == 100
    assert tries.wait("alice", "home", 60) == 40
    assert tries.wait("alice", "home", 3000) == 0
    tries.succeeded("alice", "home")
    assert tries.wait("alice", "home", 1) == 0


def test_whose_password_is_looked_at_first() -> None:
    """Who logged in from there before, then strangers, then addresses that guessed wrong."""
    tries = LoginTries(Limits())
    assert tries.rank("alice", "home") is Rank.STRANGER
    tries.succeeded("alice", "home")
    assert tries.rank("alice", "home") is Rank.KNOWN
    assert tries.rank("bob", "home") is Rank.STRANGER
    tries.failed("alice", "bad", 0)
    assert tries.rank("alice", "bad") is Rank.GUESSER
    assert tries.rank("bob", "bad") is Rank.GUESSER
    tries.failed("alice", "home", 0)
    assert tries.rank("alice", "home") is Rank.GUESSER
    assert Rank.QUICK < Rank.KNOWN < Rank.STRANGER < Rank.GUESSER


def test_no_limits_limit_nothing() -> None:
    """`--limits none`."""
    tries = LoginTries(NO_LIMITS)
    for _ in range(1000):
        tries.failed("a", "b", 0)
    assert tries.wait("a", "b", 0) == 0
