"""The file transfers of one account, incoming and outgoing.

The facade of this package: clients offer, get, decline and cancel; conversations report links,
messages and offers. An offer is part of a line, so it is queued, ordered and acknowledged like any
other line.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.errors import OnFailed, P2PError, UsageError
from p2pchat.net.loop import Loop
from p2pchat.net.worker import Worker
from p2pchat.paths import path_of, text_of
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.files.activities import LISTED, Activities
from p2pchat.peer.files.data_links import DataLinks
from p2pchat.peer.files.idle import IdleWatch
from p2pchat.peer.files.policy import MOST_RELAYED, Decision, FilesPolicy
from p2pchat.peer.files.receiving import Receiving
from p2pchat.peer.files.sending import Sending
from p2pchat.peer.files.services import TransferServices
from p2pchat.peer.files.source import Scanned, scan, write_files
from p2pchat.peer.files.talk import FileTalk
from p2pchat.peer.store.lines import new_uid
from p2pchat.peer.store.transfer_store import KeptTransfer, TransferStore
from p2pchat.protocol.client.events import Event
from p2pchat.protocol.client.file_events import FileOffered
from p2pchat.protocol.client.lines import KeptLine
from p2pchat.protocol.client.transfers import Transfer, TransferState
from p2pchat.protocol.files.messages import FINAL, FileDone, FileGet, FileNo, Refusal
from p2pchat.protocol.files.offers import offer_text
from p2pchat.protocol.messages import Message
from p2pchat.wall_clock import now_ms

_MOST_OPEN: Final = 50
"""Open offers per contact; beyond that, the oldest is declined."""

_DAY_MS: Final = 24 * 3600 * 1000
_KEPT: Final = 5000
"""The number of finished transfers that are kept."""

_MOST_TAKEN: Final = 500
"""Files accepted without asking, per contact and day."""

_TOO_LARGE: Final = 2**63
"""The first integer that SQLite cannot store."""

_REFUSAL_OF: Final = {
    TransferState.DECLINED: Refusal.DECLINED,
    TransferState.CANCELLED: Refusal.CANCELLED,
    TransferState.FAILED: Refusal.CHANGED,  # only what we offered is told to have failed
}

OpenTalk = Callable[[str, Callable[[FileTalk], None], OnFailed], None]
"""Passes a conversation to the callback, once the contact's key is known."""


