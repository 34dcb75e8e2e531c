"""A request in, an answer out: the registry's decisions, without a wire."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.protocol.heartbeat import open_hello, seal_hello
from p2pchat.protocol.messages import (
    AnnouncePort,
    AnnouncePortResult,
    ChangePassword,
    ChangePasswordResult,
    Grant,
    Hello,
    Login,
    LoginResult,
    Message,
    Outcome,
    Presence,
    PresenceUpdate,
    Reason,
    Register,
    RegisterResult,
    RevokeTokens,
    Search,
    SearchResult,
    SlowDown,
    Watch,
    WatchResult,
)
from p2pchat.registry.service.auth import Registration
from p2pchat.registry.service.client_session import ClientSession
from p2pchat.registry.service.directory import MemoryDirectory
from p2pchat.registry.service.limits import NO_LIMITS, Limits, Rank
from p2pchat.registry.service.pending import BlockingJob, Deferred
from p2pchat.registry.service.presence import PresenceTable
from p2pchat.registry.service.service import Service
from p2pchat.registry.store.accounts import Accounts
from p2pchat.registry.store.invites import Invites
from tests.accounts import OpenedAccounts
from tests.fakes import FakeClock
from tests.identities import KEY, OTHER_KEY, channel_of, proven

OK, FAIL = Outcome.OK, Outcome.FAIL


class Registry:
    """A service, and the visitors that were hung up on."""

    def __init__(
        self,
        accounts: Accounts,
        wall_clock: FakeClock,
        limits: Limits = NO_LIMITS,
        registration: Registration = Registration.OPEN,
    ) -> None:
        self.wall_clock = wall_clock
        self.clock = FakeClock()
        self.service = Service(
            accounts,
            MemoryDirectory(accounts.standings()),
            PresenceTable(150),
            self.clock,
            limits=limits,
            registration=registration,
            wall=wall_clock,
        )
        self.hung_up: list[tuple[ClientSession, Reason]] = []
        self.told: list[tuple[ClientSession, Message]] = []

    def client_session(self, host: str = "10.0.0.1", *, secure: bool = False) -> ClientSession:
        client_session = ClientSession(
            host,
            lambda why: self.hung_up.append((client_session, why)),
            lambda news: self.told.append((client_session, news)),
            secure=secure,
            channel=channel_of(host) if secure else None,
        )
        return client_session

    def answer(
        self, client_session: ClientSession, request: Message
    ) -> Message | BlockingJob | Deferred:
        """Answer a request, which proves its identity where that is due."""
        proved = proven(request, client_session.channel, self.wall_clock)
        return self.service.answer(client_session, proved)

    def ask(self, client_session: ClientSession, request: Message) -> Message:
        answer = self.answer(client_session, request)
        if isinstance(answer, BlockingJob):
            return answer.then(answer.job())
        assert isinstance(answer, Message)
        return answer

    def online(self, username: str, port: int, host: str = "10.0.0.1") -> ClientSession:
        client_session = self.client_session(host)
        assert self.ask(client_session, Register(username, "pw")) == RegisterResult(OK)
        assert self.ask(client_session, AnnouncePort(port)) == AnnouncePortResult(OK)
        return client_session


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry with no accounts."""
    wall_clock = FakeClock()
    accounts = OpenedAccounts(tmp_path / "a.sqlite3", wall_clock)
    yield Registry(accounts, wall_clock)
    accounts.close()


def test_registering_logs_in(registry: Registry) -> None:
    """After `REG` `OK` the user is logged in; a taken name is refused."""
    client_session = registry.client_session()
    assert registry.ask(client_session, Register("alice", "a b")) == RegisterResult(OK)
    assert client_session.online_session is not None
    assert registry.ask(registry.client_session(), Register("alice", "x")) == RegisterResult(
        FAIL, Reason.NAME_TAKEN
    )


@pytest.mark.parametrize("username", ["", "a\x1bb", "x" * 65, "a\u202eb"])
def test_unspeakable_names_are_refused(registry: Registry, username: str) -> None:
    """With an answer, not a violation: somebody typed that."""
    assert registry.ask(registry.client_session(), Register(username, "pw")) == RegisterResult(
        FAIL, Reason.BAD_NAME
    )
    assert registry.ask(registry.client_session(), Login(username, "pw")) == LoginResult(
        FAIL, Reason.WRONG_PASSWORD
    )


