"""The chat service of the secure dialect, with any number of conversations."""

from typing import Final

from p2pchat.peer.calls.calls import IncomingCall
from p2pchat.peer.chat.conversations import Conversations
from p2pchat.peer.chat.notes import Notes
from p2pchat.protocol.client.state import ChatState

_MAX_WAITING: Final = 1000
"""Unacknowledged lines of one chat, above which a script's input is not read."""


class SecureService:
    """Implements ChatService with `conversations`."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    @property
    def calling(self) -> str | None:
        """The contact that we are calling and that has not answered yet."""
        return self._conversations.sought

    @property
    def called_by(self) -> list[str]:
        """The strangers waiting for our answer, the first caller first."""
        return self._conversations.asking

    @property
    def contacts(self) -> list[str]:
        """The contacts with a conversation in this run, and ourselves, for notes."""
        return self._conversations.names

    def chat(self, contact: str) -> ChatState | None:
        """Return the state of the conversation with a contact; None if there is none."""
        conversation = self._conversations.get(contact)
        if conversation is None:
            return None
        lines = conversation if isinstance(conversation, Notes) else conversation.session
        return ChatState(
            conversation.security,
            conversation.waiting,
            conversation.is_away,
            lines.sent,
            lines.delivered,
            self._conversations.away_status.of(contact),
            path=None if conversation.link is None else conversation.place.path,
            left=self._conversations.left_up_to(contact),
        )

    def has_room(self, contact: str) -> bool:
        """Return whether more lines may be queued for a contact now."""
        conversation = self._conversations.get(contact)
        return conversation is None or conversation.waiting < _MAX_WAITING

    def call(self, contact: str) -> None:
        """Request a chat; ChatStarted, ContactAway or CallFailed follows."""
        self._conversations.open(contact)

    def accept(self, contact: str) -> None:
        """Accept the waiting call of a stranger; ChatStarted follows."""
        self._conversations.accept(contact)

    def reject(self, contact: str) -> None:
        """Reject the waiting call of a stranger."""
        self._conversations.reject(contact)

    def say(self, contact: str, text: str) -> None:
        """Write a line to disk, and send it now or as soon as possible."""
        self._conversations.say(contact, text)

    def leave(self, contact: str) -> bool:
        """Leave the chat; return False if there was none. Queued lines are still sent."""
        return self._conversations.leave(contact)

    def wait_for_reader(self, contact: str, *, behind: bool) -> None:
        """Stop reading from a contact while the client that reads its lines is behind."""
        self._conversations.wait_for_reader(contact, behind=behind)

    def take_call(self, call: IncomingCall) -> None:
        """Handle a call on a link whose remote has proved its identity."""
        self._conversations.take_call(call)

    def close(self) -> None:
        """Hang up on waiting callers, and close every link once its lines have been sent."""
        self._conversations.close()
