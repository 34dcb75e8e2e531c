"""Decides when to read a contact's lines: not while too many are unread or a client is behind.

Lines that are not read stay queued at the contact, unacknowledged. Knows the current link and how
much is unread, but no lines.
"""

from collections.abc import Callable, Sequence
from typing import Final

from p2pchat.errors import StorageError
from p2pchat.net.compartment import Scheduler
from p2pchat.net.link import Link
from p2pchat.net.loop import Timer
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.store.lines import Volume

_LOOK_AGAIN: Final = 30.0
"""Seconds after which a full quota is checked again: another process may have made room."""


class Intake:
    """The intake of one conversation; `unread()` reads from disk how much is unread.

    `on_full(unread)` is called when the quota is full, `on_failed(error)` if the disk fails. Lines
    that are read are not subtracted; when the quota seems full, `unread()` is called again.
    """

    def __init__(
        self,
        loop: Scheduler,
        unread: Callable[[], Volume],
        limits: PeerLimits,
        *,
        on_full: Callable[[Volume], None],
        on_failed: Callable[[StorageError], None],
    ) -> None:
        self._loop = loop
        self._ask = unread
        self._limits = limits
        self._on_full = on_full
        self._on_failed = on_failed
        self._link: Link | None = None
        self._unread: Volume | None = None
        self._outdated = False
        self._reader_is_behind = False
        self._told = False
        self._look_again: Timer | None = None

    def may_take(self) -> bool:
        """Return whether lines from a mailbox can be accepted now; tell the user if it is full.

        Raise StorageError.
        """
        self._outdated = True  # another process may have made room
        full = self._is_full()
        self._tell(full=full)
        return not (full or self._reader_is_behind)

    def attach(self, link: Link) -> None:
        """Read from this link from now on."""
        self._link = link
        self._decide()

    def detach(self) -> None:
        """Record that the link has ended."""
        self._link = None
        self._stop_looking()

    def took(self, texts: Sequence[str]) -> None:
        """Count lines that were just written to disk."""
        if self._unread is not None:
            size = sum(len(text.encode()) for text in texts)
            self._unread = Volume(self._unread.lines + len(texts), self._unread.bytes + size)
        self._decide()

    def note_seen(self) -> None:
        """Record that lines were read, or may have been deleted."""
        self._outdated = True
        self._decide()

    def wait_for_reader(self, *, behind: bool) -> None:
        """Stop reading from the contact while the client that reads its lines is behind."""
        self._reader_is_behind = behind
        self._decide()

    def _decide(self) -> None:
        self._stop_looking()
        if self._link is None:
            return
        try:
            full = self._is_full()
        except StorageError as error:
            self._on_failed(error)
            return
        self._tell(full=full)
        if full:
            self._look_again = self._loop.call_later(_LOOK_AGAIN, self.note_seen)
        if full or self._reader_is_behind:
            self._link.hold()
        else:
            self._link.release()

    def _tell(self, *, full: bool) -> None:
        if full and not self._told and self._unread is not None:
            self._on_full(self._unread)
        self._told = full

    def _stop_looking(self) -> None:
        if self._look_again is not None:
            self._look_again.cancel()
            self._look_again = None

    def _is_full(self) -> bool:
        """Return whether the quota is full. Raise StorageError."""
        if self._is_over() and self._outdated:
            self._unread = None
        self._outdated = False
        return self._is_over()

    def _is_over(self) -> bool:
        if self._unread is None:
            self._unread = self._ask()
        lines, size = self._unread
        most_lines, most_bytes = self._limits.unread_lines, self._limits.unread_bytes
        return bool((most_lines and lines >= most_lines) or (most_bytes and size >= most_bytes))
