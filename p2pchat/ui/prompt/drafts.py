"""Unsent texts, kept by contact so that neither a switch nor a crash loses them.

Drafts are texts of the person: the file is for its owner's eyes.
"""

from contextlib import suppress
from pathlib import Path

import msgspec

from p2pchat.private_files import replace_private


class Drafts:
    """The drafts in the file, which other screens may write too; None: in memory alone.

    A file that is malformed or cannot be read holds none, and one that cannot be written keeps
    none: no line that is being typed is worth ending for.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._drafts: dict[str, str] = {}

    def of(self, contact: str) -> str:
        """Return what was begun to the contact."""
        self._read()
        return self._drafts.get(contact, "")

    def keep(self, contact: str, text: str) -> None:
        """Keep it; nothing is written if it is what was kept.

        A terminal's bytes that are not UTF-8 arrive as surrogates: they are replaced.
        """
        text = text.encode("utf-8", "replace").decode()
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
