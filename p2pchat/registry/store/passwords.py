"""Hash and verify passwords with Argon2id (RFC 9106). Knows no accounts.

Both block for as long as the cost implies: call them on a worker thread.
"""

import os
import unicodedata
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id


class Cost(NamedTuple):
    """The cost of one hash: memory in KiB, and passes over it."""

    memory_kib: int
    passes: int


STANDARD_COST: Final = Cost(memory_kib=19 * 1024, passes=2)
"""OWASP's first choice of parameters for Argon2id; about 20 ms."""

_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32


class Passwords:
    """Creates and checks PHC strings at one cost."""

    def __init__(self, cost: Cost = STANDARD_COST) -> None:
        self._cost = cost
        self._dummy_hash = self.hash("no account")

    def hash(self, password: str) -> str:
        """Return the PHC string of the password, with a fresh salt."""
        return self._kdf().derive_phc_encoded(prepared(password).encode())

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Return whether the password matches the hash.

        Without a hash (no such account) it takes as long and returns False, so that timing does not
        reveal which names exist. Older hashes are of passwords before normalization.
        """
        spellings = dict.fromkeys((prepared(password), password))
        matches = any(_matches(s, password_hash or self._dummy_hash) for s in spellings)
        return matches and password_hash is not None

    def _kdf(self) -> Argon2id:
        return Argon2id(
            salt=os.urandom(_SALT_BYTES),
            length=_HASH_BYTES,
            iterations=self._cost.passes,
            lanes=1,
            memory_cost=self._cost.memory_kib,
        )


def prepared(password: str) -> str:
    """Return the password normalized for hashing, however it was typed (RFC 8265, 4.2)."""
    spaces = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    return unicodedata.normalize("NFC", spaces)


def _matches(password: str, password_hash: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), password_hash)
    except InvalidKey:
        return False
    return True
