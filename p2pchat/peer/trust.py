"""Applies the user's decisions about a contact's key to chats, lines, passes and files."""

from p2pchat.errors import UsageError
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.chat.conversations import Conversations
from p2pchat.peer.files.transfers import Transfers
from p2pchat.peer.mailbox.mailbox import Mailbox
from p2pchat.peer.store.history import History
from p2pchat.protocol.names import check_username


class Trust:
    """The decisions of the user `username`. Methods raise UsageError and StorageError."""

    def __init__(
        self,
        username: str,
        contacts: Contacts,
        history: History,
        conversations: Conversations,
        mailbox: Mailbox,
        files: Transfers,
    ) -> None:
        self._username = username
        self._contacts = contacts
        self._history = history
        self._conversations = conversations
        self._mailbox = mailbox
        self._files = files

    def accept_key(self, contact: str) -> int:
        """Pin the key whose number `other_number` returned; see Contacts.

        Lines queued for the old key are marked failed; return their number.
        """
        self._contacts.trust(contact)
        return self.key_changed(contact)

    def key_changed(self, contact: str) -> int:
        """End a conversation with the contact's old key.

        Lines queued for it are marked failed; return their number.
        """
        self._files.drop(contact, f"{contact} has another key now")
        self._conversations.drop(contact)
        key = self._contacts.get(contact).key
        self._mailbox.trust_changed(contact, key)
        return self._history.drop_queued(contact, other_than=key)

    def mark_verified(self, contact: str) -> None:
        """Record that the user has compared the safety numbers; see Contacts."""
        self._contacts.mark_verified(contact)
        self._conversations.protected(contact)

    def block(self, contact: str, *, blocked: bool) -> None:
        """Block a contact, or unblock them."""
        if contact == self._username:
            raise UsageError("that is yourself")
        check_username(contact)
        self._contacts.block(contact, blocked=blocked)
        self._mailbox.trust_changed(contact, self._contacts.get(contact).key)
        if blocked:
            self._files.drop(contact, f"you have blocked {contact}")
            self._conversations.drop(contact)
