"""Receives accepted files: requests them, and requests them again until they are complete.

A transfer is a database row that outlives links. Nothing is requested unless the user or the policy
has accepted it.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from p2pchat.errors import (
    LinkLost,
    P2PError,
    RemoteProtocolError,
    StorageError,
    TimedOut,
    Unreachable,
)
from p2pchat.net.loop import Timer
from p2pchat.paths import shown
from p2pchat.peer.files.part import DiskFull, WrongSum, delete_part
from p2pchat.peer.files.receive_attempt import (
    LinkImproved,
    ReceiveAttempt,
    folder_of,
    part_name,
    target_of,
)
from p2pchat.peer.files.services import Slots, TransferServices
from p2pchat.peer.files.stored import PartError
from p2pchat.peer.files.talk import FileTalk
from p2pchat.peer.store.transfer_store import KeptTransfer
from p2pchat.protocol.client.file_events import FileFailed, FileReceived
from p2pchat.protocol.client.transfers import TransferState
from p2pchat.protocol.files.messages import FileDone, FileNo, Refusal
from p2pchat.wall_clock import now_ms

_AGAIN_AFTER: Final = (1.0, 5.0, 15.0, 60.0)
"""Seconds before an interrupted transfer is requested again."""

_ROOM_AFTER: Final = 30.0
_BUSY_AFTER: Final = 5.0
_MOST_DAMAGED: Final = 3
"""How often a transfer may be damaged without any progress."""

_NO_LINK: Final = LinkLost | TimedOut | Unreachable

_REFUSED: Final = {
    Refusal.GONE: "it is no longer offered",
    Refusal.CHANGED: "the file has changed since it was offered",
    Refusal.CANCELLED: "its sender has cancelled it",
}


class Receiving:
    """The incoming transfers. `talk_with(contact)` returns the conversation, if any."""

    def __init__(
        self, services: TransferServices, talk_with: Callable[[str], FileTalk | None]
    ) -> None:
        self._services = services
        self._talk_with = talk_with
        self._slots = Slots(services.policy.at_once)
        self._running: dict[int, ReceiveAttempt] = {}
        self._wanted: dict[int, KeptTransfer] = {}
        self._known: dict[int, int] = {}  # pieces that this process has written
        self._timers: dict[int, Timer] = {}
        self._failures: dict[int, int] = {}
        self._unreached: set[int] = set()  # next time to be reached in another way
        self._discarding: set[int] = set()  # whose parts are being deleted
        self._closed = False

    def begin(self) -> None:
        """Resume the transfers that were unfinished when the last node ended."""
        for kept in self._services.store.in_state(TransferState.WANTED, outgoing=False):
            self._wanted[kept.id] = kept

    @property
    def senders(self) -> set[str]:
        """The contacts with unfinished transfers to us."""
        return {kept.username for kept in self._wanted.values()}

    def needs_link(self, contact: str) -> bool:
        """Return whether transfers from the contact are unfinished."""
        return contact in self.senders

    def want(self, kept: KeptTransfer) -> None:
        """Receive a transfer whose state is WANTED."""
        self._wanted[kept.id] = kept
        self._failures.pop(kept.id, None)
        self._try(kept)

    def linked(self, talk: FileTalk) -> None:
        """Request all unfinished transfers from the contact again."""
        for kept in self._of(talk.contact):
            self._failures.pop(kept.id, None)
            one = self._running.get(kept.id)
            if one is not None and one.is_waiting_for_link:
                self._stop(kept.id)  # it was asked for on the last link, which may have lost that
            self._try(kept)

    def path_changed(self, talk: FileTalk) -> None:
        """Restart relayed transfers, to use a better path."""
        for one in tuple(self._running.values()):
            if one.kept.username == talk.contact and one.is_relayed:
                one.restart()

    def unlinked(self, contact: str) -> None:
        """Record that there is no chat link; open data links continue."""
        for kept in self._of(contact):
            if kept.id not in self._running:
                self._services.activities.waits(kept, f"{contact} is not connected")

    def hear_no(self, kept: KeptTransfer, message: FileNo) -> None:
        """Handle the sender's refusal."""
        if kept.id not in self._wanted and kept.state is not TransferState.OFFERED:
            return
        if message.reason is Refusal.BUSY:
            self._stop(kept.id)
            self._wait(kept, f"{kept.username} is sending other files", _BUSY_AFTER)
            self._try_others()
            return
        state = TransferState.FAILED
        if message.reason is Refusal.CANCELLED:
            state = TransferState.CANCELLED
        why = _REFUSED.get(message.reason, "its sender refuses it")
        self._fail(kept, P2PError(why), state)

    def idle_since(self, at: int) -> list[KeptTransfer]:
        """Return the waiting transfers without progress since then, in milliseconds of Unix time.

        A running one ends by itself if nothing moves.
        """
        wanted = self._wanted.values()
        return [kept for kept in wanted if kept.at < at and kept.id not in self._running]

    def cancel(self, kept: KeptTransfer, state: TransferState, why: str = "") -> None:
        """Cancel a transfer, and delete its part."""
        self._forget(kept.id)
        self._services.end(kept, state, why)
        self._discard(kept)

    def clear_up(self) -> None:
        """Delete parts of recently ended transfers that an earlier node has left behind."""
        for kept in self._services.store.ended_lately():
            with suppress(P2PError):
                folder = target_of(self._services, kept)
                if kept.state is TransferState.DONE:
                    folder = folder.parent
                delete_part(folder, *part_name(kept))

    def stop_all(self, contact: str | None = None) -> None:
        """Stop the running transfers from one contact, or from all; they resume later."""
        self._closed = self._closed or contact is None
        for kept in tuple(self._wanted.values()):
            if contact in {None, kept.username}:
                self._stop(kept.id)

    def drop(self, contact: str, why: str) -> None:
        """Fail all unfinished transfers from a contact."""
        for kept in self._of(contact):
            self._fail(kept, P2PError(why), TransferState.FAILED)

    def _of(self, contact: str) -> list[KeptTransfer]:
        return [kept for kept in self._wanted.values() if kept.username == contact]

    def _try(self, kept: KeptTransfer) -> None:
        """Begin a transfer, unless it is running or must wait."""
        is_under_way = kept.id in self._running or kept.id in self._discarding
        if self._closed or is_under_way or kept.id not in self._wanted:
            return
        self._stop_timer(kept.id)
        talk = self._talk_with(kept.username)
        if talk is None or talk.key != kept.key:
            self._services.activities.waits(kept, f"{kept.username} is not connected")
            return
        if kept.offer.inline is None and talk.route is None:
            why = "must update p2pchat first" if talk.is_old else "is not connected"
            self._services.activities.waits(kept, f"{kept.username} {why}")
            talk.look_for_link()
        elif kept.offer.inline is None and not self._slots.take(kept):
            self._services.activities.waits(kept, "other files come first")
        else:
            one = ReceiveAttempt(
                self._services,
                talk,
                kept,
                self._known.get(kept.id, 0),
                self._done,
                self._failed,
                in_any_way=kept.id in self._unreached,
            )
            self._running[kept.id] = one
            one.begin()

    def _done(self, kept: KeptTransfer, path: Path, root: bytes) -> bool:
        """Complete a transfer; return whether the database has recorded it."""
        try:
            self._services.end(kept, TransferState.DONE, path=shown(path), root=root, told=False)
        except StorageError as error:
            self._running.pop(kept.id, None)
            self._slots.release(kept.id)
            self._wait(kept, error.what, _ROOM_AFTER)  # the next look finds that it is here
            return False
        self._running.pop(kept.id, None)
        self._slots.release(kept.id)
        self._forget(kept.id)
        for by_id in (self._known, self._failures):
            by_id.pop(kept.id, None)
        self._unreached.discard(kept.id)
        self._services.on_event(
            FileReceived(kept.username, kept.id, kept.offer.shown_name, shown(path), root.hex())
        )
        talk = self._talk_with(kept.username)
        if talk is not None and talk.key == kept.key:
            talk.send(FileDone(kept.uid, root))
            talk.look_for_link()
        self._try_others()
        return True

    def _failed(self, kept: KeptTransfer, error: P2PError, pieces: int) -> None:
        """Handle the failure of an attempt, and retry if the transfer is still wanted."""
        is_further = pieces > self._known.get(kept.id, 0)
        kept = self._wanted.get(kept.id, kept)
        one = self._running.pop(kept.id, None)
        self._slots.release(kept.id)
        self._known[kept.id] = pieces
        if one is not None and not one.has_begun and isinstance(error, _NO_LINK):
            self._unreached ^= {kept.id}
        if kept.id not in self._wanted:  # cancelled meanwhile
            self._services.activities.end(kept.id)
            self._discard(kept)
            return
        at = now_ms() if pieces > kept.pieces else kept.at  # not by what an earlier node received
        kept = self._wanted[kept.id] = kept._replace(pieces=pieces, at=at)
        with suppress(StorageError):  # it is only for the list, and for how old the progress is
            self._services.store.update(kept.id, pieces=pieces, at=at)
        if not self._closed:
            failures = 1 if is_further else self._failures.get(kept.id, 0) + 1
            self._failures[kept.id] = failures
            self._go_on(kept, error, failures)
            self._try_others()

    def _go_on(self, kept: KeptTransfer, error: P2PError, failures: int) -> None:
        """Retry now or later, or fail the transfer if a retry is pointless."""
        talk = self._talk_with(kept.username)
        if isinstance(error, DiskFull):
            if talk is not None:
                talk.send(FileNo(kept.uid, Refusal.NO_SPACE))
            self._wait(kept, error.what, _ROOM_AFTER)
        elif _is_hopeless(error, failures):
            self._fail(kept, error, TransferState.FAILED)
        elif isinstance(error, LinkImproved) or talk is None or talk.route is None:
            self._try(kept)  # which says what it waits for
        else:
            pause = _AGAIN_AFTER[min(failures, len(_AGAIN_AFTER)) - 1]
            self._wait(kept, f"{error.what}; trying again", pause)

    def _fail(self, kept: KeptTransfer, error: P2PError, state: TransferState) -> None:
        """Fail a transfer. The sender is not told, so that it can be requested again."""
        self._forget(kept.id)
        self._services.end(kept, state, error.what, told=True)
        if not isinstance(error, PartError | StorageError):
            self._discard(kept)
        self._services.on_event(FileFailed(kept.username, kept.id, kept.offer.shown_name, error))
        self._try_others()

    def _wait(self, kept: KeptTransfer, why: str, seconds: float) -> None:
        self._stop_timer(kept.id)
        self._services.activities.waits(kept, why)
        self._timers[kept.id] = self._services.loop.call_later(seconds, partial(self._try, kept))

    def _try_others(self) -> None:
        """Begin transfers that wait for a free slot, not those with a timer."""
        for kept in tuple(self._wanted.values()):
            if kept.id not in self._timers:
                self._try(kept)

    def _forget(self, transfer_id: int) -> None:
        self._wanted.pop(transfer_id, None)
        self._stop_timer(transfer_id)
        self._stop(transfer_id)

    def _stop(self, transfer_id: int) -> None:
        one = self._running.get(transfer_id)
        if one is not None and one.stop():
            del self._running[transfer_id]
            self._slots.release(transfer_id)

    def _stop_timer(self, transfer_id: int) -> None:
        timer = self._timers.pop(transfer_id, None)
        if timer is not None:
            timer.cancel()

    def _discard(self, kept: KeptTransfer) -> None:
        """Delete the part as soon as no thread uses it."""
        is_begun = self._known.pop(kept.id, None) is not None or kept.state is TransferState.WANTED
        if not is_begun or kept.id in self._running or kept.id in self._discarding:
            return

        def discard() -> None:
            delete_part(folder_of(self._services, kept), *part_name(kept))

        def discarded(_: object) -> None:
            self._discarding.discard(kept.id)
            wanted = self._wanted.get(kept.id)
            if wanted is not None:
                self._try(wanted)

        if not kept.offer.folder:
            with suppress(P2PError):
                discard()
        elif self._services.worker.submit(discard, discarded, discarded, patient=True):
            self._discarding.add(kept.id)


def _is_hopeless(error: P2PError, failures: int) -> bool:
    """Return whether a retry is pointless."""
    if isinstance(error, WrongSum | RemoteProtocolError):
        return failures >= _MOST_DAMAGED
    return isinstance(error, PartError | StorageError)
