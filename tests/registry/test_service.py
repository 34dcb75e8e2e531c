"""A request in, an answer out: the registry's decisions, without a wire."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchat.protocol.messages import (
    AnnouncePort,
    AnnouncePortResult,
    Hello,
    Login,
    LoginResult,
    Message,
    Outcome,
    Presence,
    Register,
    RegisterResult,
    Search,
    SearchResult,
)
from p2pchat.registry.accounts import Accounts
from p2pchat.registry.passwords import Cost, Passwords
from p2pchat.registry.presence import PresenceBook
from p2pchat.registry.service import Service, Visitor, Work
from tests.fakes import FakeClock

OK, FAIL = Outcome.OK, Outcome.FAIL


class Registry:
    """A service, and the visitors that were hung up on."""

    def __init__(self, accounts: Accounts) -> None:
        self.clock = FakeClock()
        self.service = Service(accounts, PresenceBook(150), self.clock)
        self.hung_up: list[tuple[Visitor, str]] = []

    def visitor(self, host: str = "10.0.0.1") -> Visitor:
        visitor = Visitor(host, lambda why: self.hung_up.append((visitor, why)))
        return visitor

    def ask(self, visitor: Visitor, request: Message) -> Message:
        answer = self.service.answer(visitor, request)
        return answer.then(answer.job()) if isinstance(answer, Work) else answer

    def online(self, username: str, port: int, host: str = "10.0.0.1") -> Visitor:
        visitor = self.visitor(host)
        assert self.ask(visitor, Register(username, "pw")) == RegisterResult(OK)
        assert self.ask(visitor, AnnouncePort(port)) == AnnouncePortResult(OK)
        return visitor


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry with no accounts."""
    accounts = Accounts(tmp_path / "a.sqlite3", Passwords(Cost(64, 1)))
    yield Registry(accounts)
    accounts.close()


def test_registering_logs_in(registry: Registry) -> None:
    """After `REG` `OK` the user is logged in; a taken name is refused."""
    visitor = registry.visitor()
    assert registry.ask(visitor, Register("alice", "a b")) == RegisterResult(OK)
    assert visitor.attendance is not None
    assert registry.ask(registry.visitor(), Register("alice", "x")) == RegisterResult(FAIL)


@pytest.mark.parametrize("username", ["", "a\x1bb", "x" * 65, "a\u202eb"])
def test_unspeakable_names_are_refused(registry: Registry, username: str) -> None:
    """With an answer, not a violation: somebody typed that."""
    assert registry.ask(registry.visitor(), Register(username, "pw")) == RegisterResult(FAIL)
    assert registry.ask(registry.visitor(), Login(username, "pw")) == LoginResult(FAIL)


def test_an_empty_password_is_refused(registry: Registry) -> None:
    """No account without one."""
    assert registry.ask(registry.visitor(), Register("alice", "")) == RegisterResult(FAIL)


def test_logging_in_takes_the_right_password(registry: Registry) -> None:
    """Whole, with its spaces."""
    registry.ask(registry.visitor(), Register("alice", "a b "))
    for password in ("a", "a b", "", "x"):
        visitor = registry.visitor()
        assert registry.ask(visitor, Login("alice", password)) == LoginResult(FAIL)
        assert visitor.attendance is None
    assert registry.ask(registry.visitor(), Login("alice", "a b ")) == LoginResult(OK)


def test_a_search_has_three_outcomes(registry: Registry) -> None:
    """Online with an address once a port was accepted, offline, not found."""
    alice = registry.visitor("10.0.0.9")
    stranger = registry.visitor()
    registry.ask(alice, Register("alice", "pw"))
    assert registry.ask(stranger, Search("alice")) == SearchResult(Presence.OFFLINE)
    registry.ask(alice, AnnouncePort(4000))
    online = SearchResult(Presence.ONLINE, "10.0.0.9", 4000)
    assert registry.ask(stranger, Search("alice")) == online
    assert registry.ask(stranger, Search("bob")) == SearchResult(Presence.NOT_FOUND)
    registry.service.leave(alice)
    assert registry.ask(stranger, Search("alice")) == SearchResult(Presence.OFFLINE)


def test_ports(registry: Registry) -> None:
    """Taken, no port, and another try (PROTOCOL, `PS_PORT`)."""
    registry.online("alice", 4000)
    bob = registry.visitor()
    registry.ask(bob, Register("bob", "pw"))
    assert registry.ask(bob, AnnouncePort(4000)) == AnnouncePortResult(FAIL)
    assert registry.ask(bob, AnnouncePort(None)) == AnnouncePortResult(FAIL)
    assert registry.ask(bob, AnnouncePort(4001)) == AnnouncePortResult(OK)


def test_a_second_login_hangs_up_on_the_first(registry: Registry) -> None:
    """With the right password only."""
    first = registry.online("alice", 4000)
    registry.ask(registry.visitor(), Login("alice", "wrong"))
    assert registry.hung_up == []
    second = registry.visitor("10.0.0.2")
    assert registry.ask(second, Login("alice", "pw")) == LoginResult(OK)
    assert registry.hung_up == [(first, "the same user logged in again")]
    registry.service.leave(first)
    assert registry.ask(second, AnnouncePort(5000)) == AnnouncePortResult(OK)


def test_the_silent_are_hung_up_on(registry: Registry) -> None:
    """150 s after the login, or after the last HELLO from their own host."""
    alice, bob = registry.online("alice", 1), registry.online("bob", 2)
    registry.clock.time += 100
    registry.service.hear(Hello("alice"), "10.0.0.1")
    registry.service.hear(Hello("bob"), "10.0.0.66")
    registry.clock.time += 50
    assert registry.service.hang_up_on_the_silent() == registry.clock.time + 100
    assert [visitor for visitor, _ in registry.hung_up] == [bob]
    registry.clock.time += 100
    assert registry.service.hang_up_on_the_silent() is None
    assert [visitor for visitor, _ in registry.hung_up] == [bob, alice]


def test_whoever_went_while_being_checked_is_not_online(registry: Registry) -> None:
    """But the account that was made meanwhile is there."""
    visitor = registry.visitor()
    work = registry.service.answer(visitor, Register("alice", "pw"))
    assert isinstance(work, Work)
    made = work.job()
    registry.service.leave(visitor)
    work.then(made)
    assert visitor.attendance is None
    assert registry.ask(registry.visitor(), Search("alice")) == SearchResult(Presence.OFFLINE)
    assert registry.ask(registry.visitor(), Login("alice", "pw")) == LoginResult(OK)


def test_two_register_one_name_at_once(registry: Registry) -> None:
    """Both are being checked; the database gives it to one."""
    one, two = registry.visitor(), registry.visitor()
    works = [registry.service.answer(v, Register("alice", v.host)) for v in (one, two)]
    answers = [work.then(work.job()) for work in works if isinstance(work, Work)]
    assert answers == [RegisterResult(OK), RegisterResult(FAIL)]
    assert two.attendance is None
