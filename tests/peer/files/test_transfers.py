"""Files between two whole nodes: what is offered, accepted, moved, refused, and resumed.

Nodes, TLS and disks are real; only the network is in memory, and the clock is moved by hand.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchat.errors import LinkLost, P2PError, StorageError, UsageError
from p2pchat.net.loop import Loop
from p2pchat.peer.calls import calls
from p2pchat.peer.chat import reconnector
from p2pchat.peer.files import idle, receive_attempt, receiving, sending
from p2pchat.peer.store.transfer_store import TransferStore
from p2pchat.protocol.client.events import Left, TextReceived, Trouble
from p2pchat.protocol.client.file_events import (
    FileDeclined,
    FileDelivered,
    FileFailed,
    FileOffered,
    FileReceived,
    FileWaiting,
)
from p2pchat.protocol.client.transfers import TransferState
from p2pchat.protocol.files.pieces import PIECE_BYTES
from p2pchat.wall_clock import now_ms
from tests.fakes import advance, settle
from tests.file_people import Two
from tests.world import World


@pytest.fixture
def two(secure_world: World, tmp_path: Path) -> Iterator[Two]:
    """Two users with a link between them."""
    two = Two(secure_world, tmp_path)
    yield two
    two.end()


def test_file_is_offered_accepted_and_there(two: Two) -> None:
    """Both are told; it has alice's bytes, and nothing else is left in the folder."""
    path = two.file(3 * PIECE_BYTES + 5)
    two.offer(path)
    two.until(lambda: bool(two.heard("bob", FileOffered)))
    [offered] = two.heard("bob", FileOffered)
    assert (offered.name, offered.size, offered.taken) == ("report.pdf", 3 * PIECE_BYTES + 5, False)
    [line] = two.heard("bob", TextReceived)
    assert line.text == "offers report.pdf (3.1 MB)"
    assert not two.inbox.exists()
    there = two.get()
    assert there == two.inbox / "report.pdf"
    assert there.read_bytes() == path.read_bytes()
    assert os.listdir(two.inbox) == ["report.pdf"]
    two.until(lambda: bool(two.heard("alice", FileDelivered)))
    [received] = two.heard("bob", FileReceived)
    [delivered] = two.heard("alice", FileDelivered)
    assert received.sum == delivered.sum
    assert there.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, PIECE_BYTES])
def test_files_of_any_size(two: Two, size: int) -> None:
    """Small ones come with their offer, and get no name before they are accepted."""
    path = two.file(size)
    two.offer(path)
    two.until(lambda: bool(two.heard("bob", FileOffered)))
    assert not two.inbox.exists()
    assert two.get().read_bytes() == path.read_bytes()
    two.until(lambda: bool(two.heard("alice", FileDelivered)))


def test_folder(two: Two) -> None:
    """Its files, also empty and nested ones, with their permission to be run; no links."""
    folder = two.folder / "photos"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "empty").write_bytes(b"")
    (folder / "a" / "b" / "run").write_bytes(b"#!/bin/sh\n")
    (folder / "a" / "b" / "run").chmod(0o755)
    (folder / "big").write_bytes(random.Random(1).randbytes(2 * PIECE_BYTES + 9))
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    two.offer(folder)
    there = two.get()
    found = sorted(str(p.relative_to(there)) for p in there.rglob("*") if p.is_file())
    assert found == ["a/b/run", "big", "empty"]
    for name in found:
        assert (there / name).read_bytes() == (folder / name).read_bytes()
    assert os.access(there / "a/b/run", os.X_OK)
    assert not os.access(there / "big", os.X_OK)
    assert os.listdir(two.inbox) == ["photos"]


def test_empty_folder(two: Two) -> None:
    """A folder without files is a folder without files."""
    (two.folder / "nothing").mkdir()
    two.offer(two.folder / "nothing")
    assert os.listdir(two.get()) == []


