"""SEARCH and LOGOUT (PROTOCOL, "client and registry")."""

from collections.abc import Callable

from tests.programs import Raw, frame

Connect = Callable[[], Raw]


def test_three_outcomes(connect: Connect, name: str, free_port: int) -> None:
    """`ip port`, or `OFFLINE`, or `NOT_FOUND`; before login too."""
    user, stranger = connect(), connect()
    assert stranger.ask("SEARCH", name) == ("SEARCH_RESP", "NOT_FOUND")
    user.ask("REG", f"{name} x")
    assert stranger.ask("SEARCH", name) == ("SEARCH_RESP", "OFFLINE")
    user.ask("PS_PORT", str(free_port))
    assert stranger.ask("SEARCH", name) == ("SEARCH_RESP", f"127.0.0.1 {free_port}")
    assert user.ask("SEARCH", name) == ("SEARCH_RESP", f"127.0.0.1 {free_port}")


def test_whoever_hung_up_is_offline(connect: Connect, name: str, free_port: int) -> None:
    """A closed connection is the end of being online."""
    user, stranger = connect(), connect()
    user.ask("REG", f"{name} x")
    user.ask("PS_PORT", str(free_port))
    user.close()
    for _ in range(1000):
        if stranger.ask("SEARCH", name) == ("SEARCH_RESP", "OFFLINE"):
            return
    raise AssertionError("still online")


def test_logout_closes_and_is_seen_at_once(connect: Connect, name: str, free_port: int) -> None:
    """No answer: the registry closes the connection."""
    user, stranger = connect(), connect()
    user.ask("REG", f"{name} x")
    user.ask("PS_PORT", str(free_port))
    user.say("LOGOUT")
    assert user.closed_by_remote()
    assert stranger.ask("SEARCH", name) == ("SEARCH_RESP", "OFFLINE")


def test_logout_before_login_closes(connect: Connect) -> None:
    """Served, as the original does."""
    client = connect()
    client.say("LOGOUT")
    assert client.closed_by_remote()


def test_what_nobody_can_be_named_is_not_found(connect: Connect) -> None:
    """Odd names are names that nobody has."""
    client = connect()
    for name in ("", "a b", "\x1b[2J", "x" * 400):
        assert client.ask("SEARCH", name) == ("SEARCH_RESP", "NOT_FOUND")


def test_a_thousand_at_once_are_answered_in_order(connect: Connect, name: str) -> None:
    """Glued into one write."""
    client = connect()
    client.ask("REG", f"{name} x")
    names = [name if i % 3 else f"nobody{i}" for i in range(1000)]
    client.socket.sendall(b"".join(frame("SEARCH", n) for n in names))
    for n in names:
        expected = "OFFLINE" if n == name else "NOT_FOUND"
        assert client.hear() == ("SEARCH_RESP", expected)
