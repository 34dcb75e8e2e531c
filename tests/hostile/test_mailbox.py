"""A hostile contact, a stranger, a hostile registry: none breaks anything by a mailbox."""

import base64
import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from p2pchat.peer.mailbox.sealing import check_prekey, seal
from p2pchat.peer.store.identity import Identity
from p2pchat.peer.store.mailbox_store import MailboxStore
from p2pchat.protocol.messages import Reason
from p2pchat.protocol.positions import NO_SUM, add_to_sum
from p2pchat.protocol.prekeys import Prekey
from p2pchat.protocol.sealed import Position, Run
from p2pchat.protocol.talk import MAX_NUMBER, ChatText
from p2pchat.registry.store.mailboxes import Left, Owner
from tests.hostile.registry import Answers, HostileRegistry, grant
from tests.hostile.test_registry_of_clients import NONSENSE
from tests.programs import Program, environment, running
from tests.scenarios.test_mailbox import Apart, heard


class Mallory:
    """Alice's machine in bad hands: her key and her pass, and any run that she likes."""

    def __init__(self, apart: Apart) -> None:
        self.apart = apart
        home = apart.world.home("alice")
        self.identity: Identity = home.identity
        self.bob = Owner("bob", apart.world.home("bob").identity.public)
        store: MailboxStore = home.profile.mailbox(str(apart.world.url), "alice")
        permit = store.passes("bob", self.bob.key).theirs
        assert permit is not None
        self.permit = permit
        self.at = int(apart.now * 1000) + 1000

    def prekey(self) -> Prekey:
        found = self.apart.boxes.take_prekey(self.bob, self.permit, int(self.apart.now))
        assert isinstance(found, Prekey)
        return found

    def run(self, *lines: ChatText, **fields: Any) -> Run:
        run = Run("alice", self.identity.public, Position(), Position(), self.at, lines)
        return msgspec.structs.replace(run, **fields)

    def leave(self, run: Run, identity: Identity | None = None) -> None:
        """Seal a run to bob, and leave it."""
        prekey, apart = self.prekey(), self.apart
        registry = apart.boxes.registry_id()
        box = check_prekey(prekey, registry, "bob", self.bob.key, apart.now)
        self.leave_bytes(seal(run, identity or self.identity, box, prekey))

    def leave_bytes(self, sealed: bytes) -> None:
        left = self.apart.boxes.leave(self.bob, self.permit, sealed, int(self.apart.now))
        assert isinstance(left, Left)


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Apart]:
    with closing(Apart(tmp_path)) as made:
        yield made


@pytest.fixture
def mallory(apart: Apart) -> Mallory:
    return Mallory(apart)


def line(number: int, text: str = "x") -> ChatText:
    return ChatText(text, number, f"m{number}", 1)


def taken(apart: Apart, *, unreadable: int) -> list[str]:
    """Let bob come; return what he hears, after checking that the box is empty."""
    bob = apart.comes("bob")
    assert bob.node.mailbox.state.unreadable == unreadable
    said = heard(bob.told())
    apart.goes(bob)
    assert apart.in_box("bob") == 0
    return said


def test_honest_run_for_comparison(apart: Apart, mallory: Mallory) -> None:
    """What mallory makes is taken if it is right."""
    mallory.leave(mallory.run(line(1, "hello")))
    assert taken(apart, unreadable=0) == ["hello"]


def test_controls_are_made_safe(apart: Apart, mallory: Mallory) -> None:
    """As on a link."""
    mallory.leave(mallory.run(line(1, "\x1b[2Jboo\x9b")))
    (text,) = taken(apart, unreadable=0)
    assert "\x1b" not in text
    assert "\x9b" not in text


@pytest.mark.parametrize("who", ["another sender", "another key", "no contact"])
def test_run_in_the_name_of_another_is_deleted(apart: Apart, mallory: Mallory, who: str) -> None:
    """The key inside must be the one that is pinned for the name inside, and have signed."""
    carol = apart.world.home("carol").identity
    run = mallory.run(line(1, "give me your password"))
    match who:
        case "another sender":
            mallory.leave(msgspec.structs.replace(run, sender="bob"))
        case "another key":
            mallory.leave(msgspec.structs.replace(run, key=carol.public))
        case _:
            mallory.leave(
                msgspec.structs.replace(run, sender="carol", key=carol.public), identity=carol
            )
    assert taken(apart, unreadable=1) == []