def test_an_empty_password_is_refused(registry: Registry) -> None:
    """No account without one."""
    assert registry.ask(registry.client_session(), Register("alice", "")) == RegisterResult(
        FAIL, Reason.WEAK_PASSWORD
    )


def test_logging_in_takes_the_right_password(registry: Registry) -> None:
    """Whole, with its spaces."""
    registry.ask(registry.client_session(), Register("alice", "a b "))
    for password in ("a", "a b", "", "x"):
        client_session = registry.client_session()
        assert registry.ask(client_session, Login("alice", password)) == LoginResult(
            FAIL, Reason.WRONG_PASSWORD
        )
        assert client_session.online_session is None
    assert registry.ask(registry.client_session(), Login("alice", "a b ")) == LoginResult(OK)


def test_a_search_has_three_outcomes(registry: Registry) -> None:
    """Online with an address once a port was accepted, offline, not found."""
    alice = registry.client_session("10.0.0.9")
    stranger = registry.client_session()
    registry.ask(alice, Register("alice", "pw"))
    assert registry.ask(stranger, Search("alice")) == SearchResult(Presence.OFFLINE)
    registry.ask(alice, AnnouncePort(4000))
    online = SearchResult(Presence.ONLINE, "10.0.0.9", 4000)
    assert registry.ask(stranger, Search("alice")) == online
    assert registry.ask(stranger, Search("bob")) == SearchResult(Presence.NOT_FOUND)
    registry.service.leave(alice)
    assert registry.ask(stranger, Search("alice")) == SearchResult(Presence.OFFLINE)


def test_ports(registry: Registry) -> None:
    """Taken, no port, and another try (PROTOCOL, "client and registry")."""
    registry.online("alice", 4000)
    bob = registry.client_session()
    registry.ask(bob, Register("bob", "pw"))
    assert registry.ask(bob, AnnouncePort(4000)) == AnnouncePortResult(FAIL, Reason.PORT_TAKEN)
    assert registry.ask(bob, AnnouncePort(None)) == AnnouncePortResult(FAIL, Reason.PORT_TAKEN)
    assert registry.ask(bob, AnnouncePort(4001)) == AnnouncePortResult(OK)


def test_a_second_login_hangs_up_on_the_first(registry: Registry) -> None:
    """With the right password only."""
    first = registry.online("alice", 4000)
    registry.ask(registry.client_session(), Login("alice", "wrong"))
    assert registry.hung_up == []
    second = registry.client_session("10.0.0.2")
    assert registry.ask(second, Login("alice", "pw")) == LoginResult(OK)
    assert registry.hung_up == [(first, Reason.REPLACED)]
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
    assert [client_session for client_session, _ in registry.hung_up] == [bob]
    registry.clock.time += 100
    assert registry.service.hang_up_on_the_silent() is None
    assert [client_session for client_session, _ in registry.hung_up] == [bob, alice]


def test_a_registry_that_stood_still_begins_patience_anew(registry: Registry) -> None:
    """Not after a moment, which the system's buffers bridge."""
    alice = registry.online("alice", 1)
    registry.clock.time += 151
    assert registry.service.hang_up_on_the_silent(late=1.1) == registry.clock.time + 150
    assert registry.hung_up == []
    registry.clock.time += 151
    assert registry.service.hang_up_on_the_silent(late=0.9) is None
    assert registry.hung_up == [(alice, Reason.SILENT)]


def test_whoever_went_while_being_checked_is_not_online(registry: Registry) -> None:
    """But the account that was made meanwhile is there."""
    client_session = registry.client_session()
    work = registry.answer(client_session, Register("alice", "pw"))
    assert isinstance(work, BlockingJob)
    made = work.job()
    registry.service.leave(client_session)
    work.then(made)
    assert client_session.online_session is None
    assert registry.ask(registry.client_session(), Search("alice")) == SearchResult(
        Presence.OFFLINE
    )
    assert registry.ask(registry.client_session(), Login("alice", "pw")) == LoginResult(OK)


