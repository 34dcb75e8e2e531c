"""One attempt to receive a transfer: verify the existing part, then request and write the rest.

`receiving` decides which transfers to receive, and when to retry.
"""

import secrets
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from p2pchat.errors import LinkLost, P2PError, RemoteProtocolError, StorageError
from p2pchat.net.bulk import BulkConnection
from p2pchat.net.endpoints import Closable
from p2pchat.net.link import Link
from p2pchat.paths import name_of, path_of, shown
from p2pchat.peer.files.data_stream import Received, Receiver, confirm, empty_root, store_inline
from p2pchat.peer.files.part import Part, delete_part
from p2pchat.peer.files.services import TransferServices, stop
from p2pchat.peer.files.stored import PartError
from p2pchat.peer.files.talk import FileTalk, Route
from p2pchat.peer.store.transfer_store import KeptTransfer
from p2pchat.protocol.files.listing import Listed, read_list
from p2pchat.protocol.files.messages import TICKET_BYTES, DataRequest, FileGet
from p2pchat.protocol.files.names import safe_name
from p2pchat.protocol.files.offers import SHA256

_UID_CHARACTERS: Final = 16


class LinkImproved(LinkLost):
    """The data link was abandoned for a better one."""


class ReceiveAttempt:
    """One attempt to receive a transfer; it ends with `done` or `failed`.

    `done(kept, path, root)` returns whether the database has recorded it; only then is the sender
    told. `failed(kept, error, pieces)` reports the number of verified pieces. `in_any_way`: try all
    paths to the contact, not only the address of the conversation's link.
    """

    def __init__(
        self,
        services: TransferServices,
        talk: FileTalk,
        kept: KeptTransfer,
        known: int,
        done: Callable[[KeptTransfer, Path, bytes], bool],
        failed: Callable[[KeptTransfer, P2PError, int], None],
        *,
        in_any_way: bool,
    ) -> None:
        self.kept = kept
        self.is_relayed = False
        self.has_begun = False
        """Whether there was a data link."""
        self._in_any_way = in_any_way
        self._services = services
        self._talk = talk
        self._known = known
        self._pieces = known
        self._done = done
        self._failed = failed
        self._listing: bytes | None = None
        self._pending_link: Closable | None = None
        self._connection: BulkConnection | None = None
        self._is_moved = False
        self._in_thread = False
        self._stopped = False
        self._keep_free = services.policy.keep_free

    def begin(self) -> None:
        """Verify the existing part, then request the rest."""
        offer = self.kept.offer
        if offer.sum != SHA256:
            self._end(RemoteProtocolError(f"it needs {offer.sum}, which a newer p2pchat may know"))
            return
        try:
            self._listing = self._services.store.listing(self.kept.id)
        except StorageError as error:
            self._end(error)
            return
        if offer.inline is not None:
            self._submit(partial(self._keep_inline, offer.inline), self._finished)
        elif offer.folder and self._listing is None:
            self._ask(Received(0, empty_root(offer.size)))
        else:
            self._submit(self._look, self._looked)

    def stop(self) -> bool:
        """Stop; return whether the attempt has ended, as no thread was running."""
        self._stopped = True
        if self._pending_link is not None:
            self._pending_link.close()
            self._pending_link = None
        stop(self._connection)
        return not self._in_thread

    @property
    def is_waiting_for_link(self) -> bool:
        """Whether the attempt waits for its data link."""
        return self._pending_link is not None

    def restart(self) -> None:
        """Abandon the data link, to resume on a better one."""
        self._is_moved = True
        stop(self._connection)

    def _look(self) -> "Received | _Outcome":
        """Return what was received so far, or the outcome of a process that died at its end.

        Runs in a thread.
        """
        with closing(self._open(self._listing or b"")) as part:
            if part.named is not None:
                return part.named, part.root()
            part.check_room(self._keep_free)
            return Received(part.pieces, part.root())

    def _looked(self, found: "Received | _Outcome") -> None:
        if isinstance(found, Received):
            self._ask(found)
        else:
            self._finished(found)

    def _open(self, listing: bytes) -> Part:
        return open_part(self.kept, listing, folder_of(self._services, self.kept), self._known)

    def _keep_inline(self, data: bytes) -> tuple[Path, bytes]:
        with closing(self._open(b"")) as part:
            part.check_room(self._keep_free)
            return store_inline(part, data)

    def _ask(self, received: Received) -> None:
        self._in_thread = False
        route = self._talk.route
        if self._stopped or route is None:
            self._end(LinkLost("the link was lost"))
            return
        self._known = self._pieces = received.pieces
        ticket = secrets.token_bytes(TICKET_BYTES)
        if self._in_any_way:
            route = route._replace(remote=None)
        dial = route.remote is not None and not route.is_ours
        self._talk.send(FileGet(self.kept.uid, ticket, received.pieces, received.root, dial))
        links, kept = self._services.data_links, self.kept
        if dial:
            self._pending_link = links.expect(
                kept.username,
                kept.key,
                kept.uid,
                ticket,
                self._ready,
                self._end,
                is_receiver=True,
            )
        else:
            self._pending_link = self._open_link(route, ticket)

    def _open_link(self, route: Route, ticket: bytes) -> Closable:
        kept = self.kept
        request = DataRequest(kept.uid, self._services.username, kept.username, ticket)
        return self._services.data_links.open_as_receiver(
            kept.username,
            kept.key,
            route.address,
            route.remote,
            request,
            self._ready,
            self._end,
        )

    def _ready(self, link: Link) -> None:
        self._pending_link = None
        self.has_begun = True
        self.is_relayed = link.relayed
        connection = self._connection = self._services.bulk(link, self.kept.username)
        self._submit(partial(self._receive, connection), self._finished)

    def _receive(self, connection: BulkConnection) -> tuple[Path, bytes]:
        """Receive the rest. Runs in a thread."""
        parts: list[Part] = []

        def open_part_now(listing: bytes) -> Part:
            if listing and self._listing is None:
                read_list(listing, self.kept.offer)
                self._services.loop.call_from_thread(partial(self._note_listing, listing))
            part = self._open(listing)
            parts.append(part)
            if part.named is not None:  # by a process that died then; the next look finds it
                raise LinkLost("it is here already")
            part.reserve(self._keep_free)
            return part

        tell = self._services.progress_of(
            self.kept, lambda: self._connection is not None and not self._stopped
        )

        def progress(pieces: int) -> None:
            self._pieces = pieces
            tell(pieces)

        receiver = Receiver(open_part_now, keep_free=self._keep_free, progress=progress)
        try:
            outcome = receiver.receive(connection)
        except BaseException:
            connection.abort()
            raise
        finally:
            for part in parts:
                part.close()
        return outcome

    def _note_listing(self, listing: bytes) -> None:
        self._listing = listing
        self._services.store.update(self.kept.id, listing=listing)

    def _finished(self, outcome: "_Outcome") -> None:
        """Report the outcome; tell the sender once the database has recorded it."""
        self._in_thread = False
        connection, self._connection = self._connection, None
        if not self._done(self.kept, *outcome):
            if connection is not None:
                connection.abort()
            return

        def clear() -> None:
            try:
                delete_part(folder_of(self._services, self.kept), *part_name(self.kept))
            finally:
                if connection is not None:
                    confirm(connection, outcome[1])

        if not self._services.worker.submit(clear, _nothing, _nothing, patient=True) and connection:
            connection.abort()

    def _submit(self, job: Callable[[], object], then: Callable[..., None]) -> None:
        self._in_thread = True
        if not self._services.worker.submit(job, then, self._end, patient=True):
            if self._connection is not None:
                self._connection.abort()
            self._end(LinkLost("too much is going on"))

    def _end(self, error: P2PError) -> None:
        self._in_thread = False
        self._pending_link = self._connection = None
        told = LinkImproved(error.what) if self._is_moved else error
        self._services.safely(partial(self._failed, self.kept, told, self._pieces))


