"""Sends offered files to the contacts who ask for them, as they were when offered.

Sends only what the receiver has asked for. Files are not copied; a file that has changed since it
was offered is not sent.
"""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from p2pchat.errors import LinkLost, P2PError
from p2pchat.net.bulk import BulkConnection
from p2pchat.net.endpoints import Closable
from p2pchat.net.link import Link
from p2pchat.net.rate_limit import RateLimit
from p2pchat.peer.files.around import FilesAround, Slots, stop
from p2pchat.peer.files.moving import Giving as What
from p2pchat.peer.files.moving import Had, Pace, give
from p2pchat.peer.files.source import FileChanged, Source, list_of, read_files
from p2pchat.peer.files.talk import FileTalk
from p2pchat.peer.store.transfer_store import KeptTransfer
from p2pchat.protocol.client.file_events import FileDeclined, FileDelivered, FileFailed
from p2pchat.protocol.client.transfers import TransferState
from p2pchat.protocol.files.messages import DataRequest, FileDone, FileGet, FileNo, Refusal

_GETS_A_MINUTE: Final = 30
"""Requests per offer; each may make us read all pieces that the receiver claims to have."""

_GIVEN: Final = frozenset({TransferState.OFFERED, TransferState.DONE, TransferState.DECLINED})
"""The states in which the bytes are sent; a receiver may change its mind, or lose the file."""


class Giving:
    """The outgoing transfers."""

    def __init__(self, around: FilesAround) -> None:
        self._around = around
        self._slots = Slots(around.policy.at_once)
        self._running: dict[int, _Gift] = {}
        self._sums: dict[str, list[bytes]] = {}  # by the line's id
        self._next: dict[int, Callable[[], None]] = {}  # asked for while a thread still ends
        self._gets = RateLimit.per_minute(_GETS_A_MINUTE)
        self._closed = False

    def is_running_with(self, contact: str) -> bool:
        """Return whether a transfer to the contact is running."""
        return any(one.kept.username == contact for one in self._running.values())

    def hear_get(self, talk: FileTalk, kept: KeptTransfer | None, message: FileGet) -> None:
        """Send what the contact asks for, or reply with a refusal."""
        if kept is None or not _may_be_given(kept):
            talk.send(FileNo(message.offer, Refusal.GONE))
            return
        if not self._stop(kept.id):  # the receiver knows best that an earlier link is dead
            self._next[kept.id] = partial(self._give_next, talk, kept.id, message)
            return
        route = talk.route
        is_too_often = self._gets.take(kept.uid, self._around.loop.now()) > 0
        may_dial = not message.dial or (route is not None and route.is_ours and route.remote)
        if self._closed or is_too_often or not may_dial or not self._slots.take(kept):
            talk.send(FileNo(message.offer, Refusal.BUSY))
            return
        if kept.is_over and kept.state is not TransferState.DONE:
            self._around.store.update(kept.id, state=TransferState.OFFERED, reason="", told=True)
        sums = self._sums.setdefault(kept.uid, [])  # one gift at a time uses them
        one = _Gift(self._around, talk, kept, message, sums, self._done, self._failed)
        self._running[kept.id] = one
        one.begin()

    def _give_next(self, talk: FileTalk, transfer_id: int, message: FileGet) -> None:
        """Send on a new link what an earlier thread has stopped sending."""
        if talk.route is not None and not self._closed:
            self.hear_get(talk, self._around.store.get(transfer_id), message)

    def hear_done(self, talk: FileTalk, kept: KeptTransfer | None, message: FileDone) -> None:
        """Record that the contact has the file, and acknowledge that."""
        talk.send(FileDone(message.offer, message.root, heard=True))
        if kept is not None and kept.state is not TransferState.DONE:
            self._note_done(kept, message.root)

    def hear_no(self, kept: KeptTransfer, message: FileNo) -> None:
        """Handle the receiver's refusal."""
        contact, name = kept.username, kept.offer.shown_name
        if message.reason is Refusal.NO_SPACE:
            self._around.activities.waits(kept, f"{contact}'s disk is full")
            return
        if kept.is_over:
            return
        self._stop(kept.id)
        if message.reason is Refusal.CANCELLED:
            error = P2PError(f"{contact} has cancelled it")
            self._around.end(kept, TransferState.CANCELLED, error.what, told=True)
            self._around.on_event(FileFailed(contact, kept.id, name, error))
        else:
            self._around.end(kept, TransferState.DECLINED, told=True)
            self._around.on_event(FileDeclined(contact, kept.id, name))

    def cancel(self, kept: KeptTransfer) -> None:
        """Cancel a transfer."""
        self._stop(kept.id)
        self._sums.pop(kept.uid, None)
        self._around.end(kept, TransferState.CANCELLED)

    def stop_all(self, contact: str | None = None) -> None:
        """Stop the running transfers to one contact, or to all."""
        self._closed = self._closed or contact is None
        for one in tuple(self._running.values()):
            if contact in {None, one.kept.username}:
                self._stop(one.kept.id)

    def _stop(self, transfer_id: int) -> bool:
        """Stop sending; return whether it has ended, as no thread was running."""
        self._next.pop(transfer_id, None)
        one = self._running.get(transfer_id)
        if one is None:
            return True
        has_ended = one.stop()
        self._around.activities.end(transfer_id)
        if has_ended:
            self._free(one)
        return has_ended

    def _done(self, gift: "_Gift", root: bytes) -> None:
        self._free(gift)
        kept = self._around.store.get(gift.kept.id)
        if kept is not None and kept.state is not TransferState.DONE:
            self._note_done(kept, root)
        self._go_on(gift)

    def _note_done(self, kept: KeptTransfer, root: bytes) -> None:
        self._sums.pop(kept.uid, None)
        self._around.end(kept, TransferState.DONE, root=root, told=True)
        self._around.on_event(
            FileDelivered(kept.username, kept.id, kept.offer.shown_name, root.hex())
        )

    def _failed(self, gift: "_Gift", error: P2PError) -> None:
        self._free(gift)
        kept = self._around.store.get(gift.kept.id)
        if kept is None or kept.is_over:
            self._around.activities.end(gift.kept.id)
            self._go_on(gift)
            return
        if not isinstance(error, FileChanged):
            self._around.activities.rests(kept)
            self._go_on(gift)
            return
        self._next.pop(kept.id, None)
        self._sums.pop(kept.uid, None)
        gift.talk.send(FileNo(kept.uid, Refusal.CHANGED))
        self._around.end(kept, TransferState.FAILED, error.what, told=False)
        self._around.on_event(FileFailed(kept.username, kept.id, kept.offer.shown_name, error))

    def _free(self, gift: "_Gift") -> None:
        """Release the resources of an attempt whose thread has ended."""
        self._running.pop(gift.kept.id, None)
        self._slots.give_back(gift.kept.id)

    def _go_on(self, gift: "_Gift") -> None:
        """Answer a request that arrived meanwhile."""
        give_next = self._next.pop(gift.kept.id, None)
        if give_next is not None:
            give_next()


