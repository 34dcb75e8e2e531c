"""The interface of a dialect's chats with contacts, from the call to the end.

Each dialect has an implementation (`chat.service`, `original.service`). The node picks the one of
a contact and knows no difference.
"""

from typing import Protocol

from p2pchat.peer.calls.calls import IncomingCall
from p2pchat.protocol.client.state import ChatState


class ChatService(Protocol):
    """Methods raise UsageError where what is wished makes no sense now, and StorageError."""

    @property
    def calling(self) -> str | None:
        """The contact that we are calling and that has not answered yet."""

    @property
    def called_by(self) -> list[str]:
        """The users who wait for our answer, the first one first."""

    @property
    def contacts(self) -> list[str]:
        """The contacts with whom there is a chat."""

    def chat(self, contact: str) -> ChatState | None:
        """Return the state of the chat with a contact; None if there is none."""

    def has_room(self, contact: str) -> bool:
        """Return whether more may be said to a contact now."""

    def call(self, contact: str) -> None:
        """Call a contact; Calling, ContactAway, ChatStarted or CallFailed follows."""

    def accept(self, contact: str) -> None:
        """Accept the waiting call of a user; ChatStarted follows."""

    def reject(self, contact: str) -> None:
        """Reject the waiting call of a user."""

    def say(self, contact: str, text: str) -> None:
        """Say a line in the chat with a contact."""

    def leave(self, contact: str) -> bool:
        """Leave a chat (ChatEnded follows) or withdraw a call; return False if there is none."""

    def wait_for_reader(self, contact: str, *, behind: bool) -> None:
        """Read no more from a contact while the client that reads it is behind."""

    def take_call(self, call: IncomingCall) -> None:
        """Handle a call of a user whose name was checked."""

    def close(self) -> None:
        """Leave every chat and refuse who waits."""
