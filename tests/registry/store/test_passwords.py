"""Password hashing with Argon2id."""

import pytest

from p2pchat.registry.store.passwords import STANDARD_COST, Cost, Passwords

CHEAP = Cost(memory_kib=64, passes=1)


@pytest.mark.parametrize("password", ["secret", "pass phrase with spaces ", "пароль", "x" * 2000])
def test_only_the_password_itself_matches(password: str) -> None:
    """Any text, however long or unusual, matches only itself."""
    passwords = Passwords(CHEAP)
    stored = passwords.hash(password)
    assert password not in stored
    assert passwords.verify(password, stored)
    assert not passwords.verify(password + "x", stored)
    assert not passwords.verify("", stored)


def test_hashes_are_salted_phc_strings() -> None:
    """A hash contains its salt and parameters, so the cost may change later."""
    passwords = Passwords(CHEAP)
    first, second = passwords.hash("secret"), passwords.hash("secret")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert Passwords(Cost(128, 2)).verify("secret", first)


def test_unknown_user_never_matches() -> None:
    """A check for an unknown user costs the same and always fails."""
    passwords = Passwords(CHEAP)
    assert not passwords.verify("nobody's", None)


def test_standard_cost_meets_the_owasp_minimum() -> None:
    """The standard cost is at least 19 MiB and two passes."""
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
def test_password_is_normalized(made: str, typed: str) -> None:
    """A password matches however its characters are composed (RFC 8265)."""
    passwords = Passwords(Cost(memory_kib=64, passes=1))
    assert passwords.verify(typed, passwords.hash(made))
    assert not passwords.verify(typed + "x", passwords.hash(made))


def test_unnormalized_hash_still_matches() -> None:
    """A hash made before normalization matches the password as it was typed then."""
    passwords = Passwords(Cost(memory_kib=64, passes=1))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("p2pchat.registry.store.passwords.prepared", lambda password: password)
        old = passwords.hash("cafe\u0301!")
    assert passwords.verify("cafe\u0301!", old)
