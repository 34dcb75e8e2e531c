"""LOG (PROTOCOL, "client and registry")."""

from collections.abc import Callable

from tests.programs import Raw

Connect = Callable[[], Raw]


def test_log_is_answered_ok_or_fail(connect: Connect, name: str) -> None:
    """`OK`, or `FAIL` for a wrong password, an unknown name and a missing password alike."""
    connect().ask("REG", f"{name} secret")
    assert connect().ask("LOG", f"{name} secret") == ("LOG_RESP", "OK")
    assert connect().ask("LOG", f"{name} wrong") == ("LOG_RESP", "FAIL")
    assert connect().ask("LOG", f"{name}") == ("LOG_RESP", "FAIL")
    assert connect().ask("LOG", f"{name}-nobody secret") == ("LOG_RESP", "FAIL")


def test_login_may_be_retried_after_fail(connect: Connect, name: str) -> None:
    """Another attempt is possible on the same connection."""
    connect().ask("REG", f"{name} secret")
    client = connect()
    assert client.ask("LOG", f"{name} wrong") == ("LOG_RESP", "FAIL")
    assert client.ask("LOG", f"{name} secret") == ("LOG_RESP", "OK")


def test_second_login_replaces_the_first(connect: Connect, name: str, free_port: int) -> None:
    """The older connection is closed, but not by a wrong password."""
    first = connect()
    first.ask("REG", f"{name} secret")
    first.ask("PS_PORT", str(free_port))
    connect().ask("LOG", f"{name} wrong")
    assert first.ask("SEARCH", name) == ("SEARCH_RESP", f"127.0.0.1 {free_port}")
    second = connect()
    assert second.ask("LOG", f"{name} secret") == ("LOG_RESP", "OK")
    assert first.closed_by_remote()
    assert second.ask("SEARCH", name) == ("SEARCH_RESP", "OFFLINE")
    assert second.ask("PS_PORT", str(free_port)) == ("PS_PORT_RESP", "OK")


def test_login_on_a_logged_in_connection_closes_it(connect: Connect, name: str) -> None:
    """A second LOG is out of order."""
    client = connect()
    client.ask("REG", f"{name} secret")
    client.say("LOG", f"{name} secret")
    assert client.closed_by_remote()