@pytest.mark.parametrize("size", [568, 1656, 73728 + 1144])
def test_random_bytes_are_deleted(apart: Apart, mallory: Mallory, size: int) -> None:
    """With the number of a prekey or without."""
    mallory.leave_bytes(os.urandom(size))
    mallory.leave_bytes(mallory.prekey().number + os.urandom(size - 8))
    assert taken(apart, unreadable=2) == []


@pytest.mark.parametrize(
    "position", [Position(MAX_NUMBER, NO_SUM), Position(2**40, "a" * 32)], ids=["most", "many"]
)
def test_implausible_position(apart: Apart, mallory: Mallory, position: Position) -> None:
    """It costs the run; bob's own lines to her still have numbers."""
    mallory.leave(mallory.run(line(1), ack=position))
    assert taken(apart, unreadable=1) == []
    bob = apart.comes("bob")
    chat = bob.node.conversations.talk_with("alice")
    assert chat is not None
    assert chat.delivered == 0


def test_lines_that_are_too_long_or_without_an_id(apart: Apart, mallory: Mallory) -> None:
    """A run breaks the rules as a whole."""
    mallory.leave(mallory.run(line(1), ChatText("no id", 2, "", 1)))
    mallory.leave(mallory.run(line(1, "x" * 65_537)))
    assert taken(apart, unreadable=2) == []


def test_run_that_jumps_over_very_many_numbers(apart: Apart, mallory: Mallory) -> None:
    """As with SKIP on a link, only so many; and the numbers do not run out."""
    mallory.leave(mallory.run(line(2**32)))
    assert taken(apart, unreadable=0) == ["x"]
    after = Position(2**32, add_to_sum(NO_SUM, [f"m{2**32}"]))
    mallory.leave(mallory.run(line(2**34), after=after))
    assert taken(apart, unreadable=1) == []


def test_same_run_again_and_again(apart: Apart, mallory: Mallory) -> None:
    """It is read once, whoever repeats it."""
    prekey = mallory.prekey()
    registry = apart.boxes.registry_id()
    box = check_prekey(prekey, registry, "bob", mallory.bob.key, apart.now)
    sealed = seal(mallory.run(line(1, "once")), mallory.identity, box, prekey)
    for _ in range(3):
        mallory.leave_bytes(sealed)
    assert taken(apart, unreadable=0) == ["once"]
    mallory.leave_bytes(sealed)
    assert taken(apart, unreadable=0) == []


def test_run_for_another_user_cannot_be_passed_on(apart: Apart, mallory: Mallory) -> None:
    """Alice has signed for whom it is: bob cannot give it to carol as hers."""
    prekey = mallory.prekey()
    box = check_prekey(prekey, apart.boxes.registry_id(), "bob", mallory.bob.key, apart.now)
    other = msgspec.structs.replace(box, username="bob", number=os.urandom(8))
    sealed = seal(mallory.run(line(1)), mallory.identity, other, prekey)
    mallory.leave_bytes(sealed)
    assert taken(apart, unreadable=1) == []


def test_stranger_can_leave_nothing(apart: Apart, mallory: Mallory) -> None:
    """Without a pass there is neither a prekey nor room, and no word about the box."""
    now = int(apart.now)
    for permit in (b"\0" * 16, bytes(reversed(mallory.permit))):
        assert apart.boxes.take_prekey(mallory.bob, permit, now) is Reason.BAD_PASS
        assert apart.boxes.leave(mallory.bob, permit, bytes(568), now) is Reason.BAD_PASS
    assert taken(apart, unreadable=0) == []


def box_grant(**fields: Any) -> dict[str, Any]:
    """Return the grant of a registry that keeps mailboxes."""
    registry = base64.b64encode(b"r" * 16).decode()
    mailbox = {"registry": registry, "days": 14, "prekeys": [], "waiting": 3} | fields
    return grant(can=["meet"], mailbox=mailbox)


