"""Argon2id: what is stored, and what is checked."""

import pytest

from p2pchat.registry.store.passwords import STANDARD_COST, Cost, Passwords

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


@pytest.mark.parametrize(
    ("made", "typed"),
    [
        ("caf\u00e9!", "cafe\u0301!"),
        ("cafe\u0301!", "caf\u00e9!"),
        ("a\u00a0b\u3000c", "a b c"),
        ("\uac00", "\u1100\u1161"),
    ],
)
def test_a_password_is_the_same_however_it_was_composed(made: str, typed: str) -> None:
    """One machine's keyboard gives one letter, another's a letter and an accent (RFC 8265)."""
    passwords = Passwords(Cost(memory_kib=64, passes=1))
    assert passwords.verify(typed, passwords.hash(made))
    assert not passwords.verify(typed + "x", passwords.hash(made))


def test_a_hash_of_before_still_counts() -> None:
    """It is of the password as it was typed then."""
    passwords = Passwords(Cost(memory_kib=64, passes=1))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("p2pchat.registry.store.passwords.prepared", lambda password: password)
        old = passwords.hash("cafe\u0301!")
    assert passwords.verify("cafe\u0301!", old)
