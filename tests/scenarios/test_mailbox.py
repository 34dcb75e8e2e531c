"""Lines arrive though the two are never online together, through the registry's mailbox."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from p2pchat.callbacks import ignore
from p2pchat.net.loop import Loop
from p2pchat.peer.calls import calls
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.chat import reconnector
from p2pchat.peer.mailbox.sealing import CLASSIC, new_prekey
from p2pchat.protocol.client.events import Delivered, Event, Left, QuotaFull, TextReceived, Trouble
from p2pchat.protocol.client.state import CameBy
from p2pchat.registry.store.mailboxes import Mailboxes, Owner, Quotas
from tests.fakes import FakeClock
from tests.nats import KINDS, NatInternet
from tests.world import Person, World

DAY = 24 * 3600.0


class Apart:
    """A world with a mailbox, and users who know each other and come one at a time."""

    def __init__(self, folder: Path, *, with_mailbox: bool = True, walls: bool = False) -> None:
        self.loop = Loop(FakeClock(), strict=True)
        self.now = float(int(time.time()))
        self._nats = NatInternet(self.loop) if walls else None
        self.world = World(self.loop, folder, secure=True, internet=self._nats)
        self.boxes = Mailboxes(self.world.accounts.store, Quotas())
        self.restart_registry(with_mailbox=with_mailbox)
        self._hosts = 1
        self.meet()

    def meet(self, caller: str = "alice", callee: str = "bob") -> None:
        """Let two be online together once."""
        calling, called = self.comes(caller), self.comes(callee)
        calling.node.call(callee)
        self.world.advance(2)
        if called.node.called_by:
            called.node.accept()
        self.world.settle()
        for person in (calling, called):
            self.goes(person)

    def restart_registry(self, *, with_mailbox: bool = True) -> None:
        self.world.kill_registry()
        boxes = self.boxes if with_mailbox else None
        self.world.start_registry(boxes=boxes, wall=self.wall)

    def wall(self) -> float:
        self.now += 0.001
        return self.now

    def comes(self, name: str) -> Person:
        """Let a user log in."""
        self._hosts += 1
        host = f"10.0.0.{self._hosts}"
        if self._nats is not None:
            self._nats.settle(host, KINDS["symmetric"])
        return self.world.person(name, host, wall=self.wall)

    def goes(self, person: Person) -> None:
        """Let a user quit."""
        person.node.stop()
        self.world.settle()

    def dies(self, person: Person) -> None:
        """Let a user's machine vanish: nothing more is written or sent."""
        self.world.internet.cut_all(person.host)
        person.node.stop()
        self.world.settle()

    def comes_and_goes(self, name: str) -> list[Event]:
        """Let a user log in, and out; return the events."""
        person = self.comes(name)
        self.goes(person)
        return person.told()

    def leaves(self, *lines: str) -> None:
        """Let alice come, write to bob, and quit."""
        alice = self.comes("alice")
        say(alice, "bob", *lines)
        self.goes(alice)

    def wall_off(self, person: Person) -> None:
        """Let nobody reach a user, who is online."""
        listeners = self.world.internet.listeners
        for address in [a for a in listeners if a.host == person.host]:
            del listeners[address]
        self.world.cannot_meet(person.name)

    def pass_time(self, seconds: float) -> None:
        """Let time pass on every clock."""
        self.now += seconds
        self.world.advance(seconds)

    def in_box(self, name: str) -> int:
        """Return how many runs wait for a user."""
        return sum(use.runs for use in self.boxes.uses() if use.username == name)

    def lines(self, name: str, contact: str) -> list[tuple[str, str]]:
        """Return the lines of a user with a contact, and the state of each."""
        history = self.world.home(name).profile.history(str(self.world.url))
        return [(line.text, line.shown_state) for line in history.lines(contact)]

    def states(self) -> list[str]:
        """Return the states of alice's lines to bob."""
        return [state for _, state in self.lines("alice", "bob")]

    def close(self) -> None:
        self.world.close()
        self.loop.close()


def heard(events: Sequence[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, TextReceived)]


def say(person: Person, contact: str, *lines: str) -> None:
    person.node.conversations.outbox.queue(contact, lines, lambda _: None, lambda _: None)


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Apart]:
    with closing(Apart(tmp_path)) as made:
        yield made


