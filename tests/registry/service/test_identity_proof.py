"""A token or a password without the identity key is useless at the secure listener."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from p2pchat.protocol.messages import (
    AnnouncePort,
    Login,
    LoginResult,
    Message,
    Outcome,
    Reason,
    Register,
    RegisterResult,
)
from p2pchat.protocol.proofs import MAX_CLOCK_SKEW_S, Channel
from p2pchat.registry.service.client_session import ClientSession
from p2pchat.registry.service.limits import Limits
from tests.accounts import OpenedAccounts
from tests.fakes import FakeClock
from tests.identities import KEY, OTHER_KEY, channel_of, proven
from tests.registry.service.test_service import Registry

FAIL = Outcome.FAIL
REGISTER = Register("alice", "password", KEY)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """Yield a registry that limits guesses and has one account."""
    clock = FakeClock()
    clock.time = 1e6
    with closing(OpenedAccounts(tmp_path / "a.sqlite3", clock)) as accounts:
        registry = Registry(accounts, clock, Limits(login_tries=3))
        assert isinstance(
            registry.ask(registry.client_session(secure=True), REGISTER), RegisterResult
        )
        yield registry


def sign(
    request: Message,
    client_session: ClientSession,
    registry: Registry,
    channel: Channel | None = None,
) -> Login:
    """Sign a request for a session's channel, or for another one."""
    signed = proven(request, channel or client_session.channel, registry.wall_clock)
    assert isinstance(signed, Login)
    return signed


def token_of(registry: Registry) -> str:
    """Return a token of alice."""
    client_session = registry.client_session(secure=True)
    answer = registry.ask(client_session, Login("alice", "password", key=KEY))
    assert isinstance(answer, LoginResult)
    assert answer.grant is not None
    registry.service.leave(client_session)
    return answer.grant.token


@pytest.mark.parametrize("by", ["password", "token"])
@pytest.mark.parametrize(
    "forgery",
    ["no key", "no proof", "another's", "another channel", "another time", "another name"],
)
def test_secret_without_the_key_is_useless(registry: Registry, by: str, forgery: str) -> None:
    """A password or token is refused without a proof made for this very login."""
    secret: dict[str, Any] = {"password": "password"}
    if by == "token":
        secret = {"token": token_of(registry)}
    thief = registry.client_session(secure=True)
    login = Login("alice", key=KEY, **secret)
    signed = sign(login, thief, registry)
    forged = {
        "no key": msgspec.structs.replace(signed, key=None),
        "no proof": login,
        "another's": msgspec.structs.replace(signed, key=OTHER_KEY),
        "another channel": sign(login, thief, registry, channel_of("elsewhere")),
        "another time": msgspec.structs.replace(signed, at=signed.at + 1),
        "another name": msgspec.structs.replace(
            sign(msgspec.structs.replace(login, username="bob"), thief, registry), username="alice"
        ),
    }[forgery]
    answer = registry.service.answer(thief, forged)
    if not isinstance(answer, Message):
        answer = answer.then(answer.job())  # type: ignore[union-attr]
    assert answer == LoginResult(FAIL, Reason.BAD_PROOF)
    assert thief.online_session is None
    assert isinstance(registry.ask(thief, AnnouncePort(4000)), Message)
    assert registry.service.answer(thief, signed) != LoginResult(FAIL, Reason.BAD_PROOF)


def test_password_is_not_checked_without_a_proof(registry: Registry) -> None:
    """Without a proof the registry does not reveal whether the password is right."""
    thief = registry.client_session(secure=True)
    answers = {
        registry.service.answer(thief, Login("alice", password, key=KEY))
        for password in ("password", "wrong") * 10
    }
    assert answers == {LoginResult(FAIL, Reason.BAD_PROOF)}


@pytest.mark.parametrize("ahead", [-MAX_CLOCK_SKEW_S - 1, MAX_CLOCK_SKEW_S + 1, 2**40])
def test_proof_of_another_day_is_refused_with_bad_clock(registry: Registry, ahead: int) -> None:
    """A client whose clock is wrong gets BAD_CLOCK."""
    client_session = registry.client_session(secure=True)
    there = FakeClock()
    there.time = registry.wall_clock.time + ahead
    signed = proven(Login("alice", "password"), client_session.channel, there)
    assert registry.service.answer(client_session, signed) == LoginResult(FAIL, Reason.BAD_CLOCK)


def test_registration_needs_a_proof_of_the_key(registry: Registry) -> None:
    """A user cannot register another user's key."""
    thief = registry.client_session(secure=True)
    forged = proven(Register("mallory", "password", KEY), thief.channel, lambda: 1e6, sign=False)
    answer = registry.service.answer(thief, forged)
    if not isinstance(answer, Message):
        answer = answer.then(answer.job())  # type: ignore[union-attr]
    assert answer == RegisterResult(FAIL, Reason.BAD_PROOF)
    assert registry.service.answer(thief, Register("mallory", "password", KEY)) == RegisterResult(
        FAIL, Reason.BAD_PROOF
    )


def test_original_listener_needs_no_proof(registry: Registry) -> None:
    """Clients of the original dialect have no keys."""
    client_session = registry.client_session()
    assert registry.ask(client_session, Register("olga", "pw")) == RegisterResult(Outcome.OK)
