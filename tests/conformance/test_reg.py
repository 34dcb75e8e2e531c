"""REG (PROTOCOL, "client and registry")."""

from collections.abc import Callable

import pytest

from tests.programs import Raw

Connect = Callable[[], Raw]


def test_reg_is_answered_ok_then_fail(connect: Connect, name: str) -> None:
    """`OK`, or `FAIL` if the name is taken."""
    assert connect().ask("REG", f"{name} secret") == ("REG_RESP", "OK")
    assert connect().ask("REG", f"{name} other") == ("REG_RESP", "FAIL")


def test_another_name_may_be_tried_after_fail(connect: Connect, name: str) -> None:
    """Another name may be tried on the same connection."""
    connect().ask("REG", f"{name} secret")
    client = connect()
    assert client.ask("REG", f"{name} x") == ("REG_RESP", "FAIL")
    assert client.ask("REG", f"{name}-2 x") == ("REG_RESP", "OK")


def test_reg_logs_in(connect: Connect, name: str, free_port: int) -> None:
    """PS_PORT may follow at once."""
    client = connect()
    client.ask("REG", f"{name} secret")
    assert client.ask("PS_PORT", str(free_port)) == ("PS_PORT_RESP", "OK")


def test_password_may_contain_spaces(connect: Connect, name: str) -> None:
    """The username ends at the first space."""
    connect().ask("REG", f"{name} a b  c ")
    assert connect().ask("LOG", f"{name} a b  c ") == ("LOG_RESP", "OK")
    assert connect().ask("LOG", f"{name} a b  c") == ("LOG_RESP", "FAIL")


@pytest.mark.parametrize("payload", ["", " ", "alone", " secret", "tab\tname x", "bi\u202edi x"])
def test_malformed_reg_is_answered_fail(connect: Connect, payload: str) -> None:
    """A missing or invalid name or password is answered with FAIL."""
    assert connect().ask("REG", payload) == ("REG_RESP", "FAIL")


def test_second_reg_closes_the_connection(connect: Connect, name: str) -> None:
    """A REG after a login is out of order and creates no account."""
    client = connect()
    client.ask("REG", f"{name} secret")
    client.say("REG", f"{name}-2 secret")
    assert client.closed_by_remote()
    assert connect().ask("SEARCH", f"{name}-2") == ("SEARCH_RESP", "NOT_FOUND")
    assert connect().ask("SEARCH", name) == ("SEARCH_RESP", "OFFLINE")


def test_names_of_any_script(connect: Connect, name: str) -> None:
    """An account may have any name without spaces or control characters."""
    assert connect().ask("REG", f"Ünal-{name} şifre") == ("REG_RESP", "OK")
    assert connect().ask("LOG", f"Ünal-{name} şifre") == ("LOG_RESP", "OK")
