"""Mailboxes at the registry (PROTOCOL, "Mailbox"), by raw bytes over Python's TLS."""

import base64
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.secure_client import KEY, PeerIdentity, Secure, SecurePeer
from tests.programs import Program, Serve, environment, running

PASS = base64.b64encode(b"p" * 16).decode()
PASS_HASH = base64.b64encode(hashlib.sha256(b"p" * 16).digest()).decode()
RUN = base64.b64encode(b"x" * (512 + 56)).decode()
CAN = ["meet", "mailbox"]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Yield a registry with mailboxes, which are small."""
    off = (
        *("requests-per-second=0", "new-connections-per-minute=0"),
        *("registrations-per-hour=0", "registrations-per-hour-and-address=0"),
        *("box-runs=3", "box-bytes=200000", "pass-runs=0", "pass-bytes-per-day=0"),
    )
    limits = [word for limit in off for word in ("--limit", limit)]
    serve = Serve(
        tmp_path_factory.mktemp("registry"),
        "--quiet",
        "--password-cost",
        "64:1",
        "--mailbox",
        "1MB",
        *limits,
    )
    with running(serve):
        yield serve


def prekey(**fields: Any) -> dict[str, Any]:
    """Return a prekey as bytes that nobody checks here."""
    return {
        "number": base64.b64encode(os.urandom(8)).decode(),
        "kem": "X25519",
        "public": base64.b64encode(b"u" * 32).decode(),
        "expires_at": int(time.time()) + 28 * 86400,
        "signature": base64.b64encode(b"s" * 64).decode(),
        "one_time": True,
        **fields,
    }


class Owner(Secure):
    """A user with a box, which the pass PASS opens."""

    def __init__(self, serve: Serve, name: str) -> None:
        super().__init__(serve)
        self.name = name
        answer = self.tell("REG", username=name, password="password", can=CAN)
        self.grant = answer[1]["grant"]
        assert self.tell("BOX_KEYS", passes=[PASS_HASH])[1] == {"outcome": "OK"}

    def box(self, **fields: Any) -> dict[str, Any]:
        """Return the fields by which others name the box."""
        return {"username": self.name, "key": KEY, "permit": PASS, **fields}


@pytest.fixture
def bob(registry: Serve, name: str) -> Owner:
    return Owner(registry, f"{name}-b")


@pytest.fixture
def alice(registry: Serve, name: str) -> Secure:
    client = Secure(registry)
    client.register(f"{name}-a", can=CAN)
    return client


def leave(alice: Secure, bob: Owner, run: str = RUN) -> dict[str, Any]:
    return alice.tell("BOX_LEAVE", **bob.box(sealed=run))[1]


def test_run_from_leaving_to_taking(registry: Serve, alice: Secure, bob: Owner) -> None:
    """It is announced, listed, fetched and forgotten; the sender sees whether it is there."""
    left = leave(alice, bob)
    assert left["outcome"] == "OK"
    assert len(base64.b64decode(left["run"])) == 16
    assert bob.hear() == ("BOX_NEWS", '{"waiting":1}')
    assert bob.tell("BOX_LIST")[1] == {"runs": [[left["run"], 568]]}
    assert bob.tell("BOX_GET", run=left["run"])[1] == {"sealed": RUN}
    assert alice.tell("BOX_HAS", runs=[left["run"]])[1] == {"runs": [left["run"]]}
    assert alice.tell("BOX_LIST")[1] == {}
    assert alice.tell("BOX_GET", run=left["run"])[1] == {}
    assert alice.tell("BOX_DONE", runs=[left["run"]])[1] == {}
    assert bob.tell("BOX_DONE", runs=[left["run"]])[1] == {}
    assert bob.tell("BOX_LIST")[1] == {}
    assert alice.tell("BOX_HAS", runs=[left["run"]])[1] == {}


def test_login_tells_of_the_box(registry: Serve, alice: Secure, bob: Owner) -> None:
    """Its prekeys and how many runs wait; only to clients that know mailboxes."""
    assert bob.grant["mailbox"]["days"] == 14
    registry_id = bob.grant["mailbox"]["registry"]
    key = prekey()
    assert bob.tell("BOX_KEYS", prekeys=[key])[1] == {"outcome": "OK"}
    leave(alice, bob)
    bob.close()
    again = Secure(registry)
    told = again.tell("LOG", username=bob.name, token=bob.grant["token"], can=CAN)[1]["grant"]
    assert told["mailbox"] == {
        "registry": registry_id,
        "days": 14,
        "prekeys": [key["number"]],
        "waiting": 1,
    }
    older = Secure(registry)
    told = older.tell("LOG", username=bob.name, token=told["token"], can=["meet"])[1]["grant"]
    assert "mailbox" not in told


def test_run_is_taken_back(alice: Secure, bob: Owner) -> None:
    """By whoever knows its id, which only the sender does; what was taken is not reported."""
    first, second = leave(alice, bob)["run"], leave(alice, bob)["run"]
    for _ in range(2):
        assert bob.hear()[0] == "BOX_NEWS"
    bob.tell("BOX_DONE", runs=[first])
    unknown = base64.b64encode(bytes(16)).decode()
    assert alice.tell("BOX_UNDO", runs=[first, second, unknown])[1] == {"runs": [second]}
    assert bob.tell("BOX_LIST")[1] == {}


def test_one_time_prekeys_run_out(alice: Secure, bob: Owner) -> None:
    """Then the current one is given, again and again."""
    ask = bob.box()
    assert alice.tell("BOX_KEY", **ask)[1] == {"outcome": "FAIL", "reason": "NO_PREKEY"}
    once, current = prekey(), prekey(one_time=False)
    bob.tell("BOX_KEYS", prekeys=[current, once])
    given = [alice.tell("BOX_KEY", **ask)[1]["prekey"] for _ in range(3)]
    del current["one_time"]
    assert given == [once, current, current]


def test_who_may_not_leave(alice: Secure, bob: Owner, name: str) -> None:
    """Without a box, or without its pass; the owner ends a pass by not naming it."""
    wrong = base64.b64encode(b"x" * 16).decode()
    assert leave(alice, bob)["outcome"] == "OK"
    for command, more in (("BOX_LEAVE", {"sealed": RUN}), ("BOX_KEY", {})):
        refused = alice.tell(command, **bob.box(permit=wrong), **more)[1]
        assert refused == {"outcome": "FAIL", "reason": "BAD_PASS"}
        refused = alice.tell(command, **bob.box(username=f"{name}-a"), **more)[1]
        assert refused == {"outcome": "FAIL", "reason": "BAD_PASS"}
    bob.hear()
    bob.tell("BOX_KEYS", passes=[])
    assert leave(alice, bob)["reason"] == "BAD_PASS"


def test_full_box(alice: Secure, bob: Owner) -> None:
    """Nothing that is there is lost for what comes later; what is too big is never taken."""
    for _ in range(3):
        assert leave(alice, bob)["outcome"] == "OK"
    assert leave(alice, bob) == {"outcome": "FAIL", "reason": "FULL"}
    for size in (0, 1, 559, 76 * 1024):
        odd = base64.b64encode(bytes(size)).decode()
        assert leave(alice, bob, odd) == {"outcome": "FAIL", "reason": "TOO_BIG"}


def test_largest_run_passes(alice: Secure, bob: Owner) -> None:
    """A frame of that size is below what a connection buffers."""
    largest = base64.b64encode(os.urandom(73728 + 1144)).decode()
    run = leave(alice, bob, largest)["run"]
    bob.hear()
    assert bob.tell("BOX_GET", run=run)[1] == {"sealed": largest}


def test_asking_without_end(alice: Secure, bob: Owner) -> None:
    """Prekeys are given thirty times a minute to one pass, so that they are not drained."""
    answers = [alice.tell("BOX_KEY", **bob.box())[0] for _ in range(31)]
    assert answers == ["BOX_KEY_RESP"] * 30 + ["SLOW_DOWN"]


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("BOX_LEAVE", {"sealed": RUN, "permit": "AAAA"}),
        ("BOX_LEAVE", {"sealed": RUN, "key": "AAAA"}),
        ("BOX_LEAVE", {"sealed": "no base64!"}),
        ("BOX_KEYS", {"prekeys": [prekey()] * 25}),
        ("BOX_KEYS", {"prekeys": [prekey(number="AAAA")]}),
        ("BOX_KEYS", {"prekeys": [prekey(kem="")]}),
        ("BOX_KEYS", {"prekeys": [prekey(kem="X\0")]}),
        ("BOX_KEYS", {"prekeys": [prekey(expires_at=-1)]}),
        ("BOX_KEYS", {"passes": [PASS]}),
        ("BOX_KEYS", {"passes": [PASS_HASH] * 501}),
        ("BOX_HAS", {"runs": ["AAAA"]}),
        ("BOX_UNDO", {"runs": [PASS] * 201}),
        ("BOX_GET", {}),
        ("BOX_LIST", {"after": "AAAA"}),
    ],
)
def test_invalid_requests_close_the_connection(
    bob: Owner, alice: Secure, command: str, fields: dict[str, Any]
) -> None:
    """As any invalid message; the registry goes on."""
    alice.say(command, json.dumps({**bob.box(), **fields}))
    assert alice.closed_by_remote()
    assert bob.tell("BOX_LIST")[1] == {}


def test_owner_who_changes_the_box_without_end(bob: Owner) -> None:
    """Twenty times a minute; prekeys for more than 60 days are refused."""
    late = prekey(expires_at=int(time.time()) + 90 * 86400)
    assert bob.tell("BOX_KEYS", prekeys=[late])[1]["outcome"] == "FAIL"
    answers = [bob.tell("BOX_KEYS", prekeys=[])[0] for _ in range(19)]
    assert (answers[-2], answers[-1]) == ("BOX_KEYS_RESP", "SLOW_DOWN")


@pytest.mark.parametrize("command", ["BOX_LIST", "BOX_KEY", "BOX_LEAVE", "BOX_KEYS"])
def test_mailbox_needs_a_login(registry: Serve, command: str) -> None:
    """Before it, such a request closes the connection."""
    client = Secure(registry)
    client.say(command, "{}")
    assert client.closed_by_remote()


def test_registry_without_mailboxes(tmp_path: Any, name: str) -> None:
    """By default nothing is kept, and nothing is promised."""
    with running(Serve(tmp_path / "r", "--quiet", "--password-cost", "64:1")) as serve:
        client = Secure(serve)
        answer = client.tell("REG", username=name, password="password", can=CAN)
        assert "mailbox" not in answer[1]["grant"]
        box = {"username": name, "key": KEY, "permit": PASS}
        none = {"outcome": "FAIL", "reason": "NO_BOX"}
        assert client.tell("BOX_KEYS", passes=[PASS_HASH])[1] == none
        assert client.tell("BOX_KEY", **box)[1] == none
        assert client.tell("BOX_LEAVE", **box, sealed=RUN)[1] == none
        for command in ("BOX_LIST", "BOX_HAS", "BOX_UNDO", "BOX_DONE"):
            assert client.tell(command, runs=[PASS])[1] == {}


class Called:
    """A real node, called by a raw peer that it then accepts."""

    def __init__(self, registry: Serve, folder: Path, name: str) -> None:
        self.callee, self.caller = f"a-{name}", f"b-{name}"
        self._env = environment(folder / "a", P2P_REGISTRY=registry.join, P2P_PASSWORD="password")
        assert Program("register", self.callee, env=self._env).end()[0] == 0
        self._identity = PeerIdentity(folder)
        self.ours = Secure(registry, self._identity.key)
        self.ours.register(self.caller, can=["mailbox"])
        self.ours.tell("PS_PORT", port=4001)

    @contextmanager
    def accepted(self, **fields: Any) -> Iterator[SecurePeer]:
        """Yield the link, after checking the node's answer."""
        with running(Program("login", self.callee, env=self._env)) as node:
            self._port = int(node.wait_for(r"listening on 127\.0\.0\.1:(\d+)")[1])
            link = SecurePeer(self._port, self._identity)
            link.say("CHAT_REQ", json.dumps({"username": self.caller, **fields}))
            node.wait_for(rf"^\* {self.caller} wants to chat")
            node.type("/accept")
            assert json.loads(link.hear()[1]) == {"reply": "ACCEPT", "can": ["mailbox", "files"]}
            yield link
            link.close()
            node.type("/quit")
            assert node.end()[0] in {0, 6}  # once the registry knows everything

    def call_again(self) -> str:
        """Call the same node, which knows us now; return the command of its answer."""
        again = SecurePeer(self._port, self._identity)
        answer, _ = again.ask("CHAT_REQ", json.dumps({"username": self.caller}))
        again.close()
        return answer


