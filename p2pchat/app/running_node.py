"""How a command finds the account's running node in another process, or takes its place.

Processes of one account may start and end in any order and at any moment: a command that finds the
place held but no listener waits until either changes.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from p2pchat.app.profile_home import ProfileHome
from p2pchat.app.settings import Settings, private_folder
from p2pchat.app.terminal import notify
from p2pchat.client.socket_client import SocketClient, socket_of
from p2pchat.errors import AlreadyOnline, LinkLost, Unreachable
from p2pchat.net.loop import Loop
from p2pchat.private_files import refuse_if_others_can_read
from p2pchat.protocol.client.messages import Hello
from p2pchat.protocol.client.orders import GetStatus, HandOver, UseNewKey

if TYPE_CHECKING:
    from p2pchat.client.listener import NodeListener

T = TypeVar("T")

_COMMAND: Final = Hello()
"""The greeting of a command that gives an order and ends."""

_PATIENCE: Final = 15.0
"""Seconds to wait for another process to become the node, or to release its place."""

_LOOK_EVERY: Final = 0.02
_ATTEMPTS: Final = 3


def control_path(settings: Settings, us: ProfileHome, username: str) -> Path:
    """Return the socket of the account's node; creates its folder. Raise StorageError."""
    private_folder(settings.run_folder)
    return _socket(settings, us, username)


def _socket(settings: Settings, us: ProfileHome, username: str) -> Path:
    if settings.run_folder_doubt:
        _warn(f"{settings.run_folder_doubt}; {settings.run_folder} is used instead")
    return socket_of(settings.run_folder, str(us.url), username)


@contextmanager
def running_node(
    loop: Loop, settings: Settings, us: ProfileHome, username: str, hello: Hello = _COMMAND
) -> Iterator[SocketClient | None]:
    """Yield a client of the account's node; None if none is running."""
    if not settings.run_folder.exists():  # a command that only reads must not need to create it
        yield None
        return
    refuse_if_others_can_read(settings.run_folder)
    client = _dial(loop, _socket(settings, us, username), hello)
    if client is None:
        yield None
        return
    with closing(client):
        yield client


@contextmanager
def lasting_node(
    loop: Loop, settings: Settings, us: ProfileHome, username: str, hello: Hello
) -> Iterator[SocketClient | None]:
    """Yield a client of the account's node; None if none is running, or only briefly for a
    command.
    """
    with running_node(loop, settings, us, username, hello) as client:
        yield client if client is not None and not _gives_way(client) else None


def at_a_node(
    loop: Loop,
    settings: Settings,
    us: ProfileHome,
    username: str,
    hello: Hello,
    use: Callable[[SocketClient], T],
    be: Callable[[], T],
) -> T:
    """Return the result of using the account's node, or of running it if there is none."""
    for _ in range(_ATTEMPTS):
        with lasting_node(loop, settings, us, username, hello) as running:
            if running is not None:
                return use(running)
        try:
            return be()
        except AlreadyOnline as error:  # another was started, perhaps while a password was typed
            taken = error
    raise taken


def who_is_online(settings: Settings, us: ProfileHome) -> set[str] | None:
    """Return the online contacts that our node knows; None if no node is online.

    Raise TimedOut if it does not answer.
    """
    account = us.profile.last_account(str(us.url))
    if account is None:
        return None
    with closing(Loop()) as loop, running_node(loop, settings, us, account) as running:
        if running is None:
            return None
        try:
            answer = running.ask(GetStatus())
        except LinkLost:  # it has ended meanwhile
            return None
        return set(answer.online) if answer.standing == "online" else None


def tell_trusted(settings: Settings, us: ProfileHome, contact: str) -> int:
    """Ask a running node to use the contact's new key; return how many lines have failed.

    Raise TimedOut if the node does not answer, or StorageError.
    """
    account = us.profile.last_account(str(us.url))
    if account is not None:
        with closing(Loop()) as loop, running_node(loop, settings, us, account) as running:
            if running is not None:
                with suppress(LinkLost):  # it has ended meanwhile
                    return running.ask(UseNewKey(contact)).count
    return us.history.drop_queued(contact, other_than=us.contacts.get(contact).key)


def hold_place(loop: Loop, path: Path) -> "NodeListener":
    """Become the account's node; raise AlreadyOnline if another process stays the node.

    A command that is online only briefly gives way; a process that is ending, or that has just
    started and cannot answer yet, is waited for.
    """

    def hold() -> "NodeListener":
        """Return the account's place; ask a command that holds it to end, and try again."""
        try:
            return _listener(loop, path)
        except AlreadyOnline:
            client = _dial(loop, path)
            if client is not None:
                with closing(client):
                    if not _gives_way(client):
                        raise
            raise _Later from None

    return _in_time(loop, hold)


def node_or_place(loop: Loop, path: Path) -> "SocketClient | NodeListener":
    """Return a client of the account's node, whichever command runs it, or else its place."""

    def find() -> "SocketClient | NodeListener":
        client = _dial(loop, path)
        if client is not None:
            return client
        try:
            return _listener(loop, path)
        except AlreadyOnline as error:
            raise _Later from error

    return _in_time(loop, find)


class _Later(Exception):
    """It cannot be done yet, but perhaps in a moment."""


def _in_time(loop: Loop, attempt: Callable[[], T]) -> T:
    deadline = loop.now() + _PATIENCE
    while True:
        try:
            return attempt()
        except _Later as later:
            if loop.now() >= deadline:
                raise (later.__cause__ or AlreadyOnline(0)) from None
        loop.run_for(_LOOK_EVERY)


@cache
def _warn(sentence: str) -> None:
    """Print a warning, once in this process."""
    notify(f"warning: {sentence}")


def _dial(loop: Loop, path: Path, hello: Hello = _COMMAND) -> SocketClient | None:
    try:
        return SocketClient(loop, path, hello)
    except (Unreachable, LinkLost):  # none is running, or it has just ended
        return None


def _listener(loop: Loop, path: Path) -> "NodeListener":
    from p2pchat.client.listener import (
        NodeListener,
    )  # imports a whole node, which few commands need

    return NodeListener(loop, path)


def _gives_way(client: SocketClient) -> bool:
    """Return whether the process agrees to end; raise TimedOut if it does not answer."""
    if not client.transient:
        return False
    try:
        return client.ask(HandOver()).on
    except LinkLost:
        return True  # it has ended by itself
