"""Argon2id: what is stored, and what is checked."""

import pytest

from p2pchat.registry.passwords import STANDARD_COST, Cost, Passwords

CHEAP = Cost(memory_kib=64, passes=1)


@pytest.mark.parametrize("password", ["secret", "pass phrase with spaces ", "пароль", "x" * 2000])
def test_only_the_password_itself_matches(password: str) -> None:
    """Any text, long or odd."""
    passwords = Passwords(CHEAP)
    stored = passwords.hash(password)
    assert password not in stored
    assert passwords.verify(password, stored)
    assert not passwords.verify(password + "x", stored)
    assert not passwords.verify("", stored)


def test_hashes_are_salted_phc_strings() -> None:
    """With their parameters in them, so that the cost may change later."""
    passwords = Passwords(CHEAP)
    first, second = passwords.hash("secret"), passwords.hash("secret")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert Passwords(Cost(128, 2)).verify("secret", first)


def test_nobodys_password_never_matches() -> None:
    """An unknown name costs the same, and is False even for the dummy's own password."""
    passwords = Passwords(CHEAP)
    assert not passwords.verify("nobody's", None)


def test_the_standard_cost_is_what_owasp_asks_for() -> None:
    """At least 19 MiB and two passes."""
    assert Cost(19 * 1024, 2) <= STANDARD_COST