_Outcome = tuple[Path, bytes]
"""The path and the root of the received file."""


def _nothing(_: object) -> None:
    """Ignore the outcome."""


def part_name(kept: KeptTransfer) -> tuple[str, str]:
    """Return the name and the id of a transfer's part, as they are on the disk."""
    uid = safe_name(kept.uid)[:_UID_CHARACTERS]
    return name_of(safe_name(kept.offer.name)), f"{kept.id}-{name_of(uid)}"


def target_of(services: TransferServices, kept: KeptTransfer) -> Path:
    """Return a transfer's target folder, or the received file. Raise UsageError for NUL."""
    return path_of(kept.path) if kept.path else services.policy.folder_for(kept.username)


def folder_of(services: TransferServices, kept: KeptTransfer) -> Path:
    """Return a transfer's target folder, created if needed. Raise PartError if it cannot be."""
    folder = target_of(services, kept)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PartError(f"the folder {shown(folder)} cannot be made: {error.strerror}") from error
    return folder


def open_part(kept: KeptTransfer, listing: bytes, folder: Path, trusted: int) -> Part:
    """Open a transfer's part. Raise PartError, or RemoteProtocolError for an invalid list."""
    offer = kept.offer
    files: Sequence[Listed] | None = read_list(listing, offer) if offer.folder else None
    return Part(
        folder,
        *part_name(kept),
        offer.size,
        files=files,
        executable=offer.executable,
        trusted=trusted,
    )
