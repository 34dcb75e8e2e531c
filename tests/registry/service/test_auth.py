"""Authentication against stolen tokens, guessed passwords and races."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from p2pchat.protocol.messages import (
    ChangePassword,
    ChangePasswordResult,
    Login,
    LoginResult,
    Outcome,
    Reason,
    Register,
    RegisterResult,
    RevokeTokens,
    SlowDown,
)
from p2pchat.registry.service.auth import Registration
from p2pchat.registry.service.limits import Limits
from p2pchat.registry.service.pending import BlockingJob
from tests.accounts import OpenedAccounts
from tests.fakes import FakeClock
from tests.identities import KEY, OTHER_KEY
from tests.registry.service.test_service import Registry

OK, FAIL = Outcome.OK, Outcome.FAIL


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """Yield a registry that limits guesses."""
    clock = FakeClock()
    with closing(OpenedAccounts(tmp_path / "a.sqlite3", clock)) as accounts:
        yield Registry(accounts, clock, Limits(login_tries=3, registrations_per_hour=2))


def test_stolen_token_cannot_guess_the_password(registry: Registry) -> None:
    """PASSWD counts as a login attempt."""
    thief = registry.client_session(secure=True)
    registry.ask(thief, Register("alice", "password", KEY))
    answers = [registry.ask(thief, ChangePassword("wrong", "new password")) for _ in range(5)]
    wrong = ChangePasswordResult(FAIL, Reason.WRONG_PASSWORD)
    assert answers == [wrong] * 3 + [SlowDown(1.0)] * 2


def test_concurrent_guesses_count_before_they_are_checked(registry: Registry) -> None:
    """Guesses count when they arrive, however many arrive together."""
    registry.ask(registry.client_session(), Register("alice", "password"))
    visitors = [registry.client_session("10.6.6.6") for _ in range(50)]
    answers = [registry.answer(v, Login("alice", "wrong")) for v in visitors]
    assert sum(isinstance(answer, BlockingJob) for answer in answers) == 3


@pytest.mark.parametrize("how", ["password", "tokens"])
def test_ending_all_logins_disconnects_open_sessions(registry: Registry, how: str) -> None:
    """Other sessions and transient logins are disconnected, but not the one that asked."""
    registry.ask(registry.client_session(secure=True), Register("alice", "password", KEY))
    online, errand, owner = (registry.client_session(secure=True) for _ in range(3))
    registry.ask(online, Login("alice", "password", key=OTHER_KEY))
    registry.ask(errand, Login("alice", "password", key=KEY, errand=True))
    registry.ask(owner, Login("alice", "password", key=KEY, errand=True))
    registry.hung_up.clear()
    if how == "password":
        registry.ask(owner, ChangePassword("password", "new password"))
    else:
        registry.ask(owner, RevokeTokens())
    assert registry.hung_up == [(online, Reason.LOGGED_OUT), (errand, Reason.LOGGED_OUT)]
    for client_session in (errand, owner):
        registry.service.leave(client_session)
    registry.service.reconfigure(Limits(transient_logins=1), Registration.OPEN)
    another = registry.client_session(secure=True)
    password = "new password" if how == "password" else "password"
    answer = registry.ask(another, Login("alice", password, key=KEY, errand=True))
    assert isinstance(answer, LoginResult)
    assert answer.outcome is OK


def test_login_during_its_own_registration(registry: Registry) -> None:
    """A login works as soon as the account is on disk, even before the registration is answered."""
    making, entering = registry.client_session(), registry.client_session()
    made = registry.answer(making, Register("alice", "password"))
    assert isinstance(made, BlockingJob)
    creation = made.job()
    assert registry.ask(entering, Login("alice", "password")) == LoginResult(OK)
    assert made.then(creation) == RegisterResult(OK)


def test_names_of_the_original_dialect_are_refused_at_the_secure_listener(
    registry: Registry,
) -> None:
    """The secure listener refuses names that could look alike."""
    registry.ask(registry.client_session(), Register("Alice", "password"))
    answer = registry.ask(registry.client_session(secure=True), Login("Alice", "password", key=KEY))
    assert answer == LoginResult(FAIL, Reason.BAD_NAME)


def test_wrong_invite_codes_do_not_use_up_registrations(tmp_path: Path) -> None:
    """Only accounts that are created count towards the limit."""
    clock = FakeClock()
    with closing(OpenedAccounts(tmp_path / "a.sqlite3", clock)) as accounts:
        limits = Limits(registrations_per_hour=2)
        registry = Registry(accounts, clock, limits, Registration.INVITE)
        for i in range(20):
            client_session = registry.client_session(f"10.0.0.{i}", secure=True)
            answer = registry.ask(client_session, Register("alice", "password", invite="wrong"))
            assert answer == RegisterResult(FAIL, Reason.INVITE_NEEDED)


@pytest.mark.parametrize("how", ["password", "token"])
def test_login_overtaken_by_a_logout_is_refused(registry: Registry, how: str) -> None:
    """A login that was checked before a logout has to be checked again."""
    first = registry.client_session(secure=True)
    made = registry.ask(first, Register("alice", "password", KEY))
    assert isinstance(made, RegisterResult)
    assert made.grant is not None
    known: dict[str, Any] = (
        {"password": "password"} if how == "password" else {"token": made.grant.token}
    )
    late = registry.client_session(secure=True)
    work = registry.answer(late, Login("alice", key=KEY, **known))
    assert isinstance(work, BlockingJob)
    result = work.job()
    registry.service.log_out("alice")
    assert isinstance(work.then(result), SlowDown)
    assert late.username is None
