"""REG (PROTOCOL, "client and registry")."""

from collections.abc import Callable

import pytest

from tests.programs import Raw

Connect = Callable[[], Raw]


def test_ok_then_fail(connect: Connect, name: str) -> None:
    """`OK`, or `FAIL` where the name is taken."""
    assert connect().ask("REG", f"{name} secret") == ("REG_RESP", "OK")
    assert connect().ask("REG", f"{name} other") == ("REG_RESP", "FAIL")


def test_after_fail_another_name_may_be_tried(connect: Connect, name: str) -> None:
    """On the same connection."""
    connect().ask("REG", f"{name} secret")
    client = connect()
    assert client.ask("REG", f"{name} x") == ("REG_RESP", "FAIL")
    assert client.ask("REG", f"{name}-2 x") == ("REG_RESP", "OK")


def test_after_ok_the_user_is_logged_in(connect: Connect, name: str, free_port: int) -> None:
    """`PS_PORT` may follow at once."""
    client = connect()
    client.ask("REG", f"{name} secret")
    assert client.ask("PS_PORT", str(free_port)) == ("PS_PORT_RESP", "OK")


def test_the_password_may_hold_spaces(connect: Connect, name: str) -> None:
    """The username ends at the first space."""
    connect().ask("REG", f"{name} a b  c ")
    assert connect().ask("LOG", f"{name} a b  c ") == ("LOG_RESP", "OK")
    assert connect().ask("LOG", f"{name} a b  c") == ("LOG_RESP", "FAIL")


@pytest.mark.parametrize("payload", ["", " ", "alone", " secret", "tab\tname x", "bi\u202edi x"])
def test_a_slip_is_refused_with_an_answer(connect: Connect, payload: str) -> None:
    """No name, no password, an unspeakable name."""
    assert connect().ask("REG", payload) == ("REG_RESP", "FAIL")


def test_a_second_reg_on_a_logged_in_link_costs_that_link(connect: Connect, name: str) -> None:
    """And makes no account."""
    client = connect()
    client.ask("REG", f"{name} secret")
    client.say("REG", f"{name}-2 secret")
    assert client.closed_by_remote()
    assert connect().ask("SEARCH", f"{name}-2") == ("SEARCH_RESP", "NOT_FOUND")
    assert connect().ask("SEARCH", name) == ("SEARCH_RESP", "OFFLINE")


def test_names_of_any_script(connect: Connect, name: str) -> None:
    """Accounts of the original dialect may keep any name without spaces or controls."""
    assert connect().ask("REG", f"Ünal-{name} şifre") == ("REG_RESP", "OK")
    assert connect().ask("LOG", f"Ünal-{name} şifre") == ("LOG_RESP", "OK")