def test_line_arrives_though_they_are_never_online_together(apart: Apart) -> None:
    """Left after a while, taken, answered; only the answer makes it delivered."""
    alice = apart.comes("alice")
    say(alice, "bob", "hello", "are you there?")
    apart.pass_time(19)
    assert not [e for e in alice.told() if isinstance(e, Left)]
    apart.pass_time(2)
    assert [e for e in alice.told() if isinstance(e, Left)] == [Left("bob", 2, 0)]
    chat = alice.node.chat("bob")
    assert chat is not None
    assert (chat.waiting, chat.left, chat.delivered) == (2, 2, 0)
    assert apart.states() == ["left", "left"]
    apart.goes(alice)

    bob = apart.comes("bob")
    messages = [e for e in bob.told() if isinstance(e, TextReceived)]
    assert [e.text for e in messages] == ["hello", "are you there?"]
    assert all(e.by is CameBy.MAILBOX for e in messages)
    apart.goes(bob)
    assert apart.states() == ["left", "left"]

    alice = apart.comes("alice")
    assert Delivered("bob", 0) in alice.told()
    assert apart.states() == ["delivered", "delivered"]
    assert apart.in_box("alice") == apart.in_box("bob") == 0


def test_lines_are_left_at_the_end(apart: Apart) -> None:
    """Whoever writes and quits at once, need not wait."""
    apart.leaves("quick")
    assert apart.states() == ["left"]
    assert heard(apart.comes_and_goes("bob")) == ["quick"]


def test_answer_carries_lines(apart: Apart) -> None:
    """Bob's reply acknowledges what alice has left; a run without lines is not answered."""
    apart.leaves("question")
    bob = apart.comes("bob")
    say(bob, "alice", "answer")
    apart.goes(bob)
    assert apart.in_box("alice") == 1
    assert heard(apart.comes_and_goes("alice")) == ["answer"]
    assert apart.states()[0] == "delivered"
    apart.comes_and_goes("bob")
    assert apart.lines("bob", "alice")[-1] == ("answer", "delivered")
    assert apart.in_box("alice") == apart.in_box("bob") == 0


def test_second_way_brings_nothing_twice(apart: Apart) -> None:
    """A link brings what was left, too, and then it is taken back."""
    apart.leaves("one")
    alice = apart.comes("alice")
    say(alice, "bob", "two")
    bob = apart.comes("bob")
    assert heard(bob.told()) == ["one", "two"]
    apart.pass_time(30)
    assert apart.in_box("bob") == 0
    assert apart.states() == ["delivered", "delivered"]


def test_only_new_lines_are_left(apart: Apart) -> None:
    """What is in the mailbox already is not left again."""
    for n in range(3):
        apart.leaves(f"line {n}")
    assert apart.in_box("bob") == 3
    assert heard(apart.comes_and_goes("bob")) == ["line 0", "line 1", "line 2"]


def test_contact_who_cannot_be_reached(apart: Apart) -> None:
    """Lines for a contact who is online are left only after ten minutes."""
    bob = apart.comes("bob")
    apart.wall_off(bob)
    alice = apart.comes("alice")
    say(alice, "bob", "hello")
    apart.pass_time(300)
    assert apart.states() == ["queued"]
    apart.pass_time(400)
    assert heard(bob.told()) == ["hello"]
    apart.pass_time(30)
    assert apart.states() == ["delivered"]


def test_pass_that_came_on_a_circuit(tmp_path: Path) -> None:
    """Two who can only meet at the registry can leave each other lines, too."""
    with closing(Apart(tmp_path, walls=True)) as apart:
        apart.leaves("through two walls")
        assert apart.states() == ["left"]
        assert heard(apart.comes_and_goes("bob")) == ["through two walls"]


def test_mailbox_that_loses_everything(apart: Apart) -> None:
    """The line is left again once it has been gone for a day without an answer."""
    apart.leaves("hello")
    apart.boxes.clear("bob")
    for runs in (0, 1):  # asked after a day, and believed after another one
        apart.pass_time(DAY + 1)
        apart.comes_and_goes("alice")
        assert apart.in_box("bob") == runs
    assert heard(apart.comes_and_goes("bob")) == ["hello"]


