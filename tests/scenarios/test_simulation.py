"""Whatever is cut and whoever crashes, every stored line arrives once, in order.

`P2PCHAT_SCHEDULES=50000` runs this many schedules. A failing one prints its seeds, and
`P2PCHAT_SEEDS=300:325:2:0:1` (from, to, people, copies, walls) replays it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from p2pchat.errors import UsageError
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.chat.chat_session import (
    ChatSession,
    StoredThread,
)
from p2pchat.peer.chat.conversation import Conversation
from p2pchat.peer.chat.conversations import Conversations
from p2pchat.peer.chat.line_sender import SessionLink
from p2pchat.peer.chat.session_listener import SessionListener
from p2pchat.peer.store.lines import NewLine, Progress, Rebased, new_uid
from p2pchat.peer.store.thread import Thread
from p2pchat.protocol.client.lines import KeptLine
from p2pchat.protocol.messages import Message, PresenceUpdate
from p2pchat.protocol.positions import NO_SUM, add_to_sum
from p2pchat.protocol.talk import Ack, ChatText, Sync
from p2pchat.registry.service.presence import OnlineSession, PresenceTable
from tests.peer.chat import test_conversations
from tests.scenarios.schedules import first_failure
from tests.scenarios.simulation import Simulation
from tests.world import World

_ENVIRONMENT = os.environ  # noqa: TID251  # how many, and which
SCHEDULES = int(_ENVIRONMENT.get("P2PCHAT_SCHEDULES", "500"))
_CHUNK = 25  # schedules that one world lives through
_PARTS = 10


Soon = Callable[[Callable[[], None]], None]
"""Calls at the end of the turn."""

Chunk = tuple[int, int, int, int, int]
"""The first seed, the one after the last, how many people, whether disks are copied, and whether
nobody can be dialled.
"""


def run_chunk(chunk: Chunk) -> str:
    """Run the schedules of some seeds in one world; return the first failure."""
    first, _, people, copies, walls = chunk
    mailbox = (first // _CHUNK) % 4 > 1

    def world(folder: Path) -> Simulation:
        return Simulation(folder, people, copies=bool(copies), walls=bool(walls), mailbox=mailbox)

    return first_failure(world, chunk)


def chunks(count: int) -> list[Chunk]:
    """Return the seeds of this many schedules, in every fifth world with three users instead of
    two.

    In every third world disks are copied; in every second one people meet at the registry; in half
    of them it keeps mailboxes.
    """
    return [
        (first, min(first + _CHUNK, count), 3 if n % 5 == 4 else 2, int(n % 3 == 2), n % 2)
        for n, first in enumerate(range(0, count, _CHUNK))
    ]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(_PARTS))
def test_every_line_arrives_once_in_order(part: int) -> None:
    """Split into parts that run in parallel."""
    wanted = chunks(SCHEDULES)[part::_PARTS]
    if "P2PCHAT_SEEDS" in _ENVIRONMENT:
        first, last, people, copies, walls = map(int, _ENVIRONMENT["P2PCHAT_SEEDS"].split(":"))
        wanted = [] if part else [(first, last, people, copies, walls)]
    wrong = [said for said in map(run_chunk, wanted) if said]
    assert not wrong, "\n".join(wrong)


def threads_of_sessions(patch: pytest.MonkeyPatch) -> Mapping[ChatSession, StoredThread]:
    """Return the thread that each session is made with from now on."""
    threads: dict[ChatSession, StoredThread] = {}

    def init(self: ChatSession, thread: StoredThread, *more: Any) -> None:
        threads[self] = thread
        original(self, thread, *more)

    original = ChatSession.__init__
    patch.setattr(ChatSession, "__init__", init)
    return threads


class LosingLink:
    """A session's link that loses the lines up to a number."""

    def __init__(self, wire: SessionLink, lost: int) -> None:
        self._wire = wire
        self._lost = lost

    @property
    def has_room(self) -> bool:
        return self._wire.has_room

    def send(self, message: Message) -> None:
        if not isinstance(message, ChatText) or message.seq > self._lost:
            self._wire.send(message)


def no_dedupe(patch: pytest.MonkeyPatch) -> None:
    """A session forgets which lines it has and accepts them again."""

    def progress(self: Thread) -> Progress:
        return original(self)._replace(last_in=0, in_sum=NO_SUM)

    original = Thread.progress
    patch.setattr(Thread, "progress", progress)
    identify_lines_by_number(patch)


def ack_before_commit(patch: pytest.MonkeyPatch) -> None:
    """A line is acknowledged on arrival and stored a few turns later."""
    wires: dict[ChatSession, SessionLink] = {}

    def init(
        self: ChatSession, thread: StoredThread, listener: SessionListener, soon: Soon, *more: Any
    ) -> None:
        def late(callback: Callable[[], None], turns: int = 20) -> None:
            soon(partial(late, callback, turns - 1) if turns else callback)

        make(self, thread, listener, late, *more)

    def link_up(self: ChatSession, wire: SessionLink) -> None:
        wires[self] = wire
        come_up(self, wire)

    def receive(self: ChatSession, message: Message) -> None:
        hear(self, message)
        if isinstance(message, ChatText):
            wires[self].send(Ack(message.seq))

    make, come_up, hear = ChatSession.__init__, ChatSession.link_up, ChatSession.receive
    patch.setattr(ChatSession, "__init__", init)
    patch.setattr(ChatSession, "link_up", link_up)
    patch.setattr(ChatSession, "receive", receive)


