"""Creates and verifies accounts and their tokens.

Returns plain values, never rows; knows neither presence nor the wire.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

from p2pchat.errors import StorageError
from p2pchat.orm import peewee
from p2pchat.registry.store.invites import Invites
from p2pchat.registry.store.models import Account, Token
from p2pchat.registry.store.passwords import Passwords
from p2pchat.storage import Store, as_bytes

TOKEN_LIFETIME_S: Final = 30 * 24 * 3600
"""How long a token is valid."""

_ROTATE_AFTER_S: Final = 24 * 3600
"""A login with a token older than this receives a new one."""

_GRACE_S: Final = 7 * 24 * 3600
"""How long a token stays valid after its successor was used; a restored backup that is no older
needs no password.
"""

_TOKEN_BYTES: Final = 32

_REDEEMED: Final = (
    "SELECT token.key, token.issued_at, token.replaces, account.allows_original"
    " FROM token JOIN account ON account.username = token.username"
    " WHERE token.token_hash = {0} AND token.username = {0} AND token.expires_at > {0}"
    " AND NOT account.disabled"
)
"""Ready SQL: to build it from the models for each login takes ten times as long as to run it."""


class AccountPolicy(NamedTuple):
    """What is known of an account without reading the disk."""

    key: bytes | None
    allows_original: bool


class Creation(Enum):
    """The outcome of creating an account."""

    MADE = auto()
    NAME_TAKEN = auto()
    BAD_INVITE = auto()


NO_KEY: Final = AccountPolicy(None, allows_original=False)


class Match(NamedTuple):
    """The account that matches a name and a password, and the hash that the password matched."""

    password_hash: str
    standing: AccountPolicy
    disabled: bool


class Accounts:
    """The accounts of one registry.

    Every method blocks (call it on a worker thread) and may raise StorageError. `wall_clock`
    returns seconds since the epoch, because tokens outlive the process.
    """

    def __init__(
        self, store: Store, passwords: Passwords, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._wall_clock = wall_clock
        self._invites = Invites(store, wall_clock)
        self._redeemed = _REDEEMED.format(store.database.param)

    def standings(self) -> Iterator[tuple[str, AccountPolicy]]:
        """Yield the name and policy of every account."""
        query = Account.select(Account.username, Account.key, Account.allows_original)
        with self._store.errors():
            for username, key, allows_original in query.tuples().execute(self._store.database):
                # Equal policies share one object: saves 60 MiB for a million accounts.
                like_most = key is None and not allows_original
                yield (
                    username,
                    NO_KEY if like_most else AccountPolicy(as_bytes(key), allows_original),
                )

    def standing(self, username: str) -> AccountPolicy | None:
        """Return the account's policy; None if it does not exist."""
        query = Account.select(Account.key, Account.allows_original).where(
            Account.username == username
        )
        with self._store.errors():
            for key, allows_original in query.tuples().execute(self._store.database):
                return AccountPolicy(as_bytes(key), allows_original)
        return None

    def create(
        self,
        username: str,
        password: str,
        standing: AccountPolicy = NO_KEY,
        *,
        invite: str | None = None,
        token: str = "",
    ) -> Creation:
        """Create the account and its first token (if any); both are on disk on return.

        `invite` is a code that must be valid, and is used up. If two clients create the same name,
        the database decides which was first.
        """
        if invite is not None and not self._invites.is_good(invite):
            return Creation.BAD_INVITE  # before hashing, so that guesses are cheap
        password_hash = self._passwords.hash(password)
        account = Account.insert(
            username=username, password_hash=password_hash, **standing._asdict()
        )
        with self._store.errors():
            try:
                with self._store.atomic():
                    if invite is not None and not self._invites.use(invite):
                        return Creation.BAD_INVITE
                    account.execute(self._store.database)
                    self._keep_token(token, username, standing.key)
            except peewee.IntegrityError:
                return Creation.NAME_TAKEN
        return Creation.MADE

    def verify(self, username: str, password: str) -> Match | None:
        """Return the account that name and password match, or None.

        Takes as long if the name does not exist.
        """
        query = Account.select(
            Account.password_hash, Account.key, Account.allows_original, Account.disabled
        ).where(Account.username == username)
        with self._store.errors():
            rows = list(query.tuples().execute(self._store.database))
        if not rows:
            self._passwords.verify(password, None)
            return None
        password_hash, key, allows_original, disabled = rows[0]
        if not self._passwords.verify(password, password_hash):
            return None
        return Match(password_hash, AccountPolicy(as_bytes(key), allows_original), disabled)

    def enrol(
        self, username: str, password_hash: str, standing: AccountPolicy, token: str = ""
    ) -> bool:
        """Store the policy that the account logged in with, and its new token (if any).

        A different key ends the old key's tokens; expired tokens are deleted. Return False without
        any change if the hash is no longer the account's, or the account is disabled.
        """
        noted = Account.update(**standing._asdict()).where(
            (Account.username == username)
            & (Account.password_hash == password_hash)
            & (Account.disabled == False)  # noqa: E712  # an SQL expression
        )
        stale = Token.delete().where(
            (Token.username == username)
            & ((Token.key != standing.key) | (Token.expires_at <= self._wall_clock()))
        )
        with self._store.transaction():
            if not noted.execute(self._store.database):
                return False
            stale.execute(self._store.database)
            self._keep_token(token, username, standing.key)
        return True

    def change_password(self, username: str, password: str) -> None:
        """Set the password, and end all tokens of the account."""
        password_hash = self._passwords.hash(password)
        changed = Account.update(password_hash=password_hash).where(Account.username == username)
        stale = Token.delete().where(Token.username == username)
        with self._store.transaction():
            changed.execute(self._store.database)
            stale.execute(self._store.database)

    def redeem_token(self, token: str, username: str, standing: AccountPolicy) -> str | None:
        """Return the token for the next login; None if this one is not valid.

        A token is valid for one account and one key. Once a day the returned token is a new one.
        The old one stays valid until the new one is first used (the answer may be lost), and for
        _GRACE_S after that. Most logins write nothing, so that ten thousand clients reconnecting at
        once wait for no commit, and a failing disk locks out no client with a valid token.
        """
        now = int(self._wall_clock())
        with self._store.errors():
            rows = self._store.rows(self._redeemed, (_hash(token), username, now))
        if not rows:
            return None
        key, issued_at, replaces, allows_original = rows[0]
        if as_bytes(key) != standing.key:
            return None
        stale = now - issued_at >= _ROTATE_AFTER_S
        successor = new_token() if stale else token
        if stale or replaces or allows_original != standing.allows_original:
            try:
                self._note_use(token, successor, replaces, username, standing)
            except StorageError:
                return token
        return successor

    def _note_use(
        self,
        token: str,
        successor: str,
        replaces: str | None,
        username: str,
        standing: AccountPolicy,
    ) -> None:
        """Store a token's successor and the policy.

        The token that it has replaced itself expires after _GRACE_S.
        """
        last = int(self._wall_clock()) + _GRACE_S
        changed = Account.update(**standing._asdict()).where(Account.username == username)
        with self._store.transaction():
            changed.execute(self._store.database)
            if replaces:
                replaced = Token.token_hash == bytes.fromhex(replaces)
                Token.update(expires_at=last).where(replaced & (Token.expires_at > last)).execute(
                    self._store.database
                )
                Token.update(replaces=None).where(Token.token_hash == _hash(token)).execute(
                    self._store.database
                )
            if successor != token:
                self._keep_token(successor, username, standing.key, replaces=_hash(token).hex())

    def revoke_tokens(self, username: str, token: str | None) -> None:
        """End that token, or all tokens of the account if None."""
        which = Token.username == username
        if token is not None:
            which &= Token.token_hash == _hash(token)
        with self._store.errors():
            Token.delete().where(which).execute(self._store.database)

    def _keep_token(
        self, token: str, username: str, key: bytes | None, replaces: str | None = None
    ) -> None:
        if token:
            now = int(self._wall_clock())
            row = Token.insert(
                token_hash=_hash(token),
                username=username,
                key=key,
                expires_at=now + TOKEN_LIFETIME_S,
                issued_at=now,
                replaces=replaces,
            )
            row.execute(self._store.database)


def new_token() -> str:
    """Return an unguessable token."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def _hash(token: str) -> bytes:
    """Return the stored hash of a token; tokens are random, so it needs no salt."""
    return hashlib.sha256(token.encode()).digest()
