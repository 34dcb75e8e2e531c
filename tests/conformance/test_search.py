"""SEARCH and LOGOUT (PROTOCOL, "client and registry")."""

from collections.abc import Callable

from tests.programs import Raw, frame

Connect = Callable[[], Raw]


def test_search_has_three_outcomes(connect: Connect, name: str, free_port: int) -> None:
    """An address and port, `OFFLINE` or `NOT_FOUND`, also before a login."""
    user, stranger = connect(), connect()
    assert stranger.ask("SEARCH", name) == ("SEARCH_RESP", "NOT_FOUND")
    user.ask("REG", f"{name} x")
    assert stranger.ask("SEARCH", name) == ("SEARCH_RESP", "OFFLINE")
    user.ask("PS_PORT", str(free_port))
    assert stranger.ask("SEARCH", name) == ("SEARCH_RESP", f"127.0.0.1 {free_port}")
    assert user.ask("SEARCH", name) == ("SEARCH_RESP", f"127.0.0.1 {free_port}")


def test_disconnected_user_is_offline(connect: Connect, name: str, free_port: int) -> None:
    """A user whose connection was closed is offline."""
    user, stranger = connect(), connect()
    user.ask("REG", f"{name} x")
    user.ask("PS_PORT", str(free_port))
    user.close()
    for _ in range(1000):
        if stranger.ask("SEARCH", name) == ("SEARCH_RESP", "OFFLINE"):
            return
    raise AssertionError("still online")


def test_logout_closes_and_takes_effect_at_once(
    connect: Connect, name: str, free_port: int
) -> None:
    """LOGOUT has no answer; the registry closes the connection."""
    user, stranger = connect(), connect()
    user.ask("REG", f"{name} x")
    user.ask("PS_PORT", str(free_port))
    user.say("LOGOUT")
    assert user.closed_by_remote()
    assert stranger.ask("SEARCH", name) == ("SEARCH_RESP", "OFFLINE")


def test_logout_before_login_closes(connect: Connect) -> None:
    """LOGOUT before a login is accepted, as by the original registry."""
    client = connect()
    client.say("LOGOUT")
    assert client.closed_by_remote()


def test_invalid_names_are_not_found(connect: Connect) -> None:
    """Invalid names are answered with NOT_FOUND."""
    client = connect()
    for name in ("", "a b", "\x1b[2J", "x" * 400):
        assert client.ask("SEARCH", name) == ("SEARCH_RESP", "NOT_FOUND")


def test_thousand_searches_are_answered_in_order(connect: Connect, name: str) -> None:
    """A thousand searches in one write are answered in order."""
    client = connect()
    client.ask("REG", f"{name} x")
    names = [name if i % 3 else f"nobody{i}" for i in range(1000)]
    client.socket.sendall(b"".join(frame("SEARCH", n) for n in names))
    for n in names:
        expected = "OFFLINE" if n == name else "NOT_FOUND"
        assert client.hear() == ("SEARCH_RESP", expected)
