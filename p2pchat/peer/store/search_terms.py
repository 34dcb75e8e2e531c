"""What a person looks for in the history, as queries of its two indexes. Pure."""

from typing import NamedTuple

from p2pchat.errors import UsageError
from p2pchat.peer.store.grams import has_signs, query_for


class Wanted(NamedTuple):
    """`words` and `grams` are queries in FTS5's language, or empty; each term must be contained.

    Words are looked for whole, the last one also as a beginning. Terms with signs are looked for
    anywhere, and must be `contained` as they are.
    """

    words: str
    grams: str
    terms: tuple[str, ...]

    @classmethod
    def parse(cls, typed: str) -> "Wanted":
        """Return what was typed. Raise UsageError if there is nothing to look for."""
        parts = typed.replace('"', "").replace("\0", " ").split()
        if not parts:
            raise UsageError("no words to look for were given")
        with_signs = tuple(part for part in parts if has_signs(part))
        words = [f'"{part}"' for part in parts if not has_signs(part)]
        return cls(
            f"{' '.join(words)}*" if words else "",
            " ".join(query_for(part) for part in with_signs),
            with_signs,
        )
