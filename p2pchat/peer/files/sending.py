"""Sends offered files to the contacts who ask for them, as they were when offered.

Sends only what the receiver has asked for. Files are not copied; a file that has changed since it
was offered is not sent.
"""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Final

from p2pchat.errors import LinkLost, P2PError
from p2pchat.net.bulk import BulkConnection
from p2pchat.net.endpoints import Closable
from p2pchat.net.link import Link
from p2pchat.net.rate_limit import RateLimit
from p2pchat.paths import path_of
from p2pchat.peer.files.data_stream import Outgoing, Pace, Received, send_file
from p2pchat.peer.files.services import Slots, TransferServices, stop
from p2pchat.peer.files.source import FileChanged, Source, list_of, read_files
from p2pchat.peer.files.talk import FileTalk
from p2pchat.peer.store.transfer_store import KeptTransfer
from p2pchat.protocol.client.file_events import FileDeclined, FileDelivered, FileFailed
from p2pchat.protocol.client.transfers import TransferState
from p2pchat.protocol.files.messages import DataRequest, FileDone, FileGet, FileNo, Refusal

_GETS_A_MINUTE: Final = 30
"""Requests per offer; each may make us read all pieces that the receiver claims to have."""

_SENDABLE: Final = frozenset({TransferState.OFFERED, TransferState.DONE, TransferState.DECLINED})
"""The states in which the bytes are sent; a receiver may change its mind, or lose the file."""


class Sending:
    """The outgoing transfers."""

    def __init__(self, services: TransferServices) -> None:
        self._services = services
        self._slots = Slots(services.policy.at_once)
        self._running: dict[int, _SendAttempt] = {}
        self._sums: dict[str, list[bytes]] = {}  # by the line's id
        self._next: dict[int, Callable[[], None]] = {}  # asked for while a thread still ends
        self._gets = RateLimit.per_minute(_GETS_A_MINUTE)
        self._closed = False

    def is_running_with(self, contact: str) -> bool:
        """Return whether a transfer to the contact is running."""
        return any(one.kept.username == contact for one in self._running.values())

    def hear_get(self, talk: FileTalk, kept: KeptTransfer | None, message: FileGet) -> None:
        """Send what the contact asks for, or reply with a refusal."""
        if kept is None or not _may_be_sent(kept):
            talk.send(FileNo(message.offer, Refusal.GONE))
            return
        if not self._stop(kept.id):  # the receiver knows best that an earlier link is dead
            self._next[kept.id] = partial(self._send_next, talk, kept.id, message)
            return
        route = talk.route
        is_too_often = self._gets.take(kept.uid, self._services.loop.now()) > 0
        may_dial = not message.dial or (route is not None and route.is_ours and route.remote)
        if self._closed or is_too_often or not may_dial or not self._slots.take(kept):
            talk.send(FileNo(message.offer, Refusal.BUSY))
            return
        if kept.is_over and kept.state is not TransferState.DONE:
            self._services.store.update(kept.id, state=TransferState.OFFERED, reason="", told=True)
        sums = self._sums.setdefault(kept.uid, [])  # one attempt at a time uses them
        one = _SendAttempt(self._services, talk, kept, message, sums, self._done, self._failed)
        self._running[kept.id] = one
        one.begin()

    def _send_next(self, talk: FileTalk, transfer_id: int, message: FileGet) -> None:
        """Send on a new link what an earlier thread has stopped sending."""
        if talk.route is not None and not self._closed:
            self.hear_get(talk, self._services.store.get(transfer_id), message)

    def hear_done(self, talk: FileTalk, kept: KeptTransfer | None, message: FileDone) -> None:
        """Record that the contact has the file, and acknowledge that."""
        talk.send(FileDone(message.offer, message.root, heard=True))
        if kept is not None and kept.state is not TransferState.DONE:
            self._note_done(kept, message.root)

    def hear_no(self, kept: KeptTransfer, message: FileNo) -> None:
        """Handle the receiver's refusal."""
        contact, name = kept.username, kept.offer.shown_name
        if message.reason is Refusal.NO_SPACE:
            self._services.activities.waits(kept, f"{contact}'s disk is full")
            return
        if kept.is_over:
            return
        self._stop(kept.id)
        if message.reason is Refusal.CANCELLED:
            error = P2PError(f"{contact} has cancelled it")
            self._services.end(kept, TransferState.CANCELLED, error.what, told=True)
            self._services.on_event(FileFailed(contact, kept.id, name, error))
        else:
            self._services.end(kept, TransferState.DECLINED, told=True)
            self._services.on_event(FileDeclined(contact, kept.id, name))

    def cancel(self, kept: KeptTransfer) -> None:
        """Cancel a transfer."""
        self._stop(kept.id)
        self._sums.pop(kept.uid, None)
        self._services.end(kept, TransferState.CANCELLED)

    def stop_all(self) -> None:
        """Stop the running transfers."""
        self._closed = True
        for one in tuple(self._running.values()):
            self._stop(one.kept.id)

    def drop(self, contact: str, why: str) -> None:
        """Fail all unfinished transfers to a contact."""
        for one in tuple(self._running.values()):
            if one.kept.username == contact:
                self._stop(one.kept.id)
        offered = self._services.store.in_state(TransferState.OFFERED, contact, outgoing=True)
        for kept in offered:
            self._services.end(kept, TransferState.FAILED, why, told=True)
            self._services.on_event(
                FileFailed(contact, kept.id, kept.offer.shown_name, P2PError(why))
            )

    def _stop(self, transfer_id: int) -> bool:
        """Stop sending; return whether it has ended, as no thread was running."""
        self._next.pop(transfer_id, None)
        one = self._running.get(transfer_id)
        if one is None:
            return True
        has_ended = one.stop()
        self._services.activities.end(transfer_id)
        if has_ended:
            self._free(one)
        return has_ended

    def _done(self, attempt: "_SendAttempt", root: bytes) -> None:
        self._free(attempt)
        kept = self._services.store.get(attempt.kept.id)
        if kept is not None and kept.state is not TransferState.DONE:
            self._note_done(kept, root)
        self._go_on(attempt)

    def _note_done(self, kept: KeptTransfer, root: bytes) -> None:
        self._sums.pop(kept.uid, None)
        self._services.end(kept, TransferState.DONE, root=root, told=True)
        self._services.on_event(
            FileDelivered(kept.username, kept.id, kept.offer.shown_name, root.hex())
        )

    def _failed(self, attempt: "_SendAttempt", error: P2PError) -> None:
        self._free(attempt)
        kept = self._services.store.get(attempt.kept.id)
        if kept is None or kept.is_over:
            self._services.activities.end(attempt.kept.id)
            self._go_on(attempt)
            return
        if not isinstance(error, FileChanged):
            self._services.activities.rests(kept, error.what)
            self._go_on(attempt)
            return
        self._next.pop(kept.id, None)
        self._sums.pop(kept.uid, None)
        attempt.talk.send(FileNo(kept.uid, Refusal.CHANGED))
        self._services.end(kept, TransferState.FAILED, error.what, told=False)
        self._services.on_event(FileFailed(kept.username, kept.id, kept.offer.shown_name, error))

    def _free(self, attempt: "_SendAttempt") -> None:
        """Release the resources of an attempt whose thread has ended."""
        self._running.pop(attempt.kept.id, None)
        self._slots.release(attempt.kept.id)

    def _go_on(self, attempt: "_SendAttempt") -> None:
        """Answer a request that arrived meanwhile."""
        send_next = self._next.pop(attempt.kept.id, None)
        if send_next is not None:
            send_next()


