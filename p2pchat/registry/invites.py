"""Invitations: codes by which somebody may make an account where not everybody may.

Only a code's hash is kept. A process of the operator's own issues them beside the running registry.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from p2pchat.registry.models import Invite
from p2pchat.storage import Store

_CODE_BYTES: Final = 10  # 80 bits, guessed through a door that counts guesses


class Invites:
    """The invitations of the registry whose database is `store`; every method blocks.

    `wall_clock` gives seconds since the epoch. Raise StorageError.
    """

    def __init__(self, store: Store, wall_clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._wall_clock = wall_clock

    def issue(self, uses: int, lifetime_s: float) -> str:
        """Return a new code, good for so many accounts and so long."""
        code = secrets.token_hex(_CODE_BYTES)
        row = Invite.insert(
            code_hash=_hash(code), uses_left=uses, expires_at=int(self._wall_clock() + lifetime_s)
        )
        expired = Invite.delete().where(Invite.expires_at <= self._wall_clock())
        with self._store.transaction():
            expired.execute(self._store.database)
            row.execute(self._store.database)
        return code

    def is_good(self, code: str) -> bool:
        """Return whether the code could be used now."""
        with self._store.errors():
            return Invite.select().where(self._good(code)).exists(self._store.database)

    def use(self, code: str) -> bool:
        """Use the code for one account; False where it is not good. Within a transaction."""
        used = Invite.update(uses_left=Invite.uses_left - 1).where(self._good(code))
        return bool(used.execute(self._store.database))

    def _good(self, code: str) -> Any:
        return (
            (Invite.code_hash == _hash(code))
            & (Invite.uses_left > 0)
            & (Invite.expires_at > self._wall_clock())
        )


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