def test_two_register_one_name_at_once(registry: Registry) -> None:
    """Both are being checked; the database gives it to one."""
    one, two = registry.client_session(), registry.client_session()
    works = [registry.answer(v, Register("alice", v.host)) for v in (one, two)]
    answers = [work.then(work.job()) for work in works if isinstance(work, BlockingJob)]
    assert answers == [RegisterResult(OK), RegisterResult(FAIL, Reason.NAME_TAKEN)]
    assert two.online_session is None


class TestSecureDoor:
    """What the registry decides for visitors of the secure listener."""

    def secure(self, registry: Registry, host: str = "10.0.0.1") -> ClientSession:
        return registry.client_session(host, secure=True)

    def register(self, registry: Registry, name: str = "alice", **more: object) -> Grant:
        request = Register(name, "password", KEY, **more)  # type: ignore[arg-type]
        answer = registry.ask(self.secure(registry), request)
        assert isinstance(answer, RegisterResult)
        assert answer.grant is not None
        return answer.grant

    @pytest.mark.parametrize(
        ("name", "password", "reason"),
        [
            ("Alice", "password", Reason.BAD_NAME),
            ("pаypal", "password", Reason.BAD_NAME),  # noqa: RUF001  # a Cyrillic letter in it
            ("a b", "password", Reason.BAD_NAME),
            ("x" * 33, "password", Reason.BAD_NAME),
            ("alice", "short", Reason.WEAK_PASSWORD),
        ],
    )
    def test_reasons(self, registry: Registry, name: str, password: str, reason: Reason) -> None:
        """A refusal says why."""
        answer = registry.ask(self.secure(registry), Register(name, password))
        assert answer == RegisterResult(FAIL, reason)

    def test_a_token_logs_in(self, registry: Registry) -> None:
        """For its account and key; not for another account, not with another key, not made up."""
        grant = self.register(registry)
        self.register(registry, "bob")
        good = Login("alice", token=grant.token, key=KEY)
        answer = registry.ask(self.secure(registry), good)
        assert isinstance(answer, LoginResult)
        assert answer.outcome is OK
        for bad in (
            Login("bob", token=grant.token, key=KEY),
            Login("alice", token=grant.token, key=OTHER_KEY),
            Login("alice", token="made up", key=KEY),
        ):
            client_session = self.secure(registry)
            assert registry.ask(client_session, bad) == LoginResult(FAIL, Reason.BAD_TOKEN)
            assert client_session.username is None

    def test_a_token_ends_by_revocation_and_by_a_new_password(self, registry: Registry) -> None:
        """One, or all; a replayed one does not work."""
        tokens = [self.register(registry).token]
        for _ in range(2):
            answer = registry.ask(self.secure(registry), Login("alice", "password", key=KEY))
            assert isinstance(answer, LoginResult)
            assert answer.grant is not None
            tokens.append(answer.grant.token)

        def good(token: str) -> bool:
            login = Login("alice", token=token, key=KEY, errand=True)
            answer = registry.ask(self.secure(registry), login)
            assert isinstance(answer, LoginResult)
            return answer.outcome is OK

        client_session = self.secure(registry)
        registry.ask(client_session, Login("alice", token=tokens[0], key=KEY))
        registry.ask(client_session, RevokeTokens(tokens[0]))
        assert [good(token) for token in tokens] == [False, True, True]
        wrong = registry.ask(client_session, ChangePassword("wrong", "new password"))
        assert wrong == ChangePasswordResult(FAIL, Reason.WRONG_PASSWORD)
        weak = registry.ask(client_session, ChangePassword("password", "new"))
        assert weak == ChangePasswordResult(FAIL, Reason.WEAK_PASSWORD)
        assert good(tokens[1])
        done = registry.ask(client_session, ChangePassword("password", "new password"))
        assert done == ChangePasswordResult(OK)
        assert not any(map(good, tokens))
        answer = registry.ask(self.secure(registry), Login("alice", "new password", key=KEY))
        assert isinstance(answer, LoginResult)
        assert answer.outcome is OK

    def test_a_token_that_is_not_used_dies(self, registry: Registry) -> None:
        """Thirty days after its last use, which gives another one."""
        token = self.register(registry).token
        for days, outcome in ((29, OK), (29, OK), (31, FAIL)):
            registry.wall_clock.time += days * 24 * 3600
            login = Login("alice", token=token, key=KEY, errand=True)
            answer = registry.ask(self.secure(registry), login)
            assert isinstance(answer, LoginResult)
            assert answer.outcome is outcome
            if answer.grant is not None:
                assert answer.grant.token != token
                token = answer.grant.token

    def test_another_key_ends_the_old_ones_tokens(self, registry: Registry) -> None:
        """Whoever knows the password may come with a new key; the search publishes that one."""
        old = self.register(registry)
        registry.ask(self.secure(registry), Login("alice", "password", key=OTHER_KEY))
        answer = registry.ask(self.secure(registry), Login("alice", token=old.token, key=KEY))
        assert answer == LoginResult(FAIL, Reason.BAD_TOKEN)
        found = registry.ask(self.secure(registry), Search("alice"))
        assert isinstance(found, SearchResult)
        assert found.key == OTHER_KEY

    def test_an_errand_disturbs_nobody(self, registry: Registry) -> None:
        """It is not online and replaces no session."""
        online = self.secure(registry)
        registry.ask(online, Register("alice", "password", KEY))
        registry.ask(online, AnnouncePort(4000))
        errand = self.secure(registry)
        registry.ask(errand, Login("alice", "password", key=KEY, errand=True))
        assert errand.username == "alice"
        assert errand.online_session is None
        registry.service.leave(errand)
        assert registry.hung_up == []
        found = registry.ask(self.secure(registry), Search("alice"))
        assert found == SearchResult(Presence.ONLINE, "10.0.0.1", 4000, KEY)

    def test_an_account_with_a_key_keeps_out_of_the_original_listener(
        self, registry: Registry
    ) -> None:
        """Neither logged in there, nor found there, unless its owner allows it."""
        client_session = self.secure(registry)
        registry.ask(client_session, Register("alice", "password", KEY))
        registry.ask(client_session, AnnouncePort(4000))
        stranger = registry.client_session()
        assert registry.ask(stranger, Search("alice")) == SearchResult(Presence.OFFLINE)
        refused = registry.ask(registry.client_session(), Login("alice", "password"))
        assert isinstance(refused, LoginResult)
        assert refused.outcome is FAIL

        client_session = self.secure(registry)
        registry.ask(client_session, Login("alice", "password", key=KEY, allow_original=True))
        registry.ask(client_session, AnnouncePort(4000, clear_port=4001))
        assert registry.ask(stranger, Search("alice")) == SearchResult(
            Presence.ONLINE, "10.0.0.1", 4001
        )
        answer = registry.ask(registry.client_session(), Login("alice", "password"))
        assert isinstance(answer, LoginResult)
        assert answer.outcome is OK

    def test_who_is_at_the_original_listener_is_marked(self, registry: Registry) -> None:
        """So that nobody talks in clear without knowing."""
        registry.online("bob", 5000)
        found = registry.ask(self.secure(registry), Search("bob"))
        assert found == SearchResult(Presence.ONLINE, "10.0.0.1", 5000, None, in_clear=True)

    def test_watchers_are_told(self, registry: Registry) -> None:
        """Of every change of an address, at once, until they leave or watch others."""
        watcher, other = self.secure(registry), self.secure(registry)
        self.register(registry, "bob")
        here = registry.ask(watcher, Watch(("bob", "nobody")))
        offline = SearchResult(Presence.OFFLINE, key=KEY)
        nobody = SearchResult(Presence.NOT_FOUND)
        assert here == WatchResult(
            (PresenceUpdate("bob", offline), PresenceUpdate("nobody", nobody))
        )
        registry.ask(other, Watch(("bob",)))
        bob = self.secure(registry)
        registry.ask(bob, Login("bob", "password", key=KEY))
        assert registry.told == []
        registry.ask(bob, AnnouncePort(4000))
        online = PresenceUpdate("bob", SearchResult(Presence.ONLINE, "10.0.0.1", 4000, KEY))
        assert registry.told == [(watcher, online), (other, online)]
        registry.ask(other, Watch(()))
        registry.service.leave(bob)
        assert registry.told[2:] == [(watcher, PresenceUpdate("bob", offline))]
        registry.service.leave(watcher)
        registry.ask(self.secure(registry), Login("bob", "password", key=KEY))
        assert len(registry.told) == 3

    def test_heartbeats_of_an_errand_are_answered_and_keep_nobody_online(
        self, registry: Registry
    ) -> None:
        """They say whether UDP comes through; the node's own patience goes on running out."""
        node = self.secure(registry)
        registry.ask(node, Register("alice", "password", KEY))
        registry.clock.time += 100
        errand = self.secure(registry)
        answer = registry.ask(errand, Login("alice", "password", key=KEY, errand=True))
        assert isinstance(answer, LoginResult)
        grant = answer.grant
        assert grant is not None

        def hear(counter: int) -> bool:
            hello = open_hello(seal_hello(grant.session, counter, grant.hello_key))
            return registry.service.hear_sealed(hello, "10.0.0.1")

        assert hear(1)
        assert not hear(1)
        registry.clock.time += 50
        registry.service.hang_up_on_the_silent()
        assert registry.hung_up == [(node, Reason.SILENT)]
        assert hear(2)
        registry.service.leave(errand)
        assert not hear(3)

    def test_heartbeats_must_be_sealed(self, registry: Registry) -> None:
        """Forged, repeated, from elsewhere, in clear: no effect, no answer."""
        client_session = self.secure(registry)
        answer = registry.ask(client_session, Register("alice", "password", KEY))
        assert isinstance(answer, RegisterResult)
        grant = answer.grant
        assert grant is not None

        def hear(counter: int, key: bytes = grant.hello_key, host: str = "10.0.0.1") -> bool:
            hello = open_hello(seal_hello(grant.session, counter, key))
            return registry.service.hear_sealed(hello, host)

        registry.clock.time += 100
        assert hear(5)
        assert not hear(5)
        assert not hear(4)
        assert not hear(6, key=b"x" * 32)
        assert not hear(6, host="10.0.0.66")
        registry.clock.time += 100
        assert not hear(5)
        registry.service.hear(Hello("alice"), "10.0.0.1")
        registry.clock.time += 50
        registry.service.hang_up_on_the_silent()
        assert [why for _, why in registry.hung_up] == [Reason.SILENT]
        assert not hear(7)


