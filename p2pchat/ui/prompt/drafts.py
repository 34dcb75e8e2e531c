"""Unsent texts, stored by contact so that neither switching chats nor a crash loses them.

Drafts are private: only the owner can read the file.
"""

from contextlib import suppress
from pathlib import Path

import msgspec

from p2pchat.private_files import replace_private
from p2pchat.surrogates import without_surrogates


class Drafts:
    """The drafts in the file, which other screens may also write; None: only in memory.

    A malformed or unreadable file is treated as empty, and write errors are ignored: a draft is not
    worth ending the session.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._drafts: dict[str, str] = {}

    def of(self, contact: str) -> str:
        """Return the draft for the contact."""
        self._read()
        return self._drafts.get(contact, "")

    def keep(self, contact: str, text: str) -> None:
        """Store the draft; nothing is written if it is unchanged."""
        text = without_surrogates(text)
        if self.of(contact) == text:
            return
        self._drafts.pop(contact, None)
        if text:
            self._drafts[contact] = text
        self._write()

    def _read(self) -> None:
        if self._file is None:
            return
        try:
            self._drafts = msgspec.json.decode(self._file.read_bytes(), type=dict[str, str])
        except (OSError, msgspec.DecodeError, ValueError, RecursionError):
            self._drafts = {}

    def _write(self) -> None:
        if self._file is None:
            return
        with suppress(OSError):
            replace_private(self._file, msgspec.json.encode(self._drafts))
