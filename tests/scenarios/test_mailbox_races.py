"""What happens to a mailbox while something else is under way, or fails for a moment."""

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from p2pchat.callbacks import ignore
from p2pchat.client.delivery import Delivery
from p2pchat.errors import P2PError, StorageError
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.mailbox.left_lines import LeftLines
from p2pchat.peer.store.mailbox_store import KeptRun, MailboxStore
from p2pchat.peer.store.profile import KnownContact
from p2pchat.protocol.client.events import TextReceived, Trouble
from p2pchat.protocol.mailbox import BoxLeaveResult
from p2pchat.protocol.messages import Outcome, Reason
from p2pchat.registry.store.mailboxes import Owner
from tests.scenarios.test_mailbox import DAY, Apart, heard, patched, say
from tests.world import Person


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Apart]:
    with closing(Apart(tmp_path)) as made:
        yield made


def once_asked(apart: Apart, name: str, act: Callable[[], None]) -> Any:
    """Do something while the registry handles the first such request."""
    real, is_done = getattr(apart.boxes, name), [False]

    def handle(*given: Any, **named: Any) -> Any:
        result = real(*given, **named)
        if not is_done[0]:
            is_done[0] = True
            act()
        return result

    return patched(apart.boxes, name, handle)


@pytest.mark.parametrize("request_", ["take_prekey", "leave"])
@pytest.mark.parametrize("how", ["cancelled", "expired"])
def test_line_that_is_given_up_while_it_is_left(apart: Apart, request_: str, how: str) -> None:
    """It is taken back, or not left any more; what was fetched before stays."""
    apart.leaves("one")
    apart.dies(apart.comes("bob"))  # fetched, not answered
    alice = apart.comes("alice")
    say(alice, "bob", "secret")
    apart.world.settle()
    outbox = alice.node.conversations.outbox

    def give_up() -> None:
        if how == "cancelled":
            outbox.cancel("bob", ignore, ignore)
        else:
            outbox.expire("bob", [alice.node.history.lines("bob")[-1].uid])

    with once_asked(apart, request_, give_up):
        apart.pass_time(25)
    assert apart.states() == ["left", "failed"]
    apart.goes(alice)
    assert heard(apart.comes_and_goes("bob")) == []
    apart.comes_and_goes("alice")
    assert apart.states() == ["delivered", "failed"]


@pytest.mark.parametrize("request_", ["take_prekey", "leave"])
def test_contact_who_is_blocked_while_lines_are_left(apart: Apart, request_: str) -> None:
    """Nothing stays there."""
    alice = apart.comes("alice")
    say(alice, "bob", "hello")
    apart.world.settle()
    block = partial(alice.node.trust.block, "bob", blocked=True)
    with once_asked(apart, request_, block):
        apart.pass_time(25)
    assert apart.in_box("bob") == 0
    assert apart.states() == ["queued"]


def test_link_that_comes_up_while_lines_are_left(apart: Apart) -> None:
    """They come once, and nothing stays in the mailbox."""
    alice = apart.comes("alice")
    say(alice, "bob", "hello")
    apart.world.settle()
    with once_asked(apart, "take_prekey", lambda: None):
        apart.pass_time(20)
        bob = apart.comes("bob")
        apart.pass_time(25)
    assert heard(bob.told()) == ["hello"]
    assert (apart.states(), apart.in_box("bob")) == (["delivered"], 0)


def test_busy_contact_keeps_nobody_else_waiting(apart: Apart) -> None:
    """Each contact has a pace of its own, and quitting leaves what can be left."""
    apart.meet("alice", "carol")
    alice = apart.comes("alice")
    say(alice, "bob", *("x" * 60_000 for _ in range(25)))
    apart.pass_time(21)
    say(alice, "carol", "hello")
    apart.pass_time(21)
    assert apart.in_box("carol") == 1
    say(alice, "carol", "bye")
    apart.goes(alice)
    assert apart.in_box("carol") == 2


def sent(apart: Apart, alice: Person, count: int, wait: float) -> tuple[float, P2PError | None]:
    """Send long lines to bob as `p2p send` does; return the seconds that it took, and the error."""
    ended: list[tuple[float, P2PError | None]] = []
    queue = partial(alice.node.conversations.outbox.queue, "bob", ["x" * 60_000] * count)
    began = apart.loop.now()

    def end(error: P2PError | None, _: int) -> None:
        ended.append((apart.loop.now() - began, error))

    delivery = Delivery(apart.loop, alice.node, "bob", queue, wait, end, left_is_enough=True)
    alice.hear_too(delivery.on_event)
    apart.pass_time(wait + 30)
    (outcome,) = ended
    return outcome


