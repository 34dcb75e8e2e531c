"""Parses what the user searches for into queries of the two indexes. Does no I/O."""

from typing import NamedTuple

from p2pchat.errors import UsageError
from p2pchat.peer.store.grams import has_signs, query_for


class Wanted(NamedTuple):
    """`words` and `grams` are FTS5 queries, or empty; a line must contain every term.

    Words match whole words, the last one also the beginning of one. Terms with signs match
    anywhere, as typed except for case.
    """

    words: str
    grams: str
    terms: tuple[str, ...]

    @classmethod
    def parse(cls, typed: str) -> "Wanted":
        """Return the parsed input. Raise UsageError if it has nothing to search for."""
        parts = typed.replace('"', "").replace("\0", " ").split()
        if not parts:
            raise UsageError("no words to search for")
        with_signs = tuple(part for part in parts if has_signs(part))
        words = [f'"{part}"' for part in parts if not has_signs(part)]
        return cls(
            f"{' '.join(words)}*" if words else "",
            " ".join(query_for(part) for part in with_signs),
            with_signs,
        )
