"""What is not taken waits at the contact: a link is held, and released once there is room."""

from dataclasses import replace

import pytest

from p2pchat.errors import StorageError
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.chat.intake import Intake
from p2pchat.peer.store.lines import Volume
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.secure import SECURE
from p2pchat.protocol.states import SECURE_PEER_DIALOGUE, Speaker
from tests.fakes import advance, wire

LIMITS = PeerLimits(unread_lines=10, unread_bytes=100)


class Contact:
    """A link to a contact, and how much of theirs is unread on the disk."""

    def __init__(self, loop: Loop, limits: PeerLimits = LIMITS) -> None:
        self.unread = Volume()
        self.asked = 0
        self.broken = False
        self.full: list[Volume] = []
        self.failed: list[StorageError] = []
        self.link = Link(
            loop, wire(loop)[0], Connection(SECURE_PEER_DIALOGUE, SECURE, Speaker.DIALLER)
        )
        self.intake = Intake(
            loop, self._ask, limits, on_full=self.full.append, on_failed=self.failed.append
        )

    def _ask(self) -> Volume:
        self.asked += 1
        if self.broken:
            raise StorageError("the disk is full")
        return self.unread

    def takes(self, *texts: str) -> None:
        """Keep them."""
        self.unread = Volume(
            self.unread.lines + len(texts), self.unread.bytes + sum(len(t) for t in texts)
        )
        self.intake.took(texts)


@pytest.mark.parametrize("texts", [["x"] * 10, ["x" * 50] * 2])
def test_a_full_quota_holds_the_link(loop: Loop, texts: list[str]) -> None:
    """Lines and bytes both count; the person is told once."""
    contact = Contact(loop)
    contact.intake.attach(contact.link)
    contact.takes(*texts[:-1])
    assert not contact.link.held
    contact.takes(texts[-1])
    assert contact.link.held
    assert contact.full == [contact.unread]
    contact.takes("one that was on its way")
    assert len(contact.full) == 1


def test_it_is_released_once_some_was_seen(loop: Loop) -> None:
    """And may become full again, which is told again."""
    contact = Contact(loop)
    contact.intake.attach(contact.link)
    contact.takes(*["x"] * 10)
    contact.unread = Volume(3, 3)
    contact.intake.note_seen()
    assert not contact.link.held
    contact.takes(*["x"] * 7)
    assert contact.link.held
    assert len(contact.full) == 2


def test_a_new_link_is_held_too(loop: Loop) -> None:
    """Also after a restart: the disk knows."""
    contact = Contact(loop)
    contact.unread = Volume(10, 10)
    contact.intake.attach(contact.link)
    assert contact.link.held


def test_what_another_process_makes_room_for_is_found_out(loop: Loop) -> None:
    """`p2p history` marks lines as seen, or deletes them."""
    contact = Contact(loop)
    contact.intake.attach(contact.link)
    contact.takes(*["x"] * 10)
    contact.unread = Volume()
    advance(loop, 31)
    assert not contact.link.held


def test_the_disk_is_not_asked_for_each_line(loop: Loop) -> None:
    """Once, and then when the quota seems to be full."""
    contact = Contact(loop)
    contact.intake.attach(contact.link)
    for _ in range(9):
        contact.takes("x")
        contact.intake.note_seen()
    assert contact.asked == 1


def test_a_reader_that_is_behind_holds_it(loop: Loop) -> None:
    """Until it has caught up; on the next link too."""
    contact = Contact(loop)
    contact.intake.wait_for_reader(behind=True)
    contact.intake.attach(contact.link)
    assert contact.link.held
    contact.intake.wait_for_reader(behind=False)
    assert not contact.link.held
    assert contact.full == []


def test_without_limits_nothing_is_held(loop: Loop) -> None:
    """0 is none."""
    contact = Contact(loop, replace(LIMITS, unread_lines=0, unread_bytes=0))
    contact.intake.attach(contact.link)
    contact.takes(*["x" * 50] * 1000)
    assert not contact.link.held


def test_a_disk_that_fails_is_said(loop: Loop) -> None:
    """By whoever owns the conversation."""
    contact = Contact(loop)
    contact.broken = True
    contact.intake.attach(contact.link)
    assert [error.what for error in contact.failed] == ["the disk is full"]
    contact.intake.detach()
    contact.intake.note_seen()
    assert len(contact.failed) == 1
