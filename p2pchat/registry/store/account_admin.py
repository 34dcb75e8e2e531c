"""The operator's changes to accounts, whether or not the registry is running.

Every method blocks and may raise StorageError. The caller notifies the registry of changes.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from p2pchat.registry.store.models import LAST_ISSUE, MAILBOX_TABLES, Account, Token
from p2pchat.storage import Store, as_bytes


class Entry(NamedTuple):
    """An account as the operator sees it.

    `seen_at` is the day of its last login at the secure listener; None if more than a month ago.
    """

    username: str
    created_at: datetime
    seen_at: datetime | None
    key: bytes | None
    allows_original: bool
    disabled: bool


class AccountAdmin:
    """The accounts in the registry's database `store`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def entries(self) -> Iterator[Entry]:
        """Yield every account, by name."""
        query = (
            Account.select(
                Account.username,
                Account.created_at,
                LAST_ISSUE,
                Account.key,
                Account.allows_original,
                Account.disabled,
            )
            .left_outer_join(Token, on=(Token.username == Account.username))
            .group_by(Account.username)
            .order_by(Account.username)
        )
        with self._store.errors():
            for row in query.tuples().execute(self._store.database):
                username, created_at, issued_at, key, allows_original, disabled = row
                yield Entry(
                    username,
                    created_at.replace(tzinfo=UTC),
                    _last_use(issued_at),
                    as_bytes(key),
                    allows_original,
                    disabled,
                )

    def disable(self, username: str) -> bool:
        """Disable the account; return False if it does not exist."""
        return self._set_disabled(username, disabled=True)

    def enable(self, username: str) -> bool:
        """Enable the account again; return False if it does not exist."""
        return self._set_disabled(username, disabled=False)

    def remove(self, username: str) -> bool:
        """Delete the account, so that its name is free; return False if it does not exist."""
        gone = Account.delete().where(Account.username == username)
        with self._store.transaction():
            found = bool(gone.execute(self._store.database))
            for model in MAILBOX_TABLES:
                model.delete().where(model.username == username).execute(self._store.database)
            self._end_tokens(username)  # last: deleting the row waits for a login under way
            return found

    def _set_disabled(self, username: str, *, disabled: bool) -> bool:
        changed = Account.update(disabled=disabled).where(Account.username == username)
        with self._store.transaction():
            found = bool(changed.execute(self._store.database))
            if disabled:
                self._end_tokens(username)  # last, as in `remove`
            return found

    def _end_tokens(self, username: str) -> None:
        Token.delete().where(Token.username == username).execute(self._store.database)


def _last_use(issued_at: int | None) -> datetime | None:
    """Return when a token was issued, which is the day of its last use."""
    return None if not issued_at else datetime.fromtimestamp(issued_at, UTC)
