"""Invitation codes, with which accounts can be created where registration is not open.

Only the hash of a code is stored. A separate process of the operator's issues codes while the
registry runs.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from p2pchat.registry.store.models import Invite
from p2pchat.storage import Store

_CODE_BYTES: Final = 10  # 80 bits; the listener limits guesses


class Invites:
    """The invitations in the registry's database `store`.

    Every method blocks and may raise StorageError. `wall_clock` returns seconds since the epoch.
    """

    def __init__(self, store: Store, wall_clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._wall_clock = wall_clock

    def issue(self, uses: int, lifetime_s: float) -> str:
        """Return a new code, valid for `uses` accounts and `lifetime_s` seconds."""
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
        """Return whether the code is valid now."""
        with self._store.errors():
            return Invite.select().where(self._good(code)).exists(self._store.database)

    def use(self, code: str) -> bool:
        """Use the code for one account, within a transaction; return False if it is not valid."""
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
