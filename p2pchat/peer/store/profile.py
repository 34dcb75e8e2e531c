"""The profile on disk: our accounts, known registries and contacts, and their keys.

Only this module changes these tables. Several processes may have the profile open at once.
"""

import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from p2pchat.errors import StorageError
from p2pchat.peer.store.history import History
from p2pchat.peer.store.mailbox_store import MailboxStore
from p2pchat.peer.store.models import (
    FINISH,
    FUNCTIONS,
    SCHEMA_VERSION,
    STEPS,
    TABLES,
    Account,
    Contact,
    IssuedInvitation,
    Machine,
    Registry,
)
from p2pchat.peer.store.schedule import Schedule
from p2pchat.peer.store.transfer_store import TransferStore, paths_being_sent
from p2pchat.private_files import is_read_only, refuse_unless_private_file
from p2pchat.storage import SqliteFile, as_bytes, try_to_open


class KnownContact(NamedTuple):
    """What is known of a contact; see models.Contact."""

    username: str
    key: bytes | None = None
    verified: bool = False
    blocked: bool = False
    other_key: bytes | None = None
    accepted: bool = False
    hinted_at: int = 0
    muted_until: int = 0
    invited: bool = False
    invitation: str = ""
    files: str = ""


def try_profile(file: Path) -> None:
    """Check that an existing file can be opened, without changing it. Raise StorageError."""
    try_to_open(file, SCHEMA_VERSION, _advice(file))


def _advice(file: Path) -> str:
    return f"check {file.parent}; p2p profile restore FILE puts back a backup; or set P2P_HOME"


@contextmanager
def open_to_read(file: Path) -> Iterator["Profile"]:
    """Yield the profile in an existing file, even if it cannot be written to.

    Raise StorageError.
    """
    with read_only_copy(file) if is_read_only(file) else closing(Profile(file)) as profile:
        yield profile


@contextmanager
def read_only_copy(file: Path) -> Iterator["Profile"]:
    """Yield, for reading only, a profile whose file or folder cannot be written to.

    SQLite cannot open such a file itself, so a temporary copy is read. Raise StorageError.
    """
    refuse_unless_private_file(file)
    with tempfile.TemporaryDirectory(prefix="p2p-") as folder:
        copy = Path(folder) / file.name
        try:
            for part in (file, file.with_name(f"{file.name}-wal")):
                if part.exists():
                    shutil.copyfile(part, copy.with_name(part.name))
            copy.chmod(0o600)
        except OSError as error:
            raise StorageError(f"{file} cannot be read: {error.strerror}") from error
        with closing(Profile(copy)) as profile:
            profile.store.call_it(str(file), f"chmod u+w {file.parent} {file}")
            profile.allow_reading_only()
            yield profile