def test_run_that_has_expired(apart: Apart) -> None:
    """After the registry's days it is left again."""
    apart.leaves("hello")
    apart.pass_time(15 * DAY)
    assert apart.boxes.delete_expired(int(apart.now)) == 1
    apart.comes_and_goes("alice")
    assert (apart.states(), apart.in_box("bob")) == (["left"], 1)
    assert heard(apart.comes_and_goes("bob")) == ["hello"]


def test_full_box(apart: Apart) -> None:
    """It is an answer, and nothing is lost; it is tried again an hour later."""
    apart.boxes.quotas = Quotas(pass_runs=1)
    apart.leaves("one")
    alice = apart.comes("alice")
    say(alice, "bob", "two")
    apart.pass_time(30)
    assert apart.states() == ["left", "queued"]
    (trouble,) = [e for e in alice.told() if isinstance(e, Trouble)]
    assert trouble.error.what.startswith("bob's mailbox is full")
    apart.boxes.quotas = Quotas()
    for _ in range(3):
        apart.pass_time(1900)
    assert apart.states() == ["left", "left"]


def test_blocked_contact_can_leave_nothing(apart: Apart) -> None:
    """Blocking ends the pass; what was left before is not taken either."""
    apart.leaves("before")
    bob = apart.comes("bob")
    bob.told()
    bob.node.trust.block("alice", blocked=True)
    apart.world.settle()
    apart.goes(bob)
    apart.leaves("after")
    assert apart.states() == ["left", "queued"]  # the blocked get no answer either
    apart.comes_and_goes("alice")
    apart.comes_and_goes("bob")
    assert apart.in_box("alice") == 0
    bob = apart.comes("bob")
    assert heard(bob.told()) == []
    bob.node.trust.block("alice", blocked=False)
    alice = apart.comes("alice")  # the next link brings a new pass
    apart.pass_time(5)
    assert heard(bob.told()) == ["after"]
    apart.goes(alice)
    apart.goes(bob)
    apart.leaves("again")
    assert apart.states()[-1] == "left"


def test_run_of_a_blocked_contact_is_deleted(apart: Apart) -> None:
    """It is counted, and its sender keeps the line."""
    apart.leaves("hello")
    home = apart.world.home("bob")
    contacts = Contacts(home.profile, str(apart.world.url), home.identity.public)
    contacts.block("alice", blocked=True)
    bob = apart.comes("bob")
    assert (heard(bob.told()), bob.node.mailbox.state.unreadable) == ([], 1)
    apart.goes(bob)
    assert apart.in_box("bob") == 0
    apart.comes_and_goes("alice")
    assert apart.states() == ["left"]


def test_registry_without_mailboxes(tmp_path: Path) -> None:
    """Lines wait for both to be online, as ever."""
    with closing(Apart(tmp_path, with_mailbox=False)) as apart:
        apart.leaves("hello")
        assert apart.states() == ["queued"]
        bob = apart.comes("bob")
        assert not bob.node.mailbox.state.is_kept
        apart.comes("alice")
        apart.world.settle()
        assert heard(bob.told()) == ["hello"]


def test_mailboxes_that_are_offered_no_longer(apart: Apart) -> None:
    """What was left is queued again, and comes by a link; or is left again after all."""
    apart.leaves("hello")
    apart.restart_registry(with_mailbox=False)
    apart.comes_and_goes("alice")
    assert apart.states() == ["queued"]
    apart.restart_registry()
    apart.comes_and_goes("alice")
    assert apart.states() == ["left"]
    assert heard(apart.comes_and_goes("bob")) == ["hello"]
    apart.comes_and_goes("alice")
    assert apart.states() == ["delivered"]


def test_mailboxes_that_are_offered_later(tmp_path: Path) -> None:
    """The first link after that brings the passes."""
    with closing(Apart(tmp_path, with_mailbox=False)) as apart:
        apart.restart_registry()
        apart.leaves("no pass yet")
        assert apart.states() == ["queued"]
        apart.meet()
        apart.leaves("hello")
        assert apart.states()[-1] == "left"