def test_taken_names_get_numbers(two: Two) -> None:
    """Neither a file nor a folder, nor a link to elsewhere, is ever overwritten."""
    path = two.file(100)
    two.inbox.mkdir(parents=True)
    (two.inbox / "report.pdf").write_text("mine")
    (two.inbox / "report (2).pdf").symlink_to(two.folder / "elsewhere")
    two.offer(path)
    assert two.get() == two.inbox / "report (3).pdf"
    assert (two.inbox / "report.pdf").read_text() == "mine"
    assert not (two.folder / "elsewhere").exists()
    folder = two.folder / "x"
    folder.mkdir()
    (folder / "y").write_text("z")
    (two.inbox / "x").mkdir()
    two.offer(folder)
    assert two.get() == two.inbox / "x (2)"
    assert os.listdir(two.inbox / "x") == []


def test_declined(two: Two) -> None:
    """Alice is told at once; nothing was stored."""
    two.offer(two.file(100_000))
    two.until(lambda: bool(two.bob.node.files.all()))
    two.bob.node.files.decline(two.theirs().id)
    two.until(lambda: bool(two.heard("alice", FileDeclined)))
    assert two.alice.node.files.all()[-1].state is TransferState.DECLINED
    assert not two.inbox.exists()
    with pytest.raises(UsageError, match="it is over"):
        two.bob.node.files.decline(two.theirs().id)


def test_declined_while_the_sender_is_away(two: Two) -> None:
    """The sender is told at the next link, and once."""
    two.offer(two.file(100_000))
    two.until(lambda: bool(two.bob.node.files.all()))
    two.goes("alice")
    two.bob.node.files.decline(two.theirs().id)
    two.comes("alice")
    two.until(lambda: bool(two.heard("alice", FileDeclined)))
    two.goes("alice")
    two.comes("alice")
    two.until(lambda: two.alice.node.chat("bob") is not None)
    advance(two.loop, 60)
    assert not two.heard("alice", FileDeclined)


def test_cancelled_by_the_sender(two: Two) -> None:
    """What has come is deleted."""
    one = two.offer(two.file(100_000))
    two.until(lambda: bool(two.bob.node.files.all()))
    two.alice.node.files.cancel(one.id)
    two.until(lambda: bool(two.heard("bob", FileFailed)))
    assert two.theirs().state is TransferState.CANCELLED
    with pytest.raises(UsageError):
        two.alice.node.files.cancel(one.id)


def test_goes_on_after_both_restart(two: Two) -> None:
    """From the last piece: what came is not sent again, and no part is left."""
    path = two.file(8 * PIECE_BYTES)
    two.offer(path)
    two.until(lambda: bool(two.bob.node.files.all()))
    stopped: list[int] = []

    def stop() -> None:
        if not stopped and two.bob.node.files.moving:
            stopped.append(two.bob.node.files.moving[0].done)
            two.world.internet.cut_all("10.0.0.3")

    two.bob.node.on_changed = stop
    two.bob.node.files.get(two.theirs().id)
    two.until(lambda: bool(stopped))
    two.goes("bob"), two.goes("alice")
    assert two.bob.node.files.all()[-1].state is TransferState.WANTED
    two.comes("alice"), two.comes("bob")
    two.until(lambda: two.theirs().state is TransferState.DONE)
    two.until(lambda: not two.worker.waiting)
    assert Path(two.theirs().path).read_bytes() == path.read_bytes()
    assert os.listdir(two.inbox) == ["report.pdf"]


def test_file_that_has_changed_since(two: Two) -> None:
    """Alice's node refuses to give it, and both are told."""
    path = two.file(100_000)
    two.offer(path)
    two.until(lambda: bool(two.bob.node.files.all()))
    path.write_bytes(b"x" * 100_000)
    two.bob.node.files.get(two.theirs().id)
    two.until(lambda: bool(two.heard("bob", FileFailed)))
    two.until(lambda: bool(two.heard("alice", FileFailed)))
    assert "has changed" in two.heard("bob", FileFailed)[0].error.what
    assert two.theirs().state is TransferState.FAILED
    assert not (two.inbox / "report.pdf").exists()