class Transfers:
    """The transfers of an account. `open` must be called before anything else.

    Methods raise UsageError if the call makes no sense now, and StorageError.
    """

    def __init__(
        self,
        loop: Loop,
        username: str,
        store: TransferStore,
        contacts: Contacts,
        data_links: DataLinks,
        worker: Worker,
        policy: FilesPolicy,
        *,
        on_event: Callable[[Event], None],
        on_change: Callable[[], None],
    ) -> None:
        self._activities = Activities(loop, on_event, on_change)
        self._services = TransferServices(
            loop,
            username,
            store,
            contacts,
            data_links,
            worker,
            policy,
            self._activities,
            on_event,
        )
        self._store = store
        self._receiving = Receiving(self._services, self._conversation_with)
        self._sending = Sending(self._services)
        self._talk_with: Callable[[str], FileTalk | None] = lambda _: None
        self._open_talk: OpenTalk | None = None
        self._withdraw: Callable[[str, str], None] = ignore
        self._idle_watch: IdleWatch | None = None

    def open(
        self,
        talk_with: Callable[[str], FileTalk | None],
        open_talk: OpenTalk,
        withdraw: Callable[[str, str], None],
    ) -> None:
        """Use these conversations, and resume the transfers of the account's last node.

        `talk_with(contact)` returns the conversation with a contact, if it has a pinned key;
        `withdraw(contact, uid)` cancels a line that has not been delivered.
        """
        self._talk_with, self._open_talk, self._withdraw = talk_with, open_talk, withdraw
        self._store.drop_prepared()
        self._store.drop_old(_KEPT)
        self._receiving.begin()
        self._receiving.clear_up()
        self._idle_watch = IdleWatch(self._services, self._receiving, self._cancel_idle)

    @property
    def moving(self) -> tuple[Transfer, ...]:
        """The transfers whose bytes are moving."""
        return self._activities.moving

    def all(self) -> tuple[Transfer, ...]:
        """Return the last transfers, oldest first."""
        kept = self._store.all(LISTED)
        void = self._store.void(kept)
        return tuple(self._activities.shown(one, is_void=one.uid in void) for one in kept)

    def offer(
        self,
        contact: str,
        path: Path,
        name: str,
        then: Callable[[Transfer, int, Scanned], None],
        failed: OnFailed,
    ) -> None:
        """Offer a file or folder, by that name or its own.

        Once the offer is on disk, `then` gets the transfer, the number of its line, and the scan.
        An unchanged file that is already offered to the contact is not offered again.
        """
        if contact == self._services.username:
            raise UsageError("files cannot be sent to yourself")
        if not path.is_absolute():
            raise UsageError(f"{path} is not the full path of a file")

        def scanned(found: Scanned) -> None:
            assert self._open_talk is not None
            self._open_talk(contact, partial(say, found), failed)

        def say(found: Scanned, talk: FileTalk) -> None:
            try:
                then(*self._say(talk, path, found), found)
            except P2PError as error:
                failed(error)

        job = partial(scan, path, name)
        if not self._services.worker.submit(job, scanned, failed, patient=True):
            raise UsageError(
                "too many files are being offered at once", advice="try again in a minute"
            )

    def _say(self, talk: FileTalk, path: Path, found: Scanned) -> tuple[Transfer, int]:
        files, where = write_files(found.files), text_of(path)
        for before in self._store.in_state(TransferState.OFFERED, talk.contact, outgoing=True):
            same = (before.key, before.path, before.offer.name)
            is_same = same == (talk.key, where, found.offer.name)
            is_void = bool(self._store.void([before]))  # its line has failed
            if is_same and not is_void and self._store.listing(before.id) == files:
                return self._activities.shown(before), talk.number_of(before.uid)
        uid = new_uid()
        number = self._store.prepare(talk.contact, talk.key, uid, found.offer, where, files)
        line = talk.offer(offer_text(found.offer), uid, found.offer)
        kept = self._store.get(number)
        if kept is None or kept.state is TransferState.PREPARING:
            self._store.forget(number)
            raise P2PError("the offer could not be written to disk")
        if talk.is_old:
            self._note_old(talk.contact)
        return self._activities.shown(kept), line

    def _note_old(self, contact: str) -> None:
        """Show why transfers to a contact with an older program wait."""
        for kept in self._store.in_state(TransferState.OFFERED, contact, outgoing=True):
            self._activities.waits(kept, f"{contact} must update p2pchat first")

    def get(self, number: int, folder: str = "") -> None:
        """Receive an offered file into that folder; a failed transfer is retried."""
        kept = self._known(number, outgoing=False)
        if kept.state is TransferState.DONE:
            raise UsageError(f"it was already received: {kept.path}")
        if kept.key != self._services.contacts.get(kept.username).key:
            raise UsageError(
                f"it was offered with another key of {kept.username}",
                advice=f"ask {kept.username} to send it again",
            )
        if kept.state is TransferState.WANTED:
            if folder:
                raise UsageError("it is already being received into another folder")
            self._receiving.want(kept)  # now, instead of after a pause
            return
        if folder and not path_of(folder).is_absolute():
            raise UsageError(f"{folder} is not the full path of a folder")
        self._accept(kept, folder)

    def decline(self, number: int) -> None:
        """Decline an offer, or stop receiving it."""
        kept = self._known(number, outgoing=False)
        if kept.is_over:
            raise UsageError(f"it is over: {kept.state.value}")
        self._refuse(kept, TransferState.DECLINED)

    def cancel(self, number: int) -> None:
        """Cancel a transfer in either direction."""
        kept = self._known(number, outgoing=None)
        if kept.is_over:
            raise UsageError(f"it is over: {kept.state.value}")
        self._refuse(kept, TransferState.CANCELLED)

    def number_for(self, contact: str | None, number: int) -> int:
        """Return the number itself, or if it is 0, that of the contact's last open offer."""
        if number:
            return number
        offered = self._store.in_state(TransferState.OFFERED, contact, outgoing=False)
        if not offered:
            raise UsageError("nothing is offered" + (f" by {contact}" if contact else ""))
        return offered[-1].id

    # What conversations report

    def needs_link(self, contact: str) -> bool:
        """Return whether a link is needed: to receive, or to report an outcome."""
        if self._receiving.needs_link(contact):
            return True
        if contact not in self._store.to_tell:
            return False
        talk = self._talk_with(contact)
        return talk is not None and not talk.is_old

    @property
    def concerned(self) -> set[str]:
        """The contacts to receive from, or to report an outcome to."""
        return self._receiving.senders | self._store.to_tell

    def uses_link(self, contact: str) -> bool:
        """Return whether the link to the contact must stay open."""
        return self.needs_link(contact) or self._sending.is_running_with(contact)

    def offered(self, talk: FileTalk, lines: Sequence[KeptLine]) -> None:
        """Handle the offers in new lines of the contact."""
        is_any = False
        for line in (line for line in lines if line.offer is not None):
            kept = self._store.find(talk.contact, talk.key, line.uid, outgoing=False)
            if kept is not None and kept.state is TransferState.OFFERED:
                is_any = True
                self._decide(talk, kept)
        if is_any:
            self._limit(talk.contact)

    def linked(self, talk: FileTalk) -> None:
        """Resume the transfers with the contact on a new link."""
        for kept in self._store.untold(talk.contact, talk.key):
            self._tell(talk, kept)
        for kept in self._store.in_state(TransferState.OFFERED, talk.contact, outgoing=False):
            if kept.key == talk.key:  # perhaps a node of ours died before it could decide
                self._decide(talk, kept, again=True)
        if talk.is_old:
            self._note_old(talk.contact)
        self._receiving.linked(talk)

    def path_changed(self, talk: FileTalk) -> None:
        """Handle the move of the conversation to a better link."""
        self._receiving.path_changed(talk)

    def unlinked(self, contact: str) -> None:
        """Handle the loss of the link to the contact."""
        self._receiving.unlinked(contact)

    def hear(self, talk: FileTalk, message: Message) -> bool:
        """Handle a message about offered files; return False for any other."""
        if not isinstance(message, FileGet | FileNo | FileDone):
            return False
        ours = self._store.find(talk.contact, talk.key, message.offer, outgoing=True)
        match message:
            case FileGet():
                self._sending.hear_get(talk, ours, message)
            case FileDone(heard=False):
                self._sending.hear_done(talk, ours, message)
            case FileNo(heard=False):
                self._hear_no(talk, ours, message)
            case _:
                theirs = self._store.find(talk.contact, talk.key, message.offer, outgoing=False)
                for kept in filter(None, (ours, theirs)):
                    if kept.is_over and not kept.told:
                        self._store.update(kept.id, told=True)
        return True

    def drop(self, contact: str, why: str) -> None:
        """End all transfers with a contact who was blocked or has another key."""
        self._sending.drop(contact, why)
        self._receiving.drop(contact, why)
        for kept in self._store.in_state(TransferState.OFFERED, contact, outgoing=False):
            self._services.end(kept, TransferState.FAILED, why, told=True)
        self._store.tell_nothing(contact)

    def close(self) -> None:
        """Stop the running transfers; the next node of the account resumes them."""
        if self._idle_watch is not None:
            self._idle_watch.close()
        self._receiving.stop_all()
        self._sending.stop_all()
        self._services.data_links.close()

    def _conversation_with(self, contact: str) -> FileTalk | None:
        return self._talk_with(contact)

    def _hear_no(self, talk: FileTalk, ours: KeptTransfer | None, message: FileNo) -> None:
        if message.reason in FINAL:
            talk.send(FileNo(message.offer, message.reason, heard=True))
        if ours is not None:
            self._sending.hear_no(ours, message)
            return
        theirs = self._store.find(talk.contact, talk.key, message.offer, outgoing=False)
        if theirs is not None and not theirs.is_over:
            self._receiving.hear_no(theirs, message)

    def _decide(self, talk: FileTalk, kept: KeptTransfer, *, again: bool = False) -> None:
        """Decide about an offer; `again`: it was shown to the user before."""
        contact = self._services.contacts.get(talk.contact)
        accepted = self._store.accepted_since(talk.contact, now_ms() - _DAY_MS)
        today = sum(one.offer.size for one in accepted)
        decision = self._services.policy.decide(contact, kept.offer.size, today)
        if decision is Decision.REFUSE:
            self._refuse(kept, TransferState.DECLINED)
            return
        is_direct = talk.route is not None and not talk.route.relayed
        is_small = kept.offer.size <= MOST_RELAYED and len(accepted) < _MOST_TAKEN
        if not (is_small or is_direct) or len(accepted) >= _MOST_TAKEN:
            decision = Decision.ASK
        offer = kept.offer
        is_taken = decision is Decision.TAKE
        if again and not is_taken:
            return
        self._services.on_event(
            FileOffered(kept.username, kept.id, offer.shown_name, offer.size, offer.files, is_taken)
        )
        if is_taken:
            self._accept(kept, "")

    def _limit(self, contact: str) -> None:
        """Decline the oldest offers of a contact with too many."""
        if self._store.count_offered(contact) > _MOST_OPEN:
            offered = self._store.in_state(TransferState.OFFERED, contact, outgoing=False)
            for kept in offered[:-_MOST_OPEN]:
                self._refuse(kept, TransferState.DECLINED)

    def _accept(self, kept: KeptTransfer, folder: str) -> None:
        at = now_ms()
        self._store.update(
            kept.id, state=TransferState.WANTED, path=folder, at=at, reason="", told=False
        )
        wanted = kept._replace(state=TransferState.WANTED, path=folder, at=at, reason="")
        self._receiving.want(wanted)

    def _cancel_idle(self, kept: KeptTransfer, why: str) -> None:
        self._refuse(kept, TransferState.CANCELLED, why)

    def _refuse(self, kept: KeptTransfer, state: TransferState, why: str = "") -> None:
        """End a transfer on our side, and tell the contact now or later."""
        talk = self._talk_with(kept.username)
        is_there = talk is not None and talk.key == kept.key
        if kept.outgoing:
            self._sending.cancel(kept)
        else:
            self._receiving.cancel(kept, state, why)
        self._store.update(kept.id, told=not is_there)
        if talk is None or not is_there:
            return
        if kept.outgoing:
            self._withdraw(kept.username, kept.uid)
        self._tell(talk, kept._replace(state=state))
        talk.look_for_link()

    def _tell(self, talk: FileTalk, kept: KeptTransfer) -> None:
        """Report the outcome of a transfer to the contact, which acknowledges it."""
        if kept.state is TransferState.DONE:
            if not kept.outgoing and kept.root is not None:
                talk.send(FileDone(kept.uid, kept.root))
        else:
            talk.send(FileNo(kept.uid, _REFUSAL_OF[kept.state]))

    def _known(self, number: int, *, outgoing: bool | None) -> KeptTransfer:
        kept = self._store.get(number) if 0 < number < _TOO_LARGE else None
        if kept is None:
            raise UsageError(f"there is no transfer {number}", advice="p2p files lists them")
        if outgoing is not None and kept.outgoing is not outgoing:
            raise UsageError(f"you are sending {number}, not receiving it")
        return kept