def _may_be_sent(kept: KeptTransfer) -> bool:
    """Return whether the receiver may have the file; not if our user cancelled it."""
    is_theirs = kept.state is TransferState.CANCELLED and bool(kept.reason)  # they have cancelled
    return kept.state in _SENDABLE or is_theirs


class _SendAttempt:
    """One attempt to send; it ends with `done(attempt, root)` or `failed(attempt, error)`."""

    def __init__(
        self,
        services: TransferServices,
        talk: FileTalk,
        kept: KeptTransfer,
        message: FileGet,
        sums: list[bytes],
        done: Callable[["_SendAttempt", bytes], None],
        failed: Callable[["_SendAttempt", P2PError], None],
    ) -> None:
        self.kept = kept
        self.talk = talk
        self._services = services
        self._message = message
        self.sums = sums
        self._done = done
        self._failed = failed
        self._pending_link: Closable | None = None
        self._connection: BulkConnection | None = None
        self._stored = b""
        self._is_stopped = False

    def begin(self) -> None:
        """Open or expect the data link."""
        kept, message, links = self.kept, self._message, self._services.data_links
        self._stored = self._services.store.listing(kept.id) or b""
        route = self.talk.route
        if message.dial and route is not None and route.remote is not None:
            request = DataRequest(kept.uid, self._services.username, kept.username, message.ticket)
            self._pending_link = links.open_as_sender(
                kept.username, kept.key, route.remote, request, self._ready, self._end
            )
        else:
            self._pending_link = links.expect(
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
        if self._pending_link is not None:
            self._pending_link.close()
            self._pending_link = None
        stop(self._connection)
        return self._connection is None

    def _ready(self, link: Link) -> None:
        self._pending_link = None
        connection = self._connection = self._services.bulk(link, self.kept.username)
        job = partial(self._send, connection)
        if not self._services.worker.submit(job, self._finished, self._end, patient=True):
            connection.abort()
            self._end(LinkLost("too much is going on"))

    def _send(self, connection: BulkConnection) -> bytes:
        """Send what the receiver lacks. Runs in a thread."""
        kept = self.kept
        files = read_files(self._stored)
        listing = list_of(files) if kept.offer.folder else b""
        received = Received(self._message.pieces, self._message.root)
        progress = self._services.progress_of(
            kept, lambda: self._connection is not None and not self._is_stopped
        )
        pace = Pace(self._services.policy.rate)
        try:
            with closing(Source(path_of(kept.path), files)) as source:
                root = send_file(
                    connection, Outgoing(source, self.sums, progress, listing, pace), received
                )
        except BaseException:
            connection.abort()
            raise
        connection.close()
        return root

    def _finished(self, root: bytes) -> None:
        self._connection = None
        self._services.safely(partial(self._done, self, root))

    def _end(self, error: P2PError) -> None:
        self._pending_link = self._connection = None
        self._services.safely(partial(self._failed, self, error))
