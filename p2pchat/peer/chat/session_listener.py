"""What a session reports: the interface between its rules and a conversation."""

from collections.abc import Sequence
from typing import Protocol

from p2pchat.errors import StorageError
from p2pchat.peer.store.lines import NewLine
from p2pchat.protocol.client.lines import KeptLine


class SessionListener(Protocol):
    """Receives what happens in a session."""

    def on_kept(self, lines: Sequence[NewLine]) -> None:
        """Record that these lines of ours are on our disk."""

    def on_heard(self, lines: Sequence[KeptLine]) -> None:
        """Record that these lines of the contact are on our disk."""

    def on_delivered(self, up_to: int) -> None:
        """Record that our lines up to that number are on the contact's disk."""

    def on_renumbered(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Record that our waiting lines were renumbered: pairs of the old and the new number."""

    def on_missing(self, count: int, *, ours: bool) -> None:
        """Record that up to `count` lines may be missing on a disk restored from an older copy.

        If `ours`, our disk may lack lines of the contact; otherwise theirs may lack lines of ours.
        """

    def on_not_kept(self, error: StorageError, texts: Sequence[str]) -> None:
        """Handle a failed write: these texts of ours are lost, and the link should be closed."""