def resend_out_of_order(patch: pytest.MonkeyPatch) -> None:
    """The last line is sent first."""

    def waiting(self: Thread, after: int, limit: int) -> list[KeptLine]:
        return original(self, after, limit)[::-1]

    original = Thread.waiting
    patch.setattr(Thread, "waiting", waiting)


def lost_queue_on_reconnect(patch: pytest.MonkeyPatch) -> None:
    """Lines that were queued when the link came up are not sent."""

    def link_up(self: ChatSession, wire: SessionLink) -> None:
        self.flush()
        original(self, LosingLink(wire, threads[self].progress().last_out))

    threads = threads_of_sessions(patch)
    original = ChatSession.link_up
    patch.setattr(ChatSession, "link_up", link_up)


def acknowledge_by_number_only(patch: pytest.MonkeyPatch) -> None:
    """A contact's position is accepted although it counts other lines."""

    def receive(self: ChatSession, message: Message) -> None:
        if isinstance(message, Sync):
            self.flush()
            ours = threads[self].progress()
            if ours.acked <= message.last_in <= ours.last_out:
                taken = threads[self].waiting_up_to(message.last_in)
                message = Sync(message.last_in, add_to_sum(ours.acked_sum, taken))
        original(self, message)

    threads = threads_of_sessions(patch)
    original = ChatSession.receive
    patch.setattr(ChatSession, "receive", receive)


def ignore_rewound_contact(patch: pytest.MonkeyPatch) -> None:
    """Acknowledged lines stay delivered although the contact's disk was rewound."""

    def rebase(self: Thread, progress: Progress, number: int, total: str) -> Rebased:
        return original(self, progress, max(number, progress.acked), total)

    original = Thread.rebase
    patch.setattr(Thread, "rebase", rebase)


def identify_lines_by_number(patch: pytest.MonkeyPatch) -> None:
    """A line sent again with another number, after its sender's disk was restored, is new."""

    def write(
        self: Thread, progress: Progress, *, heard: Sequence[NewLine] = (), **more: Any
    ) -> list[KeptLine]:
        anew = [line._replace(uid=new_uid()) for line in heard]
        return original(self, progress, heard=anew, **more)

    original = Thread.write
    patch.setattr(Thread, "write", write)


def old_link_ends_presence(patch: pytest.MonkeyPatch) -> None:
    """The end of a vanished machine's link makes its user offline, wherever they are now."""

    def leave(
        self: PresenceTable, online_session: OnlineSession, *, elsewhere: bool = False
    ) -> None:
        original(self, self.find(online_session.username) or online_session, elsewhere=elsewhere)

    original = PresenceTable.leave
    patch.setattr(PresenceTable, "leave", leave)


def run_here(count: int, near: int = 0) -> str:
    """Run some schedules in this process, from seed `near` on; return the first failure."""
    for chunk in sorted(chunks(count), key=lambda chunk: (chunk[0] - near) % count):
        said = run_chunk(chunk)
        if said:
            return said
    return ""


@pytest.mark.parametrize(
    ("bug", "near"),
    [
        (no_dedupe, 0),
        (ack_before_commit, 100),
        (resend_out_of_order, 0),
        (lost_queue_on_reconnect, 0),
        (acknowledge_by_number_only, 200),
        (ignore_rewound_contact, 125),
        (identify_lines_by_number, 350),
        (old_link_ends_presence, 75),
    ],
)
def test_seeded_bug_is_caught(
    bug: Callable[[pytest.MonkeyPatch], None], near: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checker finds each seeded bug; `near`: where it was last found."""
    bug(monkeypatch)
    said = run_here(500, near)
    print(said)
    assert said


def test_schedules_pass_without_the_bugs() -> None:
    """The same schedules pass, so it is the bug that the checker finds."""
    assert run_here(50) == ""


def test_seeded_wrong_key_is_caught(secure_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug that sends lines to whichever key is published is found."""

    def key_to_call(self: Contacts, username: str, published: bytes | None) -> bytes:
        return published or b""

    def sighted(self: Conversations, sighting: PresenceUpdate) -> None:
        conversation = self.get(sighting.username)
        if isinstance(conversation, Conversation) and sighting.result.key is not None:
            conversation.key = sighting.result.key
        original(self, sighting)

    original = Conversations.sighted
    monkeypatch.setattr(Contacts, "key_to_call", key_to_call)
    monkeypatch.setattr(Conversations, "sighted", sighted)
    with pytest.raises((AssertionError, UsageError)):
        test_conversations.test_changed_key_holds_the_outbox(secure_world)