class Profile:
    """The profile's data in one SQLite file, which is created if it does not exist.

    `registry` always means the registry's name as returned by `str(RegistryUrl)`. Every method may
    raise StorageError.
    """

    def __init__(self, file: Path) -> None:
        self._store = SqliteFile(
            file, TABLES, SCHEMA_VERSION, _advice(file), STEPS, FINISH, FUNCTIONS
        )

    @property
    def store(self) -> SqliteFile:
        """The database, for copying."""
        return self._store

    def allow_reading_only(self) -> None:
        """Make every later change raise StorageError, because it would be lost."""
        self._store.rows("PRAGMA query_only = ON")

    def note_account(self, registry: str, username: str) -> None:
        """Record that this account is ours and was used now."""
        self._execute(
            Account.insert(
                registry=registry, username=username, used_at=time.time_ns()
            ).on_conflict(
                conflict_target=(Account.registry, Account.username), preserve=(Account.used_at,)
            )
        )

    def last_account(self, registry: str) -> str | None:
        """Return the account that was used last at the registry."""
        query = Account.select(Account.username).where(Account.registry == registry)
        for (username,) in self._rows(query.order_by(Account.used_at.desc()).limit(1)):
            return str(username)
        return None

    def has_account(self, registry: str, username: str) -> bool:
        """Return whether the account at the registry is ours."""
        ours = (Account.registry == registry) & (Account.username == username)
        return bool(self._rows(Account.select(Account.username).where(ours)))

    def last_registry(self) -> str | None:
        """Return the registry at which an account was used last."""
        query = Account.select(Account.registry).order_by(Account.used_at.desc()).limit(1)
        return next((str(registry) for (registry,) in self._rows(query)), None)

    def token(self, registry: str, username: str) -> str:
        """Return the account's token; empty if there is none."""
        query = Account.select(Account.token).where(
            (Account.registry == registry) & (Account.username == username)
        )
        return next((str(token) for (token,) in self._rows(query)), "")

    def keep_token(self, registry: str, username: str, token: str) -> None:
        """Store the account's token; an empty one deletes it."""
        self.note_account(registry, username)
        self._execute(
            Account.update(token=token).where(
                (Account.registry == registry) & (Account.username == username)
            )
        )

    def pinned_registry(self, registry: str) -> str | None:
        """Return the pinned fingerprint of the registry; None if we have never connected to it."""
        query = Registry.select(Registry.fingerprint).where(Registry.registry == registry)
        return next((str(found) for (found,) in self._rows(query)), None)

    def pin_registry(self, registry: str, fingerprint: str) -> None:
        """Pin the fingerprint of the registry.

        If it differs, lists signed by the old key are deleted; otherwise nothing is written.
        """
        if self.pinned_registry(registry) == fingerprint:
            return
        with self._store.transaction():
            Registry.insert(
                registry=registry, fingerprint=fingerprint
            ).on_conflict_replace().execute(self._store.database)
            Machine.delete().where(Machine.registry == registry).execute(self._store.database)

    def machines(self, registry: str) -> list[str]:
        """Return the join links of the registry's other machines that are still valid."""
        query = Machine.select(Machine.url).where(
            (Machine.registry == registry) & (Machine.expires_at > int(time.time()))
        )
        return sorted(str(url) for (url,) in self._rows(query))

    def keep_machines(
        self, registry: str, urls: Iterable[str], issued_at: int, expires_at: int
    ) -> None:
        """Store this list of machines, unless a newer one is stored.

        Times are in seconds since the epoch. Nothing is written if the list is stored already.
        """
        known = Registry.select(Registry.nodes_issued_at).where(Registry.registry == registry)
        last = next((int(at) for (at,) in self._rows(known)), None)
        if last is None or issued_at <= last:
            return
        noted = Registry.update(nodes_issued_at=issued_at).where(Registry.registry == registry)
        with self._store.transaction():
            noted.execute(self._store.database)
            Machine.delete().where(Machine.registry == registry).execute(self._store.database)
            for url in sorted(set(urls)):
                Machine.insert(registry=registry, url=url, expires_at=expires_at).execute(
                    self._store.database
                )

    def note_name(self, registry: str, username: str) -> None:
        """Remember a user by name."""
        self._execute(Contact.insert(registry=registry, username=username).on_conflict_ignore())

    def known_names(self, registry: str) -> list[str]:
        """Return the names of all users met at the registry, sorted."""
        return [contact.username for contact in self.contacts(registry)]

    def contacts(self, registry: str) -> list[KnownContact]:
        """Return all contacts at the registry, sorted by name."""
        return self._contacts(Contact.registry == registry)

    def contact(self, registry: str, username: str) -> KnownContact:
        """Return what is known of a user; an empty contact if nothing is."""
        with self._store.errors():
            for row in self._store.rows(_CONTACT, (registry, username)):
                return _contact(row)
        return KnownContact(username)

    def keep_contact(self, registry: str, contact: KnownContact) -> None:
        """Store what is known of a contact."""
        self._execute(Contact.insert(registry=registry, **contact._asdict()).on_conflict_replace())

    def keep_invitation(self, registry: str, digest: bytes, expires_at: int) -> None:
        """Store an invitation that was issued, and delete the expired ones.

        Times are in seconds since the epoch.
        """
        old = IssuedInvitation.delete().where(IssuedInvitation.expires_at < int(time.time()))
        new = IssuedInvitation.insert(digest=digest, registry=registry, expires_at=expires_at)
        with self._store.transaction():
            old.execute(self._store.database)
            new.execute(self._store.database)

    def use_invitation(self, registry: str, digest: bytes, username: str, key: bytes) -> bool:
        """Use an invitation for a user with that key; return whether it is valid.

        The same user may use it again, because the first answer may have been lost.
        """
        which = (
            (IssuedInvitation.digest == digest)
            & (IssuedInvitation.registry == registry)
            & (IssuedInvitation.expires_at >= int(time.time()))
        )
        mine = (IssuedInvitation.used_by == username) & (IssuedInvitation.used_by_key == key)
        use = IssuedInvitation.update(used_by=username, used_by_key=key).where(
            which & (IssuedInvitation.used_by_key.is_null() | mine)
        )
        with self._store.transaction():
            return bool(use.execute(self._store.database))

    def history(self, registry: str, *, keep: bool = True) -> History:
        """Return the history at a registry, in the same file; see History."""
        return History(self._store, registry, keep=keep)

    def schedule(self, registry: str) -> Schedule:
        """Return the lines to be sent later at a registry, in the same file."""
        return Schedule(self._store, registry)

    def mailbox(self, registry: str, username: str) -> MailboxStore:
        """Return what is kept about mailboxes for an account at a registry, in the same file."""
        return MailboxStore(self._store, registry, username)

    def transfers(self, registry: str) -> TransferStore:
        """Return the transfers of files at a registry, in the same file."""
        return TransferStore(self._store, registry)

    def paths_being_sent(self) -> set[str]:
        """Return the paths of unfinished transfers to contacts, at every registry."""
        return paths_being_sent(self._store)

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    def _contacts(self, which: Any) -> list[KnownContact]:
        columns = [getattr(Contact, name) for name in KnownContact._fields]
        query = Contact.select(*columns).where(which).order_by(Contact.username)
        return [_contact(row) for row in self._rows(query)]

    def _rows(self, query: Any) -> list[Any]:
        with self._store.errors():
            return list(query.tuples().execute(self._store.database))

    def _execute(self, query: Any) -> None:
        with self._store.errors():
            query.execute(self._store.database)


_CONTACT: Final = (
    f"SELECT {', '.join(KnownContact._fields)} FROM contact"  # noqa: S608  # constant names
    " WHERE registry = ? AND username = ?"
)
"""Run for each call and each report: building the query with peewee takes sixty times as long."""


def _contact(row: tuple[Any, ...]) -> KnownContact:
    name, key, verified, blocked, other_key, accepted, hinted_at, muted_until, *rest = row
    invited, invitation, files = rest
    return KnownContact(
        name,
        as_bytes(key),
        bool(verified),
        bool(blocked),
        as_bytes(other_key),
        bool(accepted),
        int(hinted_at),
        int(muted_until),
        bool(invited),
        str(invitation),
        str(files),
    )
