"""The decisions of the registry: requests and answers without a connection."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.protocol.address import Address
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
from p2pchat.registry.service.directory import BuildAnswer, MemoryDirectory
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
    """A service, and the client sessions that it disconnected."""

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
            Address(host, 50_000),
            lambda why: self.hung_up.append((client_session, why)),
            lambda news: self.told.append((client_session, news)),
            secure=secure,
            channel=channel_of(host) if secure else None,
        )
        return client_session

    def answer(
        self, client_session: ClientSession, request: Message
    ) -> Message | BlockingJob | Deferred:
        """Answer a request, with a proof of identity where one is needed."""
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
    """Yield a registry without accounts."""
    wall_clock = FakeClock()
    accounts = OpenedAccounts(tmp_path / "a.sqlite3", wall_clock)
    yield Registry(accounts, wall_clock)
    accounts.close()


def test_registering_logs_in(registry: Registry) -> None:
    """A successful registration logs in; a taken name is refused."""
    client_session = registry.client_session()
    assert registry.ask(client_session, Register("alice", "a b")) == RegisterResult(OK)
    assert client_session.online_session is not None
    assert registry.ask(registry.client_session(), Register("alice", "x")) == RegisterResult(
        FAIL, Reason.NAME_TAKEN
    )


@pytest.mark.parametrize("username", ["", "a\x1bb", "x" * 65, "a\u202eb"])
def test_invalid_names_are_refused_with_an_answer(registry: Registry, username: str) -> None:
    """An invalid name is refused with an answer, since a user typed it."""
    assert registry.ask(registry.client_session(), Register(username, "pw")) == RegisterResult(
        FAIL, Reason.BAD_NAME
    )
    assert registry.ask(registry.client_session(), Login(username, "pw")) == LoginResult(
        FAIL, Reason.WRONG_PASSWORD
    )


def test_empty_password_is_refused(registry: Registry) -> None:
    """An account needs a password."""
    assert registry.ask(registry.client_session(), Register("alice", "")) == RegisterResult(
        FAIL, Reason.WEAK_PASSWORD
    )


def test_login_needs_the_exact_password(registry: Registry) -> None:
    """The password must match exactly, including spaces."""
    registry.ask(registry.client_session(), Register("alice", "a b "))
    for password in ("a", "a b", "", "x"):
        client_session = registry.client_session()
        assert registry.ask(client_session, Login("alice", password)) == LoginResult(
            FAIL, Reason.WRONG_PASSWORD
        )
        assert client_session.online_session is None
    assert registry.ask(registry.client_session(), Login("alice", "a b ")) == LoginResult(OK)


def test_search_has_three_outcomes(registry: Registry) -> None:
    """A search returns ONLINE once a port is accepted, OFFLINE, or NOT_FOUND."""
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


def test_invalid_and_taken_ports_are_refused(registry: Registry) -> None:
    """A taken or invalid port is refused, and another may be tried (PROTOCOL, "client and
    registry").
    """
    registry.online("alice", 4000)
    bob = registry.client_session()
    registry.ask(bob, Register("bob", "pw"))
    assert registry.ask(bob, AnnouncePort(4000)) == AnnouncePortResult(FAIL, Reason.PORT_TAKEN)
    assert registry.ask(bob, AnnouncePort(None)) == AnnouncePortResult(FAIL)
    assert registry.ask(bob, AnnouncePort(4001)) == AnnouncePortResult(OK)


def test_second_login_disconnects_the_first(registry: Registry) -> None:
    """A second login with the right password disconnects the first session."""
    first = registry.online("alice", 4000)
    registry.ask(registry.client_session(), Login("alice", "wrong"))
    assert registry.hung_up == []
    second = registry.client_session("10.0.0.2")
    assert registry.ask(second, Login("alice", "pw")) == LoginResult(OK)
    assert registry.hung_up == [(first, Reason.REPLACED)]
    registry.service.leave(first)
    assert registry.ask(second, AnnouncePort(5000)) == AnnouncePortResult(OK)


def test_silent_clients_are_disconnected(registry: Registry) -> None:
    """A client is disconnected 150 s after its login or its last HELLO from its own host."""
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


def test_stalled_registry_restarts_the_patience(registry: Registry) -> None:
    """After a long stall the patience restarts; after a short one it does not."""
    alice = registry.online("alice", 1)
    registry.clock.time += 151
    assert registry.service.hang_up_on_the_silent(late=1.1) == registry.clock.time + 150
    assert registry.hung_up == []
    registry.clock.time += 151
    assert registry.service.hang_up_on_the_silent(late=0.9) is None
    assert registry.hung_up == [(alice, Reason.SILENT)]


def test_client_that_leaves_during_a_registration_is_offline(registry: Registry) -> None:
    """The account exists, but the user is not online."""
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


def test_two_concurrent_registrations_of_one_name(registry: Registry) -> None:
    """If both are checked at once, the database gives the name to one."""
    one, two = registry.client_session(), registry.client_session()
    works = [registry.answer(v, Register("alice", "pw")) for v in (one, two)]
    answers = [work.then(work.job()) for work in works if isinstance(work, BlockingJob)]
    assert answers == [RegisterResult(OK), RegisterResult(FAIL, Reason.NAME_TAKEN)]
    assert two.online_session is None


class TestSecureListener:
    """What the service decides for clients of the secure listener."""

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
    def test_refused_registration_says_why(
        self, registry: Registry, name: str, password: str, reason: Reason
    ) -> None:
        """A refused registration says why."""
        answer = registry.ask(self.secure(registry), Register(name, password))
        assert answer == RegisterResult(FAIL, reason)

    def test_token_logs_in(self, registry: Registry) -> None:
        """A token works only for its own account and key."""
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

    def test_token_ends_by_revocation_and_by_a_new_password(self, registry: Registry) -> None:
        """Revoking ends one token, and a new password ends all of them."""
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

    def test_unused_token_expires(self, registry: Registry) -> None:
        """A token expires thirty days after its last use, which replaces it."""
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

    def test_new_key_revokes_tokens_of_the_old_one(self, registry: Registry) -> None:
        """A login by password may bring a new key, which searches then return."""
        old = self.register(registry)
        registry.ask(self.secure(registry), Login("alice", "password", key=OTHER_KEY))
        answer = registry.ask(self.secure(registry), Login("alice", token=old.token, key=KEY))
        assert answer == LoginResult(FAIL, Reason.BAD_TOKEN)
        found = registry.ask(self.secure(registry), Search("alice"))
        assert isinstance(found, SearchResult)
        assert found.key == OTHER_KEY

    def test_transient_login_does_not_go_online(self, registry: Registry) -> None:
        """A transient login is not online and replaces no session."""
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

    def test_account_with_a_key_is_kept_from_the_original_listener(
        self, registry: Registry
    ) -> None:
        """Unless its owner allows it, the account can neither log in nor be found there."""
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

    def test_user_of_the_original_listener_is_marked(self, registry: Registry) -> None:
        """A search marks users who can be reached in clear only."""
        registry.online("bob", 5000)
        found = registry.ask(self.secure(registry), Search("bob"))
        assert found == SearchResult(Presence.ONLINE, "10.0.0.1", 5000, None, in_clear=True)

    def test_user_who_leaves_while_others_are_looked_up(
        self, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A user who was online when asked about is offline afterwards, not unknown."""
        watcher, bob = self.secure(registry), self.secure(registry)
        self.register(registry, "bob")
        registry.ask(bob, Login("bob", "password", key=KEY))
        registry.ask(bob, AnnouncePort(4000))

        def look_up_all(_: object, names: list[str], answer: BuildAnswer) -> BlockingJob:
            assert names == ["nobody"]
            return BlockingJob(dict, answer, Rank.QUICK)

        monkeypatch.setattr(MemoryDirectory, "look_up_all", look_up_all)
        waiting = registry.answer(watcher, Watch(("bob", "nobody")))
        assert isinstance(waiting, BlockingJob)
        registry.service.leave(bob)
        assert waiting.then(waiting.job()) == WatchResult(
            (
                PresenceUpdate("bob", SearchResult(Presence.OFFLINE, key=KEY)),
                PresenceUpdate("nobody", SearchResult(Presence.NOT_FOUND)),
            )
        )

    def test_watchers_are_told_of_changes(self, registry: Registry) -> None:
        """Watchers are told of each change until they leave or watch others."""
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

    def test_transient_heartbeats_are_answered_but_keep_no_user_online(
        self, registry: Registry
    ) -> None:
        """They show whether UDP gets through; the session's own patience is not extended."""
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
            return registry.service.hear_sealed(hello)

        assert hear(1)
        assert not hear(1)
        registry.clock.time += 50
        registry.service.hang_up_on_the_silent()
        assert registry.hung_up == [(node, Reason.SILENT)]
        assert hear(2)
        registry.service.leave(errand)
        assert not hear(3)

    def test_heartbeats_must_be_authenticated(self, registry: Registry) -> None:
        """Forged, repeated or plain heartbeats have no effect and no answer."""
        client_session = self.secure(registry)
        answer = registry.ask(client_session, Register("alice", "password", KEY))
        assert isinstance(answer, RegisterResult)
        grant = answer.grant
        assert grant is not None

        def hear(counter: int, key: bytes = grant.hello_key) -> bool:
            hello = open_hello(seal_hello(grant.session, counter, key))
            return registry.service.hear_sealed(hello)

        registry.clock.time += 100
        assert hear(5)
        assert not hear(5)
        assert not hear(4)
        assert not hear(6, key=b"x" * 32)
        registry.clock.time += 100
        assert not hear(5)
        registry.service.hear(Hello("alice"), "10.0.0.1")
        registry.clock.time += 50
        registry.service.hang_up_on_the_silent()
        assert [why for _, why in registry.hung_up] == [Reason.SILENT]
        assert not hear(7)


class TestLimits:
    """Limits that the service enforces."""

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

    def test_guesser_waits_and_the_owner_does_not(self, limited: Registry) -> None:
        """A guesser gets SLOW_DOWN and no password is checked; the owner elsewhere can log in."""
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

    def test_registrations_per_address_are_limited(self, limited: Registry) -> None:
        """The next registration is refused with the time to wait."""
        answers = [
            limited.ask(limited.client_session(secure=True), Register(f"user{i}", "password"))
            for i in range(3)
        ]
        assert [type(answer) for answer in answers] == [RegisterResult] * 2 + [SlowDown]
        assert answers[2] == SlowDown(1800.0)

    def test_searches_per_account_are_limited(self, limited: Registry) -> None:
        """Searches are limited per account, and at the original listener per address."""
        for host in ("10.0.0.1", "10.0.0.2"):
            client_session = limited.client_session(host, secure=True)
            client_session.username = "alice"
            limited.ask(client_session, Search("bob"))
        assert limited.ask(client_session, Search("bob")) == SlowDown(30.0)
        answers = [limited.ask(limited.client_session(), Search("bob")) for _ in range(3)]
        assert answers[1:] == [SearchResult(Presence.NOT_FOUND), SlowDown(30.0)]

    def test_requests_per_address_are_limited(self, limited: Registry) -> None:
        """Requests of any kind are limited per address."""
        client_session = limited.client_session()
        answers = [limited.ask(client_session, AnnouncePort(None)) for _ in range(10)]
        assert answers.count(SlowDown(1.0)) == 2
        assert not isinstance(
            limited.ask(limited.client_session("10.0.0.2"), AnnouncePort(1)), SlowDown
        )

    def test_logins_are_ranked(self, limited: Registry) -> None:
        """Tokens need no hash and come first, then known addresses, strangers and guessers."""
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
    """The registration policies."""

    @pytest.mark.parametrize(
        ("registration", "reason"),
        [
            (Registration.CLOSED, Reason.REGISTRATION_CLOSED),
            (Registration.INVITE, Reason.INVITE_NEEDED),
        ],
    )
    def test_closed_registration_is_refused(
        self, tmp_path: Path, registration: Registration, reason: Reason
    ) -> None:
        """Without a valid code, registration is refused at both listeners."""
        wall_clock = FakeClock()
        with closing(OpenedAccounts(tmp_path / "r.sqlite3", wall_clock)) as made:
            registry = Registry(made, wall_clock, registration=registration)
            for client_session in (registry.client_session(), registry.client_session(secure=True)):
                for invite in ("", "made up"):
                    request = Register("alice", "password", invite=invite)
                    assert registry.ask(client_session, request) == RegisterResult(FAIL, reason)

    def test_invite_code_works_once(self, tmp_path: Path) -> None:
        """A code for one account works once."""
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