class TestLimits:
    """What the service does with budgets."""

    @pytest.fixture
    def limited(self, tmp_path: Path) -> Iterator[Registry]:
        wall_clock = FakeClock()
        accounts = OpenedAccounts(tmp_path / "l.sqlite3", wall_clock)
        limits = Limits(
            login_tries=3,
            registrations_per_hour_and_address=2,
            searches_per_minute=2,
            requests_per_second=1,
            request_burst=8,
        )
        yield Registry(accounts, wall_clock, limits)
        accounts.close()

    def test_a_guesser_waits_and_the_owner_does_not(self, limited: Registry) -> None:
        """SlowDown with seconds, and no password is looked at meanwhile."""
        limited.ask(limited.client_session(secure=True), Register("alice", "password", KEY))
        guess = Login("alice", "wrong password", key=KEY)
        answers = [
            limited.ask(limited.client_session("10.6.6.6", secure=True), guess) for _ in range(6)
        ]
        wrong = LoginResult(FAIL, Reason.WRONG_PASSWORD)
        assert answers == [wrong] * 3 + [SlowDown(1.0)] * 3
        right = Login("alice", "password", key=KEY)
        waiting = limited.ask(limited.client_session("10.6.6.6", secure=True), right)
        assert waiting == SlowDown(1.0)
        owner = limited.ask(limited.client_session("10.0.0.7", secure=True), right)
        assert isinstance(owner, LoginResult)
        assert owner.outcome is OK
        limited.clock.time += 1
        late = limited.ask(limited.client_session("10.6.6.6", secure=True), right)
        assert isinstance(late, LoginResult)
        assert late.outcome is OK

    def test_registrations_from_one_address(self, limited: Registry) -> None:
        """The next one is told when."""
        answers = [
            limited.ask(limited.client_session(secure=True), Register(f"user{i}", "password"))
            for i in range(3)
        ]
        assert [type(answer) for answer in answers] == [RegisterResult] * 2 + [SlowDown]
        assert answers[2] == SlowDown(1800.0)

    def test_searches_by_one_account(self, limited: Registry) -> None:
        """From wherever it asks; at the original listener, by one address."""
        for host in ("10.0.0.1", "10.0.0.2"):
            client_session = limited.client_session(host, secure=True)
            client_session.username = "alice"
            limited.ask(client_session, Search("bob"))
        assert limited.ask(client_session, Search("bob")) == SlowDown(30.0)
        answers = [limited.ask(limited.client_session(), Search("bob")) for _ in range(3)]
        assert answers[1:] == [SearchResult(Presence.NOT_FOUND), SlowDown(30.0)]

    def test_requests_from_one_address(self, limited: Registry) -> None:
        """Whatever they ask."""
        client_session = limited.client_session()
        answers = [limited.ask(client_session, AnnouncePort(None)) for _ in range(10)]
        assert answers.count(SlowDown(1.0)) == 2
        assert not isinstance(
            limited.ask(limited.client_session("10.0.0.2"), AnnouncePort(1)), SlowDown
        )

    def test_whose_password_is_looked_at_first(self, limited: Registry) -> None:
        """Tokens need no hash; whoever has logged in from there goes before the rest."""
        grant = limited.ask(limited.client_session(secure=True), Register("alice", "password", KEY))
        assert isinstance(grant, RegisterResult)
        assert grant.grant is not None

        def rank(host: str, **how: str) -> Rank:
            request = Login("alice", key=KEY, **how)  # type: ignore[arg-type]
            work = limited.answer(limited.client_session(host, secure=True), request)
            assert isinstance(work, BlockingJob)
            work.then(work.job())
            return work.rank

        assert rank("10.6.6.6", password="wrong") is Rank.STRANGER
        assert rank("10.6.6.6", password="wrong") is Rank.GUESSER
        assert rank("10.0.0.7", password="password") is Rank.STRANGER
        assert rank("10.0.0.7", password="password") is Rank.KNOWN
        assert rank("10.6.6.6", token=grant.grant.token) is Rank.QUICK


