"""The interface through which the node chats with contacts in either dialect.

Each dialect has an implementation (`chat.service`, `original.service`). The node picks one for each
contact.
"""

from typing import Protocol

from p2pchat.peer.calls.calls import IncomingCall
from p2pchat.protocol.client.state import ChatState


class ChatService(Protocol):
    """Chats of one dialect.

    Methods raise UsageError if the call makes no sense now, and StorageError.
    """

    @property
    def calling(self) -> str | None:
        """The contact that we are calling and that has not answered yet."""

    @property
    def called_by(self) -> list[str]:
        """The users waiting for our answer, the first caller first."""

    @property
    def contacts(self) -> list[str]:
        """The contacts that we have a chat with."""

    def chat(self, contact: str) -> ChatState | None:
        """Return the state of the chat with a contact; None if there is none."""

    def has_room(self, contact: str) -> bool:
        """Return whether more lines may be sent to a contact now."""

    def call(self, contact: str) -> None:
        """Call a contact; Calling, ContactAway, ChatStarted or CallFailed follows."""

    def accept(self, contact: str) -> None:
        """Accept the waiting call of a user; ChatStarted follows."""

    def reject(self, contact: str) -> None:
        """Reject the waiting call of a user."""

    def say(self, contact: str, text: str) -> None:
        """Send a line in the chat with a contact."""

    def leave(self, contact: str) -> bool:
        """Leave a chat (ChatEnded follows) or withdraw a call; return False if there is none."""

    def wait_for_reader(self, contact: str, *, behind: bool) -> None:
        """Stop reading from a contact while the client that reads its lines is behind."""

    def take_call(self, call: IncomingCall) -> None:
        """Handle a call that CallerVerification has passed on."""

    def close(self) -> None:
        """Leave all chats, and refuse or hang up on waiting callers."""