def test_no_room_then_room(two: Two) -> None:
    """It waits, says so on both sides, and goes on by itself."""
    two.goes("bob")
    two.comes("bob", keep_free=2**60)
    path = two.file(100_000)
    two.offer(path)
    two.until(lambda: bool(two.bob.node.files.all()))
    two.bob.node.files.get(two.theirs().id)
    two.until(lambda: bool(two.heard("bob", FileWaiting)))
    assert "there is no room" in two.heard("bob", FileWaiting)[-1].why
    two.until(lambda: bool(two.heard("alice", FileWaiting)))
    assert "disk is full" in two.heard("alice", FileWaiting)[-1].why
    two.goes("bob")
    two.comes("bob")
    two.until(lambda: two.theirs().state is TransferState.DONE)
    assert Path(two.theirs().path).read_bytes() == path.read_bytes()


def test_taken_without_asking(two: Two) -> None:
    """Up to the size for that contact; what is larger is asked about."""
    two.bob.node.contacts.set_files("alice", "200000")
    two.offer(two.file(200_000))
    two.until(lambda: bool(two.heard("bob", FileReceived)))
    two.offer(two.file(200_001, "larger"))
    two.until(lambda: len(two.heard("bob", FileOffered)) == 2)
    assert [event.taken for event in two.heard("bob", FileOffered)] == [True, False]
    assert two.theirs().state is TransferState.OFFERED


def test_never(two: Two) -> None:
    """Files of a contact can be declined without a word."""
    two.bob.node.contacts.set_files("alice", "never")
    two.offer(two.file(10))
    two.until(lambda: bool(two.heard("alice", FileDeclined)))
    assert not two.heard("bob", FileOffered)


def test_open_offers_have_a_limit(two: Two) -> None:
    """The oldest one is declined."""
    for n in range(51):
        two.offer(two.file(1, f"file{n}"))
    two.until(lambda: len(two.bob.node.files.all()) == 51)
    states = [one.state for one in two.bob.node.files.all()]
    assert states.count(TransferState.OFFERED) == 50
    assert states[0] is TransferState.DECLINED


def test_offer_to_a_user_who_is_offline(two: Two) -> None:
    """The offer waits like any line; the bytes come when both are there."""
    two.goes("bob")
    path = two.file(100_000)
    two.offer(path)
    two.comes("bob")
    assert two.get().read_bytes() == path.read_bytes()


def test_refusals(two: Two, tmp_path: Path) -> None:
    """Each has a reason in words."""
    with pytest.raises(P2PError, match="cannot be read"):
        two.offer(tmp_path / "nothing")
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        two.offer(Path("/dev/null"))
    with pytest.raises(UsageError, match="full path"):
        two.offer(Path("report.pdf"))
    for number in (7, 0, -1, 10**30):
        with pytest.raises(UsageError, match="there is no transfer"):
            two.bob.node.files.get(number)
    with pytest.raises(UsageError, match="nothing is offered"):
        two.bob.node.files.number_for("alice", 0)
    with pytest.raises(UsageError, match="to yourself"):
        two.alice.node.files.offer("alice", tmp_path, "", lambda *_: None, lambda _: None)
    one = two.offer(two.file(10))
    with pytest.raises(UsageError, match="you are sending"):
        two.alice.node.files.get(one.id)
    two.until(lambda: bool(two.bob.node.files.all()))
    for folder, why in (("photos", "full path"), ("/srv/a\0b", "NUL")):
        with pytest.raises(UsageError, match=why):
            two.bob.node.files.get(two.theirs().id, folder)
    assert two.theirs().state is TransferState.OFFERED


