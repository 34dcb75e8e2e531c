"""Lines to a contact without an open chat: queued, retried after a failure, or cancelled.

The conversations send them once both users are online.
"""

from collections.abc import Callable, Sequence
from functools import partial

from p2pchat.errors import OnFailed, P2PError, UsageError
from p2pchat.net.loop import Loop
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.chat.conversation import Conversation
from p2pchat.peer.chat.notes import Notes
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
    known; `running(contact)` the existing one, if any. Methods raise UsageError, StorageError.
    """

    def __init__(
        self,
        loop: Loop,
        username: str,
        contacts: Contacts,
        history: History,
        search: SearchUser,
        *,
        open_one: Callable[[str], Conversation | Notes | None],
        running: Callable[[str], Conversation | Notes | None],
        on_event: Callable[[Event], None],
    ) -> None:
        self._loop = loop
        self._username = username
        self._contacts = contacts
        self._history = history
        self._search = search
        self._open_one = open_one
        self._running = running
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
        """Mark expired lines as failed, except those sent on the current link."""
        count = self._open_known(contact).expire(uids)
        if count:
            error = P2PError("it has expired", advice=f"p2p outbox retry {contact}")
            self._on_event(OutboxFailed(contact, error, count))

    def cancel(self, contact: str) -> int:
        """Cancel all waiting lines that were not sent on the current link; return how many."""
        conversation = self._running(contact)
        if conversation is None or isinstance(conversation, Notes):
            count = self._history.drop_queued(contact)
        else:
            count = conversation.give_up()
            count += self._history.drop_queued(contact, other_than=conversation.key)
        if count:
            error = P2PError("it was cancelled", advice=f"p2p outbox retry {contact}")
            self._on_event(OutboxFailed(contact, error, count))
        return count

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
        lines = self._history.lines(contact, states=TO_RETRY)
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