def answer(command: str, **fields: Any) -> Answers:
    return lambda _: (command, json.dumps(fields))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[HostileRegistry]:
    made = HostileRegistry(tmp_path)
    made.answers |= {
        "LOG": answer("LOG_RESP", outcome="OK", grant=box_grant()),
        "BOX_KEYS": answer("BOX_KEYS_RESP", outcome="OK"),
        "BOX_LIST": answer("BOX_LIST_RESP"),
        "BOX_GET": answer("BOX_RUN"),
        "BOX_DONE": answer("BOX_DONE_RESP"),
    }
    yield made
    made.close()


@pytest.fixture
def env(registry: HostileRegistry, tmp_path: Path) -> dict[str, str]:
    env = environment(tmp_path / "home", P2P_REGISTRY=registry.join, P2P_PASSWORD="password")
    assert Program("register", "alice", env=env).end() == (0, "")
    return env


def ids(count: int) -> list[list[Any]]:
    return [[base64.b64encode(os.urandom(16)).decode(), 568] for _ in range(count)]


def log_in(env: dict[str, str]) -> Program:
    program = Program("login", "--json", env=env)
    program.wait_for('"event": "logged_in"')
    return program


@pytest.mark.parametrize("command", ["BOX_LIST", "BOX_GET", "BOX_DONE", "BOX_KEYS"])
@pytest.mark.parametrize("nonsense", ["lists", "numbers", "nothing", "more than fits"])
def test_nonsense_closes_the_link(
    registry: HostileRegistry, env: dict[str, str], command: str, nonsense: str
) -> None:
    """The node says so, and tries again later."""
    registry.answers["BOX_LIST"] = answer("BOX_LIST_RESP", runs=ids(1))
    name = {"BOX_GET": "BOX_RUN"}.get(command, f"{command}_RESP")
    registry.answers[command] = lambda _: (name, NONSENSE[nonsense])
    with running(log_in(env)) as alice:
        alice.wait_for('"event": "registry_lost"')
        assert alice.end()[0] == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"days": 10**30},
        {"days": -1},
        {"waiting": -1},
        {"registry": "AAAA"},
        {"prekeys": ["AAAAAAAAAAA="] * 101},
    ],
    ids=str,
)
def test_absurd_grant_ends_the_login(
    registry: HostileRegistry, env: dict[str, str], fields: dict[str, Any]
) -> None:
    """With an error, and without a traceback."""
    registry.answers["LOG"] = answer("LOG_RESP", outcome="OK", grant=box_grant(**fields))
    code, err = Program("send", "bob", "hi", env=env).end()
    assert code in {1, 3}
    assert "Traceback" not in err


def test_list_without_an_end(registry: HostileRegistry, env: dict[str, str]) -> None:
    """A node does not fetch for ever; and it ends when it is told to."""
    registry.answers["BOX_LIST"] = lambda _: ("BOX_LIST_RESP", json.dumps({"runs": ids(200)}))
    with running(log_in(env)) as alice:
        alice.type('{"command":"mailbox"}')
        alice.wait_for('"command": "mailbox"')
        assert alice.end()[0] == 0
    fetched = sum(command == "BOX_GET" for command, _ in registry.said)
    assert fetched <= 5000


def test_flood_of_news(registry: HostileRegistry, env: dict[str, str]) -> None:
    """Each is answered by one question at most, and orders are still carried out."""
    with running(log_in(env)) as alice:
        for _ in range(2000):
            registry.push("BOX_NEWS", '{"waiting":1}')
        alice.type('{"command":"contacts"}')
        alice.wait_for('"command": "contacts"')
        assert alice.end()[0] == 0


def test_random_runs(registry: HostileRegistry, env: dict[str, str]) -> None:
    """They are counted, and asked to be deleted."""
    sealed = base64.b64encode(os.urandom(568)).decode()
    registry.answers["BOX_LIST"] = answer("BOX_LIST_RESP", runs=ids(3))
    registry.answers["BOX_GET"] = answer("BOX_RUN", sealed=sealed)
    with running(log_in(env)) as alice:
        unreadable = 0
        while not unreadable:
            alice.type('{"command":"mailbox"}')
            told = alice.wait_for('"command": "mailbox".*"unreadable": (\\d+)')
            unreadable = int(told[1])
        assert alice.end()[0] == 0
    assert unreadable == 1  # the same bytes are known from then on