@pytest.fixture
def called(registry: Serve, tmp_path: Path, name: str) -> Called:
    return Called(registry, tmp_path, name)


def test_node_gives_its_pass_to_contacts_who_know_what_it_is(called: Called) -> None:
    """On each link; with it, a prekey is given, and a run is taken."""
    with called.accepted(can=["mailbox", "juggle"]) as link:
        heard = dict(link.hear() for _ in range(4))
    assert set(heard) == {"SYNC", "IDLE", "HERE", "BOX_PASS"}
    permit = json.loads(heard["BOX_PASS"])["permit"]
    assert len(base64.b64decode(permit)) == 16
    key = called.ours.tell("SEARCH", username=called.callee)[1]["key"]
    box = {"username": called.callee, "key": key, "permit": permit}
    assert called.ours.tell("BOX_KEY", **box)[1]["prekey"]["one_time"]
    assert called.ours.tell("BOX_LEAVE", **box, sealed=RUN)[1]["outcome"] == "OK"


def test_peer_that_cannot_is_given_no_pass(called: Called) -> None:
    """An older program would end the link."""
    with called.accepted() as link:
        link.say("SYNC", json.dumps({"last_in": 0, "sum": "0" * 32}))
        link.say("MSG", json.dumps({"text": "hi", "seq": 1, "id": "m1", "at": 1}))
        heard = {link.hear()[0] for _ in range(4)}
        assert heard == {"SYNC", "IDLE", "HERE", "ACK"}


@pytest.mark.parametrize("payload", ['{"permit":"AAAA"}', "{}", '{"permit":7}', "[]"])
def test_malformed_pass_closes_the_link(called: Called, payload: str) -> None:
    """And nothing else: the node accepts the next call."""
    with called.accepted() as link:
        link.say("BOX_PASS", payload)
        with pytest.raises(AssertionError, match="ended"):
            _hear_all(link)
        assert called.call_again() == "CHAT_REQ_RESP"


def _hear_all(link: SecurePeer) -> None:
    """Hear until the link ends. Raise AssertionError then."""
    while True:
        link.hear()
