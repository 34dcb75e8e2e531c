"""Backpressure on contacts: a link is paused while too much is unread and resumed later."""

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
    """A link to a contact, and how many of their lines are unread."""

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
        """Store the texts as unread."""
        self.unread = Volume(
            self.unread.lines + len(texts), self.unread.bytes + sum(len(t) for t in texts)
        )
        self.intake.took(texts)


@pytest.mark.parametrize("texts", [["x"] * 10, ["x" * 50] * 2])
def test_full_quota_pauses_the_link(loop: Loop, texts: list[str]) -> None:
    """Reaching the limit of lines or bytes pauses the link and is reported once."""
    contact = Contact(loop)
    contact.intake.attach(contact.link)
    contact.takes(*texts[:-1])
    assert not contact.link.held
    contact.takes(texts[-1])
    assert contact.link.held
    assert contact.full == [contact.unread]
    contact.takes("one that was on its way")
    assert len(contact.full) == 1


def test_link_resumes_once_lines_were_seen(loop: Loop) -> None:
    """Seeing some lines resumes the link; a quota that fills again is reported again."""
    contact = Contact(loop)
    contact.intake.attach(contact.link)
    contact.takes(*["x"] * 10)
    contact.unread = Volume(3, 3)
    contact.intake.note_seen()
    assert not contact.link.held
    contact.takes(*["x"] * 7)
    assert contact.link.held
    assert len(contact.full) == 2


def test_new_link_is_paused_if_the_quota_is_full(loop: Loop) -> None:
    """A new link starts paused if the disk already holds too many unread lines."""
    contact = Contact(loop)
    contact.unread = Volume(10, 10)
    contact.intake.attach(contact.link)
    assert contact.link.held


def test_room_made_by_another_process_is_noticed(loop: Loop) -> None:
    """Lines that `p2p history` marks as seen or deletes resume the link."""
    contact = Contact(loop)
    contact.intake.attach(contact.link)
    contact.takes(*["x"] * 10)
    contact.unread = Volume()
    advance(loop, 31)
    assert not contact.link.held


def test_disk_is_not_queried_for_each_line(loop: Loop) -> None:
    """The disk is queried at the beginning and when the quota seems full."""
    contact = Contact(loop)
    contact.intake.attach(contact.link)
    for _ in range(9):
        contact.takes("x")
        contact.intake.note_seen()
    assert contact.asked == 1


def test_slow_reader_pauses_the_link(loop: Loop) -> None:
    """A client that is behind pauses the link, and new links, until it has caught up."""
    contact = Contact(loop)
    contact.intake.wait_for_reader(behind=True)
    contact.intake.attach(contact.link)
    assert contact.link.held
    contact.intake.wait_for_reader(behind=False)
    assert not contact.link.held
    assert contact.full == []


def test_limit_of_0_is_off(loop: Loop) -> None:
    """With limits of 0, the link is never paused."""
    contact = Contact(loop, replace(LIMITS, unread_lines=0, unread_bytes=0))
    contact.intake.attach(contact.link)
    contact.takes(*["x" * 50] * 1000)
    assert not contact.link.held


def test_disk_error_is_reported(loop: Loop) -> None:
    """A failing disk is reported to the owner of the conversation."""
    contact = Contact(loop)
    contact.broken = True
    contact.intake.attach(contact.link)
    assert [error.what for error in contact.failed] == ["the disk is full"]
    contact.intake.detach()
    contact.intake.note_seen()
    assert len(contact.failed) == 1