class TestRegistration:
    """Who may make an account."""

    @pytest.mark.parametrize(
        ("registration", "reason"),
        [
            (Registration.CLOSED, Reason.REGISTRATION_CLOSED),
            (Registration.INVITE, Reason.INVITE_NEEDED),
        ],
    )
    def test_not_everybody(
        self, tmp_path: Path, registration: Registration, reason: Reason
    ) -> None:
        """At both listeners; a made up code is none."""
        wall_clock = FakeClock()
        with closing(OpenedAccounts(tmp_path / "r.sqlite3", wall_clock)) as made:
            registry = Registry(made, wall_clock, registration=registration)
            for client_session in (registry.client_session(), registry.client_session(secure=True)):
                for invite in ("", "made up"):
                    request = Register("alice", "password", invite=invite)
                    assert registry.ask(client_session, request) == RegisterResult(FAIL, reason)

    def test_by_invitation(self, tmp_path: Path) -> None:
        """Once."""
        wall_clock = FakeClock()
        with closing(OpenedAccounts(tmp_path / "r.sqlite3", wall_clock)) as made:
            registry = Registry(made, wall_clock, registration=Registration.INVITE)
            code = Invites(made.store, wall_clock).issue(1, 60)
            answers = [
                registry.ask(
                    registry.client_session(secure=True),
                    Register(name, "password", KEY, invite=code),
                )
                for name in ("alice", "bob")
            ]
            assert isinstance(answers[0], RegisterResult)
            assert answers[0].grant is not None
            assert answers[1] == RegisterResult(FAIL, Reason.INVITE_NEEDED)
