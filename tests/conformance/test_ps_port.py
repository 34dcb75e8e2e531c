"""PS_PORT (PROTOCOL, "client and registry")."""

from collections.abc import Callable

import pytest

from tests.programs import Raw, Serve

Connect = Callable[[], Raw]


def test_taken_port_fails_and_another_may_follow(
    connect: Connect, name: str, free_port: int
) -> None:
    """A taken port is refused any number of times, and another one is accepted."""
    first, second = connect(), connect()
    first.ask("REG", f"{name} x")
    second.ask("REG", f"{name}-2 x")
    assert first.ask("PS_PORT", str(free_port)) == ("PS_PORT_RESP", "OK")
    for _ in range(3):
        assert second.ask("PS_PORT", str(free_port)) == ("PS_PORT_RESP", "FAIL")
    assert second.ask("SEARCH", f"{name}-2") == ("SEARCH_RESP", "OFFLINE")
    assert second.ask("PS_PORT", str(free_port + 30_000)) == ("PS_PORT_RESP", "OK")
    assert second.ask("SEARCH", f"{name}-2") == ("SEARCH_RESP", f"127.0.0.1 {free_port + 30_000}")


def test_port_is_taken_at_its_own_address_only(
    registry: Serve, connect: Connect, name: str, free_port: int
) -> None:
    """Users at different addresses may have the same port."""
    first = connect()
    first.ask("REG", f"{name} x")
    first.ask("PS_PORT", str(free_port))
    elsewhere = Raw(registry.tcp, source=("127.0.0.2", 0))
    elsewhere.ask("REG", f"{name}-2 x")
    assert elsewhere.ask("PS_PORT", str(free_port)) == ("PS_PORT_RESP", "OK")
    assert first.ask("SEARCH", f"{name}-2") == ("SEARCH_RESP", f"127.0.0.2 {free_port}")
    elsewhere.close()


def test_port_is_free_after_its_user_left(connect: Connect, name: str, free_port: int) -> None:
    """A port is free again after LOGOUT."""
    first, second = connect(), connect()
    first.ask("REG", f"{name} x")
    first.ask("PS_PORT", str(free_port))
    second.ask("REG", f"{name}-2 x")
    first.say("LOGOUT")
    assert first.closed_by_remote()
    assert second.ask("PS_PORT", str(free_port)) == ("PS_PORT_RESP", "OK")


@pytest.mark.parametrize("port", ["0", "65536", "-5", "+5", "1_000", "", "abc", "٤٠٠٠", "5 5"])
def test_invalid_port_fails(connect: Connect, name: str, port: str) -> None:
    """An invalid port is answered with FAIL."""
    client = connect()
    client.ask("REG", f"{name} x")
    assert client.ask("PS_PORT", port) == ("PS_PORT_RESP", "FAIL")


def test_ps_port_before_login_closes_the_connection(connect: Connect, free_port: int) -> None:
    """PS_PORT before a login is out of order."""
    client = connect()
    client.say("PS_PORT", str(free_port))
    assert client.closed_by_remote()
