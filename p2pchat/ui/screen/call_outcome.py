"""The outcome of the chat that a command was started for: its notices and its exit code."""

from collections.abc import Callable

from p2pchat.client.client import Client
from p2pchat.errors import ContactOffline, LinkLost, P2PError
from p2pchat.protocol.counting import counted
from p2pchat.ui.screen.view import View


class CallOutcome:
    """Shows in the view how a call ended.

    `client()` returns the client, `unsaid()` the number of typed texts that were not sent.
    """

    def __init__(self, view: View, client: Callable[[], Client], unsaid: Callable[[], int]) -> None:
        self._view = view
        self._client = client
        self._unsaid = unsaid

    def of_failure(self, contact: str, error: P2PError) -> int:
        """Return the exit code of a call that did not lead to a chat."""
        queued = self._queued(contact)
        if queued:
            waits = counted(queued, "line", "waits", "wait")
            self._view.tell(f"{waits} in the outbox: p2p outbox")
        self._tell_unsent(0)
        return error.exit_code

    def of_end(self, contact: str, error: P2PError | None, unsent: int) -> int:
        """Return the exit code of a chat that has ended: whether everything was sent."""
        queued = self._queued(contact)
        if queued:
            waits = counted(queued, "line", "waits", "wait")
            self._view.tell(f"{waits} for {contact}")
        lost = self._tell_unsent(unsent)
        if lost or (isinstance(error, LinkLost) and error.unsent):
            return LinkLost.exit_code
        return ContactOffline.exit_code if queued else 0

    def _queued(self, contact: str) -> int:
        chat = self._client().state.chats.get(contact)
        return chat.waiting if chat is not None else 0

    def _tell_unsent(self, more: int) -> int:
        """Show how many lines were read but not sent; return that number."""
        unsent = self._unsaid() + more
        if unsent:
            self._view.tell(f"{counted(unsent, 'line', 'was', 'were')} not sent")
        return unsent