def _may_be_given(kept: KeptTransfer) -> bool:
    """Return whether the receiver may have the file; not if our user cancelled it."""
    is_theirs = kept.state is TransferState.CANCELLED and bool(kept.reason)  # they have cancelled
    return kept.state in _GIVEN or is_theirs


class _Gift:
    """One attempt to send; it ends with `done(attempt, root)` or `failed(attempt, error)`."""

    def __init__(
        self,
        around: FilesAround,
        talk: FileTalk,
        kept: KeptTransfer,
        message: FileGet,
        sums: list[bytes],
        done: Callable[["_Gift", bytes], None],
        failed: Callable[["_Gift", P2PError], None],
    ) -> None:
        self.kept = kept
        self.talk = talk
        self._around = around
        self._message = message
        self.sums = sums
        self._done = done
        self._failed = failed
        self._attempt: Closable | None = None
        self._connection: BulkConnection | None = None
        self._stored = b""
        self._is_stopped = False

    def begin(self) -> None:
        """Open or expect the data link."""
        kept, message, links = self.kept, self._message, self._around.data_links
        self._stored = self._around.store.listing(kept.id) or b""
        route = self.talk.route
        if message.dial and route is not None and route.remote is not None:
            request = DataRequest(kept.uid, self._around.username, kept.username, message.ticket)
            self._attempt = links.open_as_sender(
                kept.username, kept.key, route.remote, request, self._ready, self._end
            )
        else:
            self._attempt = links.expect(
                kept.username,
                kept.key,
                kept.uid,
                message.ticket,
                self._ready,
                self._end,
                is_receiver=False,
            )

    def stop(self) -> bool:
        """Stop; return whether the attempt has ended, as no thread was running."""
        self._is_stopped = True
        if self._attempt is not None:
            self._attempt.close()
            self._attempt = None
        stop(self._connection)
        return self._connection is None

    def _ready(self, link: Link) -> None:
        self._attempt = None
        connection = self._connection = self._around.bulk(link, self.kept.username)
        job = partial(self._give, connection)
        if not self._around.worker.submit(job, self._finished, self._end, patient=True):
            connection.abort()
            self._end(LinkLost("too much is going on"))

    def _give(self, connection: BulkConnection) -> bytes:
        """Send what the receiver lacks. Runs in a thread."""
        kept = self.kept
        files = read_files(self._stored)
        listing = list_of(files) if kept.offer.folder else b""
        had = Had(self._message.pieces, self._message.root)
        progress = self._around.progress_of(
            kept, lambda: self._connection is not None and not self._is_stopped
        )
        pace = Pace(self._around.policy.rate)
        try:
            with closing(Source(Path(kept.path), files)) as source:
                root = give(connection, What(source, self.sums, progress, listing, pace), had)
        except BaseException:
            connection.abort()
            raise
        connection.close()
        return root

    def _finished(self, root: bytes) -> None:
        self._connection = None
        self._around.safely(partial(self._done, self, root))

    def _end(self, error: P2PError) -> None:
        self._attempt = self._connection = None
        self._around.safely(partial(self._failed, self, error))
