"""Create, verify and know accounts and their tokens: the only user of the registry's tables.

Every name is in memory, so that a search never waits for the disk; hashes stay on it. Methods say
which thread they are for. Gives plain values, never rows.
"""

import fcntl
import hashlib
import secrets
import time
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import IO, Final, NamedTuple

import peewee

from p2pchat.errors import StorageError
from p2pchat.registry.invites import Invites, open_store
from p2pchat.registry.models import Account, Token
from p2pchat.registry.passwords import Passwords

TOKEN_LIFETIME_S: Final = 30 * 24 * 3600
"""How long a token lives after it was used last, or up to `_RENEWAL_S` less."""

_RENEWAL_S: Final = 24 * 3600

_TOKEN_BYTES: Final = 32


class Standing(NamedTuple):
    """What is known of an account without asking the disk."""

    key: bytes | None
    allows_original: bool


class Creation(Enum):
    """What came of making an account."""

    MADE = auto()
    NAME_TAKEN = auto()
    BAD_INVITE = auto()


NO_KEY: Final = Standing(None, allows_original=False)


class Accounts:
    """The accounts in one SQLite file, which is made where it is not.

    One process at a time has them, since the names are in its memory. `wall_clock` gives seconds
    since the epoch: tokens outlive the process. Raises StorageError where another process has the
    file, or where it cannot be used.
    """

    def __init__(
        self, file: Path, passwords: Passwords, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._passwords = passwords
        self._wall_clock = wall_clock
        self._lock = _lock(file.with_suffix(".lock"))
        try:
            self._store = open_store(file)
        except StorageError:
            self._lock.close()
            raise
        self._invites = Invites(self._store, wall_clock)
        self._known: dict[str, Standing] = {}
        query = Account.select(Account.username, Account.key, Account.allows_original)
        with self._store.errors():
            for username, key, allows_original in query.tuples().execute(self._store.database):
                self._known[username] = Standing(_bytes(key), allows_original)

    def __contains__(self, username: str) -> bool:
        """Tell whether there is such an account; loop's thread, at once."""
        return username in self._known

    def standing(self, username: str) -> Standing:
        """Give what is known of the account; loop's thread, at once."""
        return self._known.get(username, NO_KEY)

    def create(
        self,
        username: str,
        password: str,
        standing: Standing = NO_KEY,
        *,
        invite: str | None = None,
        token: str = "",
    ) -> Creation:
        """Make the account and its first token (if any), on disk when this returns; worker thread.

        `invite`: a code that must be good, and is used up by it. The database decides who was
        first. Follow it with `admit`.
        """
        if invite is not None and not self._invites.is_good(invite):
            return Creation.BAD_INVITE  # before a guess costs a hash
        password_hash = self._passwords.hash(password)
        account = Account.insert(
            username=username, password_hash=password_hash, **standing._asdict()
        )
        with self._store.errors():
            try:
                with self._store.database.atomic("immediate"):
                    if invite is not None and not self._invites.use(invite):
                        return Creation.BAD_INVITE
                    account.execute(self._store.database)
                    self._keep_token(token, username, standing.key)
            except peewee.IntegrityError:
                return Creation.NAME_TAKEN
        return Creation.MADE

    def admit(self, username: str, standing: Standing = NO_KEY) -> None:
        """Know the account that was created or enrolled; loop's thread."""
        self._known[username] = standing

    def verify(self, username: str, password: str) -> str | None:
        """Give the hash that name and password match, as slowly if there is no such name; worker.

        None where they do not.
        """
        hashes = Account.select(Account.password_hash).where(Account.username == username)
        with self._store.errors():
            rows = list(hashes.tuples().execute(self._store.database))
        password_hash = rows[0][0] if rows else None
        return password_hash if self._passwords.verify(password, password_hash) else None

    def enrol(self, username: str, password_hash: str, standing: Standing, token: str = "") -> bool:
        """Note with which key the account logged in, and its new token (if any); worker.

        Another key ends the old one's tokens. False, and nothing is done, where the password is
        not that of the hash any more. Follow it with `admit`.
        """
        noted = Account.update(**standing._asdict()).where(
            (Account.username == username) & (Account.password_hash == password_hash)
        )
        stale = Token.delete().where((Token.username == username) & (Token.key != standing.key))
        with self._store.errors(), self._store.database.atomic("immediate"):
            if not noted.execute(self._store.database):
                return False
            stale.execute(self._store.database)
            self._keep_token(token, username, standing.key)
        return True

    def change_password(self, username: str, password: str) -> None:
        """Set the password, and end every token of the account; worker."""
        password_hash = self._passwords.hash(password)
        changed = Account.update(password_hash=password_hash).where(Account.username == username)
        stale = Token.delete().where(Token.username == username)
        with self._store.errors(), self._store.database.atomic("immediate"):
            changed.execute(self._store.database)
            stale.execute(self._store.database)

    def redeem_token(self, token: str, username: str, key: bytes | None) -> bool:
        """Tell whether the token is good for that account and key, and let it live on; worker.

        Mostly nothing is written: ten thousand who come back at once wait for no commit, and a disk
        that is full keeps nobody out who was here within the day.
        """
        expiry = self._expiry()
        same_key = Token.key.is_null() if key is None else Token.key == key
        this = (Token.token_hash == _hash(token)) & (Token.username == username) & same_key
        expiries = Token.select(Token.expires_at).where(
            this & (Token.expires_at > self._wall_clock())
        )
        renewed = Token.update(expires_at=expiry).where(this)
        with self._store.errors():
            expires_at = expiries.scalar(self._store.database)
            if expires_at is None:
                return False
            fresh = expires_at > expiry - _RENEWAL_S
            return fresh or bool(renewed.execute(self._store.database))

    def revoke_tokens(self, username: str, token: str | None) -> None:
        """End that token, or (None) every token of the account; worker."""
        which = Token.username == username
        if token is not None:
            which &= Token.token_hash == _hash(token)
        with self._store.errors():
            Token.delete().where(which).execute(self._store.database)

    def disconnect(self) -> None:
        """Close the calling thread's connection."""
        self._store.close()

    def close(self) -> None:
        """Close the loop's connection and let another process have the accounts."""
        self.disconnect()
        self._lock.close()

    def _keep_token(self, token: str, username: str, key: bytes | None) -> None:
        if token:
            row = Token.insert(
                token_hash=_hash(token), username=username, key=key, expires_at=self._expiry()
            )
            row.execute(self._store.database)

    def _expiry(self) -> int:
        return int(self._wall_clock()) + TOKEN_LIFETIME_S


def new_token() -> str:
    """Give a token that nobody can guess."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def _hash(token: str) -> bytes:
    """Give what is kept of a token; it is random enough to need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def _bytes(blob: bytes | memoryview | None) -> bytes | None:
    return None if blob is None else bytes(blob)


def _lock(file: Path) -> IO[str]:
    """Hold the file until the process ends, however it ends; raises StorageError."""
    advice = "choose another --data-dir"
    try:
        lock = file.open("w")
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}", advice=advice) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StorageError(f"another registry is using {file.parent}", advice=advice) from None
    return lock


def in_use(file: Path) -> bool:
    """Tell whether a registry has the accounts in that file; makes nothing."""
    try:
        with file.with_suffix(".lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        raise StorageError(f"{error.filename} cannot be read: {error.strerror}") from error
    return False
