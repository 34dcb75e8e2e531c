"""Gives an operator's command access to a registry: its database, and its running nodes."""

import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from p2pchat.app.registry_files import registry_database
from p2pchat.app.settings import Settings, private_folder
from p2pchat.app.streams import read_text
from p2pchat.cli.echo import echo
from p2pchat.cli.serve.settings import FILE_NAME
from p2pchat.errors import NoSuchUser, Unreachable, UsageError
from p2pchat.net.loop import Loop
from p2pchat.net.request import ask
from p2pchat.protocol.counting import counted
from p2pchat.protocol.operator import (
    ListSessions,
    Refresh,
    Refreshed,
    Session,
    SessionList,
)
from p2pchat.registry.cluster.presence_store import PresenceStore
from p2pchat.registry.server import admin_socket as operator_desk
from p2pchat.registry.store.account_admin import AccountAdmin
from p2pchat.registry.store.accounts import Accounts
from p2pchat.registry.store.invites import Invites
from p2pchat.registry.store.mailboxes import Mailboxes, Quotas
from p2pchat.registry.store.passwords import Passwords
from p2pchat.registry.store.stores import open_file, open_shared
from p2pchat.storage import Store


class OperatedRegistry:
    """A registry's accounts, and a way to notify and query its running nodes.

    `folder` is None if the nodes share a database. `settings` are the operator's.
    """

    def __init__(self, settings: Settings, store: Store, folder: Path | None) -> None:
        self.settings = settings
        self.accounts = Accounts(store, Passwords())
        self.account_admin = AccountAdmin(store)
        self.invites = Invites(store)
        self.mailboxes = Mailboxes(store, Quotas())
        self._folder = folder
        self._table = PresenceStore(store, node=0, lease=0.0)
        self.internal_errors = 0
        """How many bugs the running registry has contained; known once `sessions` has asked it."""

    def changed(self, username: str, *, log_out: bool = False) -> int | None:
        """Notify the nodes that the account changed; return how many of its logins ended.

        Return None if no registry is running, or several nodes share the database.
        """
        if self._folder is None:
            if log_out:
                self._table.log_out(username)
            return None
        with suppress(Unreachable):
            answer = self._ask(Refresh(username, log_out))
            assert isinstance(answer, Refreshed)
            return answer.logged_out
        return None

    def sessions(self) -> Iterator[Session]:
        """Yield who is online. Raise Unreachable if no registry runs."""
        if self._folder is None:
            yield from self._table.sessions()
            return
        after: str | None = ""
        while after is not None:
            answer = self._ask(ListSessions(after))
            assert isinstance(answer, SessionList)
            self.internal_errors = answer.internal_errors
            yield from answer.sessions
            after = answer.sessions[-1].username if answer.sessions else None

    def _ask(self, request: Refresh | ListSessions) -> object:
        assert self._folder is not None
        with ExitStack() as stack:
            loop = Loop()
            stack.callback(loop.close)
            try:
                link = operator_desk.dial(loop, self._folder)
            except Unreachable as error:
                raise Unreachable(
                    f"no registry is running in {self._folder}",
                    likely="it was not started, or uses another --data-dir",
                    advice="p2p serve",
                ) from error
            stack.callback(loop.run_until, lambda: not link.open)
            stack.callback(link.close)
            return ask(loop, link, request)


@contextmanager
def operated(
    settings: Settings, data_dir: Path | None, database: str | None, *, may_make: bool
) -> Iterator[OperatedRegistry]:
    """Yield the registry in the folder, or the one whose nodes share the database with that URL.

    Raise UsageError if the folder has none, unless `may_make` allows creating one.
    """
    folder = data_dir or settings.registry_folder
    database = database or shared_database(folder)
    if database:
        with closing(open_shared(database)) as store:
            yield OperatedRegistry(settings, store, None)
        return
    if not may_make:
        check_registry(folder)
    private_folder(folder)
    with closing(open_file(registry_database(folder))) as store:
        yield OperatedRegistry(settings, store, folder)


def check_registry(folder: Path) -> None:
    """Raise UsageError if the folder holds no registry."""
    if not registry_database(folder).exists():
        raise UsageError(
            f"there is no registry in {folder}",
            likely="it keeps its files in another folder",
            advice="name it with --data-dir; p2p serve and p2p users add create one",
        )


def change(
    registry: OperatedRegistry,
    username: str,
    how: Callable[[str], bool],
    what: str,
    *,
    log_out: bool,
) -> None:
    """Change an account, notify the nodes, and print `what` was done. Raise NoSuchUser."""
    if not how(username):
        raise NoSuchUser(f"there is no account {username}", advice="p2p users list")
    ended = registry.changed(username, log_out=log_out)
    of_logins = f"; {counted(ended, 'login')} ended" if ended else ""
    echo(f"{username} {what}{of_logins}", err=True)


def shared_database(folder: Path) -> str | None:
    """Return the database URL in the folder's settings of `p2p serve`, if any."""
    try:
        found = tomllib.loads(read_text(folder / FILE_NAME)).get("database")
    except (OSError, ValueError):
        return None  # p2p serve reports what is wrong with it
    return found if isinstance(found, str) else None
