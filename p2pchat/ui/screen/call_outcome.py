"""What became of the one chat that a command was started for: what is told, and its exit code."""

from collections.abc import Callable

from p2pchat.errors import ContactOffline, LinkLost, P2PError
from p2pchat.peer.node import Node
from p2pchat.protocol.counting import counted
from p2pchat.ui.screen.view import View


class CallOutcome:
    """Says in the view how a call ended.

    `node()` returns the node, `unsaid()` how many typed texts were not sent.
    """

    def __init__(self, view: View, node: Callable[[], Node], unsaid: Callable[[], int]) -> None:
        self._view = view
        self._node = node
        self._unsaid = unsaid

    def of_failure(self, contact: str, error: P2PError) -> int:
        """Return the exit code of a call that did not lead to a chat."""
        chat = self._node().chat(contact)
        if chat is not None and chat.waiting:
            waits = counted(chat.waiting, "line", "waits", "wait")
            self._view.tell(f"{waits} in the outbox: p2p outbox")
        self._tell_unsent(0)
        return error.exit_code

    def of_end(self, contact: str, error: P2PError | None, unsent: int) -> int:
        """Return the exit code of a chat that has ended: whether everything was said."""
        chat = self._node().chat(contact)
        queued = chat.waiting if chat is not None else 0
        if queued:
            waits = counted(queued, "line", "waits", "wait")
            self._view.tell(f"{waits} until you are both online")
        lost = self._tell_unsent(unsent)
        if lost or (isinstance(error, LinkLost) and error.unsent):
            return LinkLost.exit_code
        return ContactOffline.exit_code if queued else 0

    def _tell_unsent(self, more: int) -> int:
        """Say how many lines were read and not sent; return that number."""
        unsent = self._unsaid() + more
        if unsent:
            self._view.tell(f"{counted(unsent, 'line', 'was', 'were')} not sent")
        return unsent
