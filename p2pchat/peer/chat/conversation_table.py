"""The conversations of a node, by contact: each is with the key that is pinned for the contact."""

from collections.abc import Iterator

from p2pchat.callbacks import ignore
from p2pchat.errors import P2PError
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.chat.conversation import Conversation
from p2pchat.peer.chat.surroundings import Surroundings
from p2pchat.peer.presence.watching import Watching
from p2pchat.peer.store.history import History
from p2pchat.protocol.client.events import OutboxFailed
from p2pchat.protocol.client.state import Security
from p2pchat.protocol.messages import Presence, SearchResult


class ConversationTable:
    """The open conversations; starts one when needed. Methods raise StorageError."""

    def __init__(
        self, around: Surroundings, contacts: Contacts, history: History, watching: Watching
    ) -> None:
        self._around = around
        self._contacts = contacts
        self._history = history
        self._watching = watching
        self._by_name: dict[str, Conversation] = {}

    def __iter__(self) -> Iterator[Conversation]:
        """Iterate over all conversations, even while some begin or end."""
        return iter(tuple(self._by_name.values()))

    @property
    def names(self) -> list[str]:
        """The contacts."""
        return list(self._by_name)

    def get(self, contact: str) -> Conversation | None:
        """Return the conversation with a contact; None if there was none in this run."""
        return self._by_name.get(contact)

    def pop(self, contact: str) -> Conversation | None:
        """Forget and return the conversation with a contact."""
        return self._by_name.pop(contact, None)

    def with_pinned(self, contact: str) -> Conversation | None:
        """Return the conversation with the pinned key of a contact; None if none is pinned."""
        key = self._contacts.get(contact).key
        return None if key is None else self.with_key(contact, key)

    def with_key(self, contact: str, key: bytes) -> Conversation:
        """Return the conversation with that key of a contact; one with another key ends."""
        conversation = self._by_name.get(contact)
        if conversation is None or conversation.key != key:
            if conversation is not None:
                conversation.close()
            conversation = Conversation(
                self._around,
                contact,
                key,
                self._history.thread(contact, key),
                invitation=lambda: self._contacts.get(contact).invitation,
                on_accepted=self._accepted,
                on_rejected=self._rejected,
            )
            conversation.security = self._contacts.security(contact)
            self._by_name[contact] = conversation
            seen = self._watching.last(contact)
            if seen is not None and seen.presence is Presence.ONLINE:
                self.found(conversation, seen)
        return conversation

    def found(self, one: Conversation, result: SearchResult, *, news: bool = False) -> None:
        """Record where a contact is online; a contact with another key is not called.

        `news`: the contact has just come online there.
        """
        try:
            key = self._contacts.key_to_call(one.contact, result.key)
        except P2PError as error:
            one.hold(error)
            return
        if key == one.key and not result.in_clear:
            one.at(result.address, is_news=news)

    def _accepted(self, conversation: Conversation) -> Security:
        """Pin the key of a contact who has accepted our call; return the protection."""
        self._contacts.accept(conversation.contact, conversation.key)
        return self._contacts.security(conversation.contact)

    def _rejected(self, conversation: Conversation, error: P2PError) -> None:
        """End the conversation and mark its queued lines as failed: the contact has rejected us."""
        contact = conversation.contact
        conversation.close()
        del self._by_name[contact]
        self._around.mailbox.take_back(conversation.talk, ignore)
        count = self._history.drop_queued(contact, only=conversation.key)
        if count:
            self._around.on_event(OutboxFailed(contact, error, count))
