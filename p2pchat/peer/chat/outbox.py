"""Lines to a contact without an open chat: queued, retried after a failure, or cancelled.

The conversations send them once both users are online.
"""

from collections.abc import Callable, Sequence
from functools import partial

from p2pchat.callbacks import ignore
from p2pchat.errors import OnFailed, P2PError, StorageError, UsageError
from p2pchat.net.loop import Loop
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.chat.conversation import Conversation
from p2pchat.peer.chat.notes import Notes
from p2pchat.peer.files.talk import FileTalk
from p2pchat.peer.mailbox.mailbox import Mailbox
from p2pchat.peer.registry_client.link import SearchUser
from p2pchat.peer.store.history import History
from p2pchat.protocol.client.events import Event, OutboxFailed
from p2pchat.protocol.client.lines import TO_RETRY
from p2pchat.protocol.messages import SearchResult
from p2pchat.protocol.names import check_username

Then = Callable[[int], None]
"""Receives the number of the last line, once all are on disk or NotKept was emitted."""


class Outbox:
    """The outbox of one account at one registry.

    `open_one(contact)` returns the conversation with a contact, None if the contact's key is not
    known. Methods raise UsageError, StorageError.
    """

    def __init__(
        self,
        loop: Loop,
        username: str,
        contacts: Contacts,
        history: History,
        search: SearchUser,
        *,
        mailbox: Mailbox,
        open_one: Callable[[str], Conversation | Notes | None],
        on_event: Callable[[Event], None],
    ) -> None:
        self._loop = loop
        self._username = username
        self._contacts = contacts
        self._history = history
        self._search = search
        self._open_one = open_one
        self._mailbox = mailbox
        self._on_event = on_event

    def queue(
        self,
        contact: str,
        texts: Sequence[str],
        then: Then,
        failed: OnFailed,
        *,
        ids: Sequence[str] = (),
    ) -> None:
        """Queue the texts; `then` or `failed` is called in a later turn.

        `ids`: one for each text. A text whose id was queued before is not queued again.
        """
        say = partial(self._say, contact, texts, ids)
        self._with_key(contact, say, then, failed)

    def open(self, contact: str, then: Callable[[FileTalk], None], failed: OnFailed) -> None:
        """Pass the conversation with a contact to `then`, or call `failed`; possibly at once."""

        def opened(conversation: Conversation | Notes) -> list[int]:
            if isinstance(conversation, Notes):
                raise UsageError("a file can be sent to somebody else only")
            then(conversation.file_talk)
            return [0]

        self._with_key(contact, opened, ignore, failed)

    def queue_again(self, contact: str, then: Then, failed: OnFailed) -> None:
        """Queue again, for the contact's current key, the lines that would not arrive otherwise.

        These are failed and missing lines, and lines that wait for an older key.
        """
        self._with_key(contact, partial(self._say_again, contact), then, failed)

    def put(self, contact: str, texts: Sequence[str] | None, ids: Sequence[str]) -> None:
        """Queue texts (None: as `queue_again`) for a contact whose key is known.

        They are written to disk at once, and sent the next time that we are online.
        """
        conversation = self._open_known(contact)
        if texts is None:
            self._say_again(contact, conversation)
        else:
            self._say(contact, texts, ids, conversation)
            conversation.flush()

    def expire(self, contact: str, uids: Sequence[str]) -> None:
        """Mark expired lines as failed, except those sent on the current link.

        Those in the contact's mailbox are taken back first; what was fetched from there is kept.
        """
        error = P2PError("it has expired", advice=f"p2p outbox retry {contact}")
        self._fail(contact, uids, error)

    def withdraw(self, contact: str, uid: str) -> None:
        """Cancel a line, as `expire` does."""
        self._fail(contact, [uid], P2PError("it was cancelled"))

    def _fail(self, contact: str, uids: Sequence[str], error: P2PError) -> None:
        def fail(fetched: int) -> None:
            count = conversation.expire(uids, fetched)
            if count:
                self._on_event(OutboxFailed(contact, error, count))

        conversation = self._open_known(contact)
        self._take_back(conversation, fail)

    def leave(self, contact: str, then: Callable[[], None]) -> None:
        """Leave what waits in the contact's mailbox; `then` follows, also if that is impossible."""
        conversation = self._open_one(contact)
        if conversation is None or isinstance(conversation, Notes):
            self._loop.call_soon(then)
        else:
            self._mailbox.leave_now(conversation.talk, then)

    def pause_of(self, contact: str) -> float:
        """Return for how many seconds the contact's mailbox is known to accept nothing."""
        conversation = self._open_one(contact)
        if conversation is None or isinstance(conversation, Notes):
            return 0.0
        return self._mailbox.pause_of(conversation.talk)

    def cancel(self, contact: str, then: Callable[[int, int], None], failed: OnFailed) -> None:
        """Cancel all waiting lines that were not sent on the current link.

        Those in the contact's mailbox are taken back first. `then` gets the number of cancelled
        lines, and of those that are kept because they may have been fetched from there; or `failed`
        is called.
        """

        def give_up(fetched: int) -> None:
            try:
                count, kept = counts(fetched)
            except StorageError as error:
                failed(error)
                return
            if count:
                error_of_lines = P2PError("it was cancelled", advice=f"p2p outbox retry {contact}")
                self._on_event(OutboxFailed(contact, error_of_lines, count))
            then(count, kept)

        def counts(fetched: int) -> tuple[int, int]:
            """Cancel; return how many lines were cancelled, and how many are kept."""
            count, kept = 0, 0
            if conversation is None:
                count = self._history.drop_queued(contact)
            else:
                count = conversation.give_up(fetched)
                count += self._history.drop_queued(contact, other_than=conversation.key)
                kept = conversation.waiting_up_to(fetched) if fetched else 0
            return count, kept

        conversation = self._open_one(contact)
        if conversation is None:
            give_up(0)
        else:
            self._take_back(conversation, give_up)

    def _take_back(self, conversation: Conversation | Notes, then: Callable[[int], None]) -> None:
        if isinstance(conversation, Notes):
            then(0)
        else:
            self._mailbox.take_back(conversation.talk, then)

    def _open_known(self, contact: str) -> Conversation | Notes:
        conversation = self._open_one(contact)
        assert conversation is not None, "a contact without a key"
        return conversation

    def _say(
        self,
        contact: str,
        texts: Sequence[str],
        ids: Sequence[str],
        conversation: Conversation | Notes,
    ) -> list[int]:
        if not ids:
            return [conversation.say(text) for text in texts]
        conversation.flush()
        said = self._history.said_with(contact, ids)
        if any(line.state in TO_RETRY for line in said.values()):
            raise P2PError("it has failed", advice=f"p2p outbox retry {contact}")
        return [
            said[uid].seq if uid in said else conversation.say(text, uid)
            for uid, text in zip(ids, texts, strict=True)
        ]

    def _say_again(self, contact: str, conversation: Conversation | Notes) -> list[int]:
        self._history.drop_queued(contact, other_than=conversation.key)
        lines = self._history.with_offers(self._history.lines(contact, states=TO_RETRY))
        if not lines:
            raise UsageError(f"nothing for {contact} has failed or is missing there")
        return conversation.say_again(lines)

    def _with_key(
        self,
        contact: str,
        say: Callable[[Conversation | Notes], list[int]],
        then: Then,
        failed: OnFailed,
    ) -> None:
        """Look up the contact's key if necessary, call `say`, then `then` with the last number."""

        def put(conversation: Conversation | Notes) -> None:
            try:
                numbers = say(conversation)
            except P2PError as error:
                fail(error)
                return
            self._loop.call_soon(lambda: then(numbers[-1]))  # once they are on disk

        def fail(error: P2PError) -> None:
            self._loop.call_soon(lambda: failed(error))

        def found(result: SearchResult) -> None:
            try:
                self._contacts.meet(contact, result)
                put(self._open_known(contact))
            except P2PError as error:
                failed(error)

        check_username(contact)
        conversation = self._open_one(contact)
        if conversation is None:
            self._search(contact, found, failed)
        else:
            put(conversation)