def test_death_before_the_database_knew(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has its name already: it is neither received again nor called failed."""
    path = two.file(300_000)
    two.offer(path)
    two.until(lambda: bool(two.bob.node.files.all()))
    two.goes("alice")
    two.bob.node.files.get(two.theirs().id)
    two.goes("bob")
    before = two.folder / "before.sqlite3"
    two.world.copy_profile("bob", before)
    monkeypatch.setattr(receive_attempt, "delete_part", lambda *_: None)  # it died before that, too
    two.comes("alice"), two.comes("bob")
    two.until(lambda: two.theirs().state is TransferState.DONE)
    two.goes("bob")
    two.world.restore_profile("bob", before)
    monkeypatch.undo()
    path.unlink()
    two.comes("bob")
    two.until(lambda: two.theirs().state is TransferState.DONE)
    two.until(lambda: os.listdir(two.inbox) == ["report.pdf"])
    assert not two.heard("bob", FileFailed)


def test_cancelled_offer_is_not_sent_by_a_retry(two: Two) -> None:
    """`p2p outbox retry` is for lines that failed against their sender's will."""
    two.goes("bob")
    one = two.offer(two.file(10))
    two.alice.node.files.cancel(one.id)
    settle(two.loop)
    errors: list[P2PError] = []
    outbox = two.alice.node.conversations.outbox
    outbox.queue_again("bob", lambda _: None, errors.append)
    settle(two.loop)
    assert [type(error) for error in errors] == [UsageError]
    two.comes("bob")
    advance(two.loop, 60)
    assert not two.heard("bob", FileOffered)


def test_declined_can_be_had_later(two: Two) -> None:
    """The receiver may change its mind, also about a small file."""
    for size in (100_000, 10):
        path = two.file(size, f"file{size}")
        two.offer(path)
        two.until(lambda: two.theirs().size == size)  # noqa: B023
        two.bob.node.files.decline(two.theirs().id)
        two.until(lambda: len(two.heard("alice", FileDeclined)) > 0)
        assert two.get().read_bytes() == path.read_bytes()


@pytest.mark.parametrize("runs_on", [True, False], ids=["node runs on", "node restarts"])
def test_idle_for_two_weeks(two: Two, monkeypatch: pytest.MonkeyPatch, runs_on: bool) -> None:
    """A transfer without progress ends with a notice, on both sides; it can be had later."""
    path = two.file(3 * PIECE_BYTES)
    two.offer(path)
    two.until(lambda: bool(two.bob.node.files.all()))
    two.goes("alice")
    two.bob.node.files.get(two.theirs().id)
    for days in (13, 15):
        monkeypatch.setattr(idle, "now_ms", lambda: now_ms() + days * 86_400_000)  # noqa: B023
        if not runs_on:
            two.goes("bob"), two.comes("bob")
        advance(two.loop, 86_400 if runs_on else 60)
        failed = two.heard("bob", FileFailed)
        assert bool(failed) is (days == 15)
    assert failed[0].error.what == "nothing of it was received for 14 days"
    assert two.theirs().state is TransferState.CANCELLED
    assert two.theirs().why == failed[0].error.what
    two.comes("alice")
    two.until(lambda: bool(two.heard("alice", FileFailed)))
    assert two.get().read_bytes() == path.read_bytes()


def test_restarts_are_no_progress(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier node has received does not make a transfer less idle."""
    two.goes("alice")
    two.comes("alice", rate=20_000_000)  # so that it can be cut in the middle
    two.offer(two.file(8 * PIECE_BYTES))
    two.until(lambda: bool(two.bob.node.files.all()))

    def fails(*_: object) -> None:
        raise LinkLost("the sender's link always breaks")

    def cut_for_good() -> None:
        if any(moving.done for moving in two.bob.node.files.moving):
            monkeypatch.setattr(sending, "send_file", fails)
            two.world.internet.cut_all("10.0.0.3")

    two.bob.node.on_changed = cut_for_good
    two.bob.node.files.get(two.theirs().id)
    two.until(lambda: bool(two.heard("bob", FileWaiting)))
    two.goes("bob")
    for days in (5, 10, 15):
        now = now_ms() + days * 86_400_000
        monkeypatch.setattr(idle, "now_ms", lambda: now)  # noqa: B023
        monkeypatch.setattr(receiving, "now_ms", lambda: now)  # noqa: B023
        two.comes("bob")
        for _ in range(70):  # it is tried several times
            two.until(lambda: not two.worker.waiting)
            advance(two.loop, 1)
        assert two.heard("bob", FileWaiting)
        assert bool(two.heard("bob", FileFailed)) is (days == 15)
        two.goes("bob")


def test_idle_transfer_that_cannot_be_ended(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is reported, and nothing else is claimed."""
    two.offer(two.file(100_000))
    two.until(lambda: bool(two.bob.node.files.all()))
    two.goes("alice")
    two.bob.node.files.get(two.theirs().id)
    settle(two.loop)

    def full(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(idle, "now_ms", lambda: now_ms() + 15 * 86_400_000)
    with monkeypatch.context() as patch:
        patch.setattr(TransferStore, "update", full)
        advance(two.loop, 86_400)
        assert two.heard("bob", Trouble)
        assert not two.heard("bob", FileFailed)


def test_what_a_sender_gives_up_leaves_nothing(two: Two) -> None:
    """Neither on the disk nor in the account of what was taken without asking."""
    two.bob.node.contacts.set_files("alice", "200000")
    path = two.file(150_000)
    two.offer(path)
    path.write_bytes(b"another")
    two.until(lambda: bool(two.heard("bob", FileFailed) or two.heard("bob", FileReceived)))
    two.until(lambda: not two.worker.waiting)  # deleted once no thread uses it
    assert all(not name.endswith("part") for name in os.listdir(two.inbox))


def test_another_key_has_nothing_to_give(two: Two) -> None:
    """An offer of an earlier key cannot be accepted."""
    two.offer(two.file(100_000))
    two.until(lambda: bool(two.bob.node.files.all()))
    contact = two.bob.node.contacts.get("alice")
    two.bob.home.profile.keep_contact(str(two.world.url), contact._replace(key=bytes(32)))
    with pytest.raises(UsageError, match="another key"):
        two.bob.node.files.get(two.theirs().id)


def test_older_program(
    secure_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The offer is delivered as a line, and its sender is told why nothing moves."""
    for module in (calls, reconnector):
        monkeypatch.setattr(module, "ABILITIES", ())
    two = Two(secure_world, tmp_path)
    two.offer(two.file(100_000))
    two.until(lambda: bool(two.heard("alice", FileWaiting)))
    assert two.heard("alice", FileWaiting)[-1].why == "bob must update p2pchat first"
    two.end()


@pytest.fixture
def apart(loop: Loop, tmp_path: Path) -> Iterator[Two]:
    """Alice and bob at a registry with mailboxes."""
    world = World(loop, tmp_path, secure=True, mailbox=True)
    two = Two(world, tmp_path)
    advance(loop, 5)
    yield two
    two.end()
    world.close()


def test_small_file_by_the_mailbox(apart: Two) -> None:
    """It reaches bob, and gets its name, while alice is offline; later she is told."""
    apart.goes("bob")
    path = apart.file(5000)
    apart.offer(path)
    apart.until(lambda: bool(apart.heard("alice", Left)))
    apart.goes("alice")
    apart.comes("bob")
    assert apart.get().read_bytes() == path.read_bytes()
    apart.comes("alice")
    apart.until(lambda: bool(apart.heard("alice", FileDelivered)))


def test_cancelled_small_file_is_taken_back(apart: Two) -> None:
    """From the mailbox, so that bob never sees it."""
    apart.goes("bob")
    one = apart.offer(apart.file(5000))
    apart.until(lambda: bool(apart.heard("alice", Left)))
    apart.alice.node.files.cancel(one.id)
    settle(apart.loop)
    apart.goes("alice")
    apart.comes("bob")
    advance(apart.loop, 60)
    assert not apart.heard("bob", FileOffered)


def test_offered_twice(two: Two) -> None:
    """The same file to the same contact is one transfer, until it has changed or is over."""
    path = two.file(100_000)
    first, second = two.offer(path), two.offer(path)
    assert first.id == second.id
    path.write_bytes(b"x" * 100_000)
    assert two.offer(path).id != first.id


def test_declined_then_wanted_while_the_sender_is_away(two: Two) -> None:
    """The sender's record of the refusal does not come back to end it."""
    path = two.file(100_000)
    two.offer(path)
    two.until(lambda: bool(two.bob.node.files.all()))
    two.bob.node.files.decline(two.theirs().id)
    two.until(lambda: bool(two.heard("alice", FileDeclined)))
    two.goes("alice")
    two.bob.node.files.get(two.theirs().id)
    two.comes("alice")
    two.until(lambda: two.theirs().state is TransferState.DONE)


def test_offer_whose_line_was_cancelled_is_made_again(two: Two) -> None:
    """An offer that nobody will hear of does not stand for another one."""
    two.goes("bob")
    path = two.file(100_000)
    first = two.offer(path)
    two.alice.node.conversations.outbox.cancel("bob", lambda *_: None, lambda _: None)
    settle(two.loop)
    assert two.offer(path).id != first.id
    two.comes("bob")
    assert two.get().read_bytes() == path.read_bytes()


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_cancelled_while_it_moves(two: Two, who: str) -> None:
    """Nothing seems to move afterwards, and nothing is left; it can be asked for again."""
    two.goes("alice")
    two.comes("alice", rate=4_000_000)
    path = two.file(6 * PIECE_BYTES)
    one = two.offer(path)
    two.until(lambda: bool(two.bob.node.files.all()))
    two.bob.node.files.get(two.theirs().id)
    two.until(lambda: any(moving.done for moving in two.bob.node.files.moving))
    number = one.id if who == "alice" else two.theirs().id
    two.people[who].node.files.cancel(number)
    two.until(lambda: not two.worker.waiting)
    advance(two.loop, 30)
    assert two.alice.node.files.moving == two.bob.node.files.moving == ()
    assert os.listdir(two.inbox) == []
    if who == "bob":
        assert two.get().read_bytes() == path.read_bytes()


def test_database_that_fails(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is reported, and costs neither the node nor the conversation."""
    two.offer(two.file(100_000))
    two.until(lambda: bool(two.bob.node.files.all()))
    two.bob.node.files.decline(two.theirs().id)

    def fails(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(TransferStore, "update", fails)
        two.until(lambda: bool(two.heard("alice", Trouble)))
    two.alice.node.say("bob", "still here")
    two.until(lambda: any(e.text == "still here" for e in two.heard("bob", TextReceived)))
    two.goes("alice")
    two.comes("alice")
    two.until(lambda: bool(two.heard("alice", FileDeclined)))


def test_blocked_contact_gets_nothing(two: Two) -> None:
    """What is wanted of a blocked contact fails."""
    two.offer(two.file(100_000))
    two.until(lambda: bool(two.bob.node.files.all()))
    two.goes("alice")
    two.bob.node.files.get(two.theirs().id)
    two.bob.node.trust.block("alice", blocked=True)
    settle(two.loop)
    assert two.theirs().state is TransferState.FAILED


def test_blocked_contact_is_given_nothing(two: Two) -> None:
    """What is offered to a blocked contact fails, and waiting programs are told."""
    two.offer(two.file(100_000))
    two.until(lambda: bool(two.bob.node.files.all()))
    two.alice.node.trust.block("bob", blocked=True)
    (failed,) = two.heard("alice", FileFailed)
    assert failed.error.what == "you have blocked bob"
    (ours,) = two.alice.node.files.all()
    assert (ours.state, ours.why) == (TransferState.FAILED, "you have blocked bob")


@pytest.mark.parametrize("delivered", [True, False])
def test_deleted_history(two: Two, delivered: bool) -> None:
    """An offer that the contact has not got goes with its line; the file can be offered again."""
    path = two.file(100_000)
    two.goes("bob")
    two.offer(path)
    if delivered:
        two.comes("bob")
        two.until(lambda: bool(two.bob.node.files.all()))
        settle(two.loop)
    two.alice.node.history.forget("bob")
    assert len(two.alice.node.files.all()) == delivered
    two.offer(path)
    assert len(two.alice.node.files.all()) == 1


def test_several_at_once(two: Two) -> None:
    """All arrive, whatever has to wait for a free slot."""
    paths = [two.file(300_000 + n, f"file{n}") for n in range(7)]
    for path in paths:
        two.offer(path)
    two.until(lambda: len(two.bob.node.files.all()) == 7)
    for one in two.bob.node.files.all():
        two.bob.node.files.get(one.id)
    two.until(lambda: all(one.state is TransferState.DONE for one in two.bob.node.files.all()))
    for path in paths:
        assert (two.inbox / path.name).read_bytes() == path.read_bytes()
