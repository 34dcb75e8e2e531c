"""LOG (PROTOCOL, "client and registry")."""

from collections.abc import Callable

from tests.programs import Raw

Connect = Callable[[], Raw]


def test_ok_and_fail(connect: Connect, name: str) -> None:
    """`OK`, or `LOG_RESP FAIL` where they do not match, for known and unknown names alike."""
    connect().ask("REG", f"{name} secret")
    assert connect().ask("LOG", f"{name} secret") == ("LOG_RESP", "OK")
    assert connect().ask("LOG", f"{name} wrong") == ("LOG_RESP", "FAIL")
    assert connect().ask("LOG", f"{name}") == ("LOG_RESP", "FAIL")
    assert connect().ask("LOG", f"{name}-nobody secret") == ("LOG_RESP", "FAIL")


def test_after_fail_another_try(connect: Connect, name: str) -> None:
    """On the same connection."""
    connect().ask("REG", f"{name} secret")
    client = connect()
    assert client.ask("LOG", f"{name} wrong") == ("LOG_RESP", "FAIL")
    assert client.ask("LOG", f"{name} secret") == ("LOG_RESP", "OK")


def test_a_second_login_replaces_the_first(connect: Connect, name: str, free_port: int) -> None:
    """The older connection is closed; a wrong password does nothing to it."""
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


def test_a_login_on_a_logged_in_link_costs_that_link(connect: Connect, name: str) -> None:
    """Out of order."""
    client = connect()
    client.ask("REG", f"{name} secret")
    client.say("LOG", f"{name} secret")
    assert client.closed_by_remote()