def test_contact_with_an_older_program(
    apart: Apart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who does not say that it can, is sent no pass, and nothing is left for it."""
    for module in (calls, reconnector):
        monkeypatch.setattr(module, "ABILITIES", ())
    folder = tmp_path / "older"
    folder.mkdir()
    with closing(Apart(folder)) as older:
        older.leaves("hello")
        assert older.states() == ["queued"]
    apart.leaves("hello")
    assert apart.states() == ["left"]


def test_login_with_an_empty_box_costs_no_round_trip(apart: Apart) -> None:
    """Once prekeys and passes are there, nothing more is sent."""
    asked: list[str] = []
    with ExitStack() as stack:
        for name in ("publish", "take_prekey", "leave", "listed", "get", "forget", "take_back"):
            work = getattr(apart.boxes, name)

            def noted(*given: Any, name: str = name, work: Any = work, **named: Any) -> Any:
                asked.append(name)
                return work(*given, **named)

            stack.enter_context(patched(apart.boxes, name, noted))
        apart.comes_and_goes("bob")
        assert asked == []
        apart.leaves("hello")
        assert asked == ["take_prekey", "leave"]
        asked.clear()
        apart.comes_and_goes("bob")
        assert asked == ["listed", "get", "forget", "take_prekey", "leave"]


def test_prekeys_are_topped_up(apart: Apart) -> None:
    """A mailbox is not drained by being used; every third of them is enough to lack."""
    owner = Owner("bob", apart.world.home("bob").identity.public)
    assert len(apart.boxes.numbers(owner, int(apart.now))) == 51
    for n in range(31):
        apart.leaves(f"line {n}")
        apart.pass_time(10)
    assert len(apart.boxes.numbers(owner, int(apart.now))) == 20
    assert len(heard(apart.comes_and_goes("bob"))) == 31
    assert len(apart.boxes.numbers(owner, int(apart.now))) == 51


def test_current_prekey_is_renewed(apart: Apart) -> None:
    """Every week; and after months away all are new."""
    owner = Owner("bob", apart.world.home("bob").identity.public)
    before = set(apart.boxes.numbers(owner, int(apart.now)))
    apart.pass_time(8 * DAY)
    apart.comes_and_goes("bob")
    after = set(apart.boxes.numbers(owner, int(apart.now)))
    assert before < after
    assert len(after) == 52
    apart.pass_time(80 * DAY)
    apart.comes_and_goes("bob")
    latest = set(apart.boxes.numbers(owner, int(apart.now)))
    assert len(latest) == 51
    assert not latest & after


def test_receiver_with_an_older_disk(apart: Apart, tmp_path: Path) -> None:
    """It lacks private parts: all prekeys are replaced, and what it cannot open is left again."""
    copy = tmp_path / "copy"
    apart.world.copy_profile("bob", copy)
    for _ in range(2):
        apart.pass_time(8 * DAY)
        apart.comes_and_goes("bob")
    for n in range(31):  # so that a new one-time prekey is due
        apart.leaves(f"line {n}")
        apart.pass_time(10)
    apart.comes_and_goes("bob")
    apart.comes_and_goes("alice")
    apart.leaves("for the newer disk")
    apart.world.restore_profile("bob", copy)
    bob = apart.comes("bob")
    assert bob.node.mailbox.state.unreadable == 1
    apart.goes(bob)
    for _ in range(4):
        apart.pass_time(DAY + 1)
        apart.comes_and_goes("alice")
        apart.comes_and_goes("bob")
    texts = [text for text, _ in apart.lines("bob", "alice")]
    assert "for the newer disk" in texts
    assert len(texts) == len(set(texts))


def test_sender_with_an_older_disk(apart: Apart, tmp_path: Path) -> None:
    """The same numbers for other lines: none is taken for another, none twice."""
    copy = tmp_path / "copy"
    apart.world.copy_profile("alice", copy)
    apart.leaves("one", "two")
    apart.world.restore_profile("alice", copy)
    apart.leaves("three", "four", "five")
    assert heard(apart.comes_and_goes("bob")) == ["one", "two"]
    for _ in range(3):
        apart.comes_and_goes("alice")
        apart.comes_and_goes("bob")
        apart.pass_time(DAY + 1)
    assert [text for text, _ in apart.lines("bob", "alice")] == [
        *("one", "two", "three", "four", "five")
    ]
    assert apart.states() == ["delivered"] * 3


def test_quota_of_unread_lines(apart: Apart) -> None:
    """What exceeds it waits in the mailbox until the user reads."""
    for n in range(3):
        apart.leaves(f"line {n}")
    bob = apart.world.person("bob", "10.0.1.1", wall=apart.wall, limits=PeerLimits(unread_lines=2))
    events = bob.told()
    assert heard(events) == ["line 0", "line 1"]
    assert [e.lines for e in events if isinstance(e, QuotaFull)] == [2]
    assert apart.in_box("bob") == 1
    bob.node.seen("alice", bob.node.history.lines("alice")[-1].id)
    apart.world.settle()
    assert heard(bob.told()) == ["line 2"]


def test_changed_key(apart: Apart, tmp_path: Path) -> None:
    """The box of the old key is not the new one's: what was left is taken back."""
    apart.leaves("for the old key")
    apart.world.home("bob").profile.close()
    new = apart.world.home("bob-new")
    bob = apart.world.person("bob", "10.0.1.2", wall=apart.wall, home=new)
    apart.goes(bob)
    assert heard(bob.told()) == []
    alice = apart.comes("alice")
    alice.node.search("bob")
    apart.world.settle()
    alice.node.conversations.open("bob")
    apart.world.settle()
    alice.node.contacts.other_number("bob")
    assert alice.node.trust.accept_key("bob") == 1
    apart.world.settle()
    assert (apart.states(), apart.in_box("bob")) == (["failed"], 0)


def test_cancelled_lines_are_taken_back(apart: Apart) -> None:
    """Those that were fetched stay, and are delivered."""
    apart.leaves("one")
    bob = apart.comes("bob")
    apart.dies(bob)  # fetched, but not answered
    alice = apart.comes("alice")
    say(alice, "bob", "two")
    apart.pass_time(21)
    counts: list[tuple[int, int]] = []
    alice.node.conversations.outbox.cancel("bob", lambda *both: counts.append(both), ignore)
    apart.world.settle()
    assert counts == [(1, 1)]
    assert apart.states() == ["left", "failed"]
    apart.goes(alice)
    assert heard(apart.comes_and_goes("bob")) == []
    apart.comes_and_goes("alice")
    assert apart.states() == ["delivered", "failed"]


def test_expired_line_is_taken_back(apart: Apart) -> None:
    """A line that has expired is not read any more; the others are left again."""
    alice = apart.comes("alice")
    say(alice, "bob", "stays", "expires")
    apart.pass_time(21)
    uids = [line.uid for line in alice.node.history.lines("bob")]
    alice.node.conversations.outbox.expire("bob", uids[1:])
    apart.world.settle()
    assert apart.states() == ["queued", "failed"]
    apart.pass_time(21)
    assert apart.states() == ["left", "failed"]
    apart.goes(alice)
    assert heard(apart.comes_and_goes("bob")) == ["stays"]


def test_crash_before_the_request_to_delete(apart: Apart) -> None:
    """The run is offered again, and known by its bytes."""
    apart.leaves("hello")
    with patched(apart.boxes, "forget", lambda *_: None):
        assert heard(apart.comes_and_goes("bob")) == ["hello"]
    assert apart.in_box("bob") == 1
    assert heard(apart.comes_and_goes("bob")) == []
    assert apart.in_box("bob") == 0


def test_registry_that_gives_another_prekey(apart: Apart) -> None:
    """Nothing is sealed to it, and the user is told."""
    eve = apart.world.home("eve").identity
    prekey, _ = new_prekey(
        eve, apart.boxes.registry_id(), "bob", CLASSIC, int(apart.now + DAY), one_time=True
    )
    with patched(apart.boxes, "take_prekey", lambda *_: prekey):
        alice = apart.comes("alice")
        say(alice, "bob", "hello")
        apart.pass_time(21)
        (trouble,) = [e for e in alice.told() if isinstance(e, Trouble)]
    assert "not bob's" in trouble.error.what
    assert (apart.states(), apart.in_box("bob")) == (["queued"], 0)


def test_slow_registry_is_waited_for(apart: Apart) -> None:
    """More runs than a minute allows are left later."""
    alice = apart.comes("alice")
    say(alice, "bob", *("x" * 60_000 for _ in range(36)))
    apart.pass_time(21)
    assert 30 <= apart.in_box("bob") < 36
    for _ in range(12):
        apart.pass_time(10)
    assert apart.in_box("bob") == 36
    apart.goes(alice)
    assert len(heard(apart.comes_and_goes("bob"))) == 36


@contextmanager
def patched(owner: object, name: str, value: Any) -> Iterator[None]:
    """Replace a method for a while."""
    setattr(owner, name, value)
    try:
        yield
    finally:
        delattr(owner, name)