def test_slow_registry_is_not_waited_for_longer(apart: Apart) -> None:
    """`p2p send` ends in time, and says that the lines are queued."""
    took, error = sent(apart, apart.comes("alice"), 45, 5.0)
    assert took <= 10
    assert error is not None
    assert error.exit_code == 6
    apart.pass_time(300)
    assert set(apart.states()) == {"left"}


def test_slow_registry_is_waited_for_in_time(apart: Apart, monkeypatch: pytest.MonkeyPatch) -> None:
    """`p2p send --wait` goes on while there is time, however long each attempt takes."""
    alice = apart.comes("alice")
    outbox = alice.node.conversations.outbox
    leave = outbox.leave

    def leave_slowly(contact: str, then: Callable[[], None]) -> None:
        apart.loop.call_later(8, lambda: leave(contact, then))

    monkeypatch.setattr(outbox, "leave", leave_slowly)
    took, error = sent(apart, alice, 45, 200.0)
    assert error is None
    assert 16 < took < 200
    assert set(apart.states()) == {"left"}


@pytest.mark.parametrize("broken", ["is_taken", "prekey", "passes"])
def test_disk_that_fails_once_while_lines_are_taken(
    apart: Apart, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """They are taken some minutes later, and the user is told."""
    apart.leaves("one")
    with monkeypatch.context() as patch:
        fail_once(patch, MailboxStore, broken)
        bob = apart.comes("bob")
    apart.pass_time(600)
    events = bob.told()
    assert [e for e in events if isinstance(e, Trouble)]
    assert heard(events) == ["one"]
    assert apart.in_box("bob") == 0


@pytest.mark.parametrize("broken", ["keep_left", "keep_passes"])
def test_disk_that_fails_once_while_lines_are_left(
    apart: Apart, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """They are left again, and are read once."""
    apart.leaves("first")
    bob = apart.comes("bob")
    say(bob, "alice", "reply")
    with monkeypatch.context() as patch:
        fail_once(patch, MailboxStore, broken)
        apart.pass_time(25)
    apart.pass_time(200)
    apart.goes(bob)
    assert heard(apart.comes_and_goes("alice")) == ["reply"]


def fail_once(patch: pytest.MonkeyPatch, owner: type, name: str) -> None:
    """Let a method fail the next time."""
    real = getattr(owner, name)
    failures = [StorageError("database is locked")]

    def method(*given: Any, **named: Any) -> Any:
        if failures:
            raise failures.pop()
        return real(*given, **named)

    patch.setattr(owner, name, method)


def test_cancel_on_a_failing_disk_is_answered(
    apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the error, by whatever request."""
    apart.leaves("one")
    alice = apart.comes("alice")
    answers: list[object] = []
    with monkeypatch.context() as patch:
        fail_once(patch, LeftLines, "_forget")
        outbox = alice.node.conversations.outbox
        outbox.cancel("bob", lambda *counts: answers.append(counts), answers.append)
        apart.world.settle()
    assert answers == [(1, 0)]


def test_reader_that_has_caught_up(apart: Apart) -> None:
    """What was held back meanwhile is fetched."""
    bob = apart.comes("bob")
    apart.wall_off(bob)
    chat = bob.node.conversations.talk_with("alice")
    assert chat is not None
    bob.node.wait_for_reader("alice", behind=True)
    apart.leaves("hello")
    assert heard(bob.told()) == []
    bob.node.wait_for_reader("alice", behind=False)
    apart.world.settle()
    assert heard(bob.told()) == ["hello"]


def test_room_that_another_process_has_made(apart: Apart) -> None:
    """It is noticed after some minutes."""
    for n in range(3):
        apart.leaves(f"line {n}")
    bob = apart.world.person("bob", "10.0.1.1", wall=apart.wall, limits=PeerLimits(unread_lines=2))
    assert heard(bob.told()) == ["line 0", "line 1"]
    history = apart.world.home("bob").profile.history(str(apart.world.url))
    history.mark_read("alice", history.lines("alice")[-1].id)
    apart.pass_time(400)
    assert heard(bob.told()) == ["line 2"]


def test_node_that_runs_for_months(apart: Apart) -> None:
    """Its prekeys are renewed before they expire."""
    bob = apart.comes("bob")
    apart.wall_off(bob)
    for _ in range(9):
        apart.now += 7 * DAY
        apart.world.advance(3700)
    apart.dies(bob)
    apart.leaves("after two months")
    assert apart.states() == ["left"]


def test_many_new_contacts_at_once(apart: Apart) -> None:
    """All passes reach the registry, which limits how often a box is changed."""
    home, url = apart.world.home("bob"), str(apart.world.url)
    bob = apart.comes("bob")
    people = [_Contact(f"user{n}", bytes([n]) * 32) for n in range(60)]
    for one in people:
        home.profile.keep_contact(url, KnownContact(one.contact, key=one.key, accepted=True))
        assert bob.node.mailbox.pass_for(one)  # type: ignore[arg-type]  # enough of a Talk
        apart.pass_time(0.5)
    apart.pass_time(3700)
    store = home.profile.mailbox(url, "bob")
    owner = Owner("bob", home.identity.public)
    now = int(apart.now)
    for one in people:
        permit = store.passes(one.contact, one.key).ours
        assert permit is not None
        assert not isinstance(apart.boxes.leave(owner, permit, bytes(568), now), str)


class _Contact(NamedTuple):
    contact: str
    key: bytes


def test_mailbox_that_is_turned_on_again_and_again(apart: Apart) -> None:
    """It has as many prekeys as before."""
    bob = apart.comes("bob")
    for _ in range(4):
        bob.node.mailbox.turn(on=True)
        apart.world.settle()
    owner = Owner("bob", apart.world.home("bob").identity.public)
    assert len(apart.boxes.numbers(owner, int(apart.now))) == 51


def test_registry_that_went_back_to_an_older_database(apart: Apart) -> None:
    """Passes are said again within a week, though it does not say that it lacks them."""
    owner = Owner("bob", apart.world.home("bob").identity.public)
    apart.boxes.publish(owner, (), (), replace=False, now=int(apart.now))  # no pass is left
    apart.leaves("one")
    assert apart.states() == ["queued"]
    apart.pass_time(8 * DAY)
    apart.comes_and_goes("bob")
    apart.comes_and_goes("alice")
    assert apart.states() == ["left"]


def test_run_whose_time_is_over(apart: Apart) -> None:
    """It is shown as queued, also before the registry was asked."""
    alice = apart.comes("alice")
    say(alice, "bob", "hello")
    apart.world.settle()
    store = apart.world.home("alice").profile.mailbox(str(apart.world.url), "alice")
    key = apart.world.home("bob").identity.public
    store.keep_left(KeptRun(b"i" * 16, "bob", key, 1, 1, until=1_000_000, seen_at=1))
    assert apart.states() == ["queued"]
    assert alice.node.history.left() == ()


def test_contact_whose_clock_was_ahead(apart: Apart) -> None:
    """Its answers are believed again a day later."""
    apart.now += 20 * DAY
    apart.leaves("one")  # and so alice's position of then
    apart.now -= 20 * DAY
    apart.comes_and_goes("bob")
    apart.comes_and_goes("alice")
    bob = apart.comes("bob")
    say(bob, "alice", "reply")
    apart.goes(bob)
    for _ in range(3):
        apart.pass_time(DAY + 1)
        apart.comes_and_goes("alice")
        apart.comes_and_goes("bob")
    assert apart.lines("bob", "alice")[-1] == ("reply", "delivered")


def test_quitting_on_a_dead_link(apart: Apart) -> None:
    """What it has not brought is left."""
    alice, bob = apart.comes("alice"), apart.comes("bob")
    say(alice, "bob", "a")
    apart.pass_time(3)
    apart.world.internet.stop(bob.host)
    say(alice, "bob", "last words")
    apart.pass_time(1)
    alice.node.stop()
    apart.world.settle()
    apart.pass_time(10)
    assert apart.states() == ["delivered", "left"]


def test_ids_of_runs_are_checked() -> None:
    """An answer without one would be asked for ever after."""
    with pytest.raises(ValueError, match="id of a run"):
        BoxLeaveResult(Outcome.OK)


def test_refusal_is_told_once(apart: Apart) -> None:
    """And not again at each try."""
    alice = apart.comes("alice")
    with patched(apart.boxes, "leave", lambda *_: Reason.FULL):
        say(alice, "bob", "hello")
        for _ in range(5):
            apart.pass_time(3700)
    told = [e for e in alice.told() if isinstance(e, Trouble)]
    assert len(told) == 1
    assert not [e for e in alice.all_events if isinstance(e, TextReceived)]


def test_everything_at_random(apart: Apart) -> None:
    """Both come, go and write in any order: in the end all is delivered."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    for n in range(30):
        name, other = rng.choice([("alice", "bob"), ("bob", "alice")])
        person = apart.comes(name)
        if rng.random() < 0.5:
            say(person, other, f"{name} {n}")
        apart.pass_time(rng.choice((0.1, 5, 25)))
        apart.goes(person)
    for _ in range(2):
        for name in ("alice", "bob"):
            apart.comes_and_goes(name)
    for name, other in (("alice", "bob"), ("bob", "alice")):
        said = [text for text, _ in apart.lines(name, other) if text.startswith(name)]
        came = [text for text, _ in apart.lines(other, name) if text.startswith(name)]
        assert said == came
