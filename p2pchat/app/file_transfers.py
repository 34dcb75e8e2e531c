"""Send and receive files for one command: `p2p send --file`, `p2p send-file`, `p2p files`.

Uses the running node, or else is the account's node until the command ends. Waiting ends when every
file is there or will not be; what is unfinished stays in the profile, and goes on later.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

from p2pchat.app.local_node import whole_node
from p2pchat.app.node_options import configured
from p2pchat.app.own_mailbox import ask_running_node
from p2pchat.app.profile_home import open_profile_home
from p2pchat.app.running_node import at_a_node
from p2pchat.app.session import UserSession, open_session
from p2pchat.app.settings import Settings
from p2pchat.client.client import ANSWER_TIMEOUT, Client
from p2pchat.client.local_client import LocalClient
from p2pchat.errors import (
    CallRejected,
    ContactOffline,
    LinkLost,
    P2PError,
    SlowedDown,
    TimedOut,
    Unreachable,
    UsageError,
    queued,
)
from p2pchat.peer.files.transfers import stored_transfers
from p2pchat.protocol.client.events import Event, LoggedIn, LoginFailed, RegistryLost
from p2pchat.protocol.client.file_events import (
    FileDeclined,
    FileDelivered,
    FileFailed,
    FileReceived,
    FileWaiting,
)
from p2pchat.protocol.client.file_orders import (
    CancelFile,
    DeclineFile,
    GetFile,
    ListFiles,
    SendFile,
    Transfers,
)
from p2pchat.protocol.client.messages import Hello
from p2pchat.protocol.client.node_order import Done, Order
from p2pchat.protocol.client.orders import Send
from p2pchat.protocol.client.transfers import Transfer, TransferState
from p2pchat.protocol.files.offers import MOST_INLINE

T = TypeVar("T")

_ACKNOWLEDGED_WITHIN: Final = 15.0
"""Seconds for the contact's node to acknowledge an offer."""

_AWAY_FOR: Final = 30.0
"""Seconds for which a contact may be gone while nothing moves."""

_SCAN_TIMEOUT: Final = 600.0
"""Seconds to look at a folder with very many files."""

_LOGIN_TIMEOUT: Final = 30.0
_REDRAW_S: Final = 0.1
_AT_ONCE: Final = 2.0
"""Seconds for what came with its offer, if the registry cannot be reached."""

_AWAY = LinkLost | SlowedDown | TimedOut | Unreachable


class Progress(Protocol):
    """Shows what a command waits for."""

    def draw(self, moving: Sequence[Transfer]) -> None:
        """Show these transfers as they are now."""

    def tell(self, event: Event) -> None:
        """Show an event about a transfer of the command."""

    def offered(self, offered: Transfers) -> None:
        """Show what the contact has been offered."""


def send_files(
    settings: Settings,
    registry: str | None,
    me: str | None,
    contact: str,
    text: tuple[str, ...],
    files: Sequence[tuple[Path, str]],
    wait: float | None,
    progress: Progress,
) -> None:
    """Send texts, then files, each under its own name or the given one; wait for all.

    `wait`: seconds that may pass while nothing moves; None: as long as the contact is there. Raise
    the first P2PError of one that is not there.
    """

    def use(us: UserSession, client: Client, trouble: P2PError | None) -> None:
        name = us.contact_named(contact, me)
        if text:
            client.ask(Send(name, text), ANSWER_TIMEOUT)
        watch = _Watch(client, progress)
        numbers, failed = _offer_all(client, name, files, wait, trouble, progress)
        watch.wait(dict.fromkeys(numbers, name), wait)
        error = next(filter(None, (watch.outcomes.get(number) for number in numbers)), failed)
        if error is not None:
            raise error

    _at_node(settings, registry, me, use)


def _offer_all(
    client: Client,
    contact: str,
    files: Sequence[tuple[Path, str]],
    wait: float | None,
    trouble: P2PError | None,
    progress: "Progress",
) -> tuple[list[int], P2PError | None]:
    """Offer the files; return the transfers of those that have arrived, and the first error.

    One that cannot be offered does not keep the others. Raise LinkLost if the node ends.
    """
    numbers: list[int] = []
    first: P2PError | None = None
    for path, name in files:
        known = 0.0 if first or trouble else _acknowledged_within(wait)
        order = SendFile(contact, str(path.absolute()), name, known)
        try:
            offered = client.ask(order, known + _SCAN_TIMEOUT)
        except ContactOffline as error:
            told = queued(contact, trouble.what) if trouble else error
            first = first or (told if _is_small(path) else _later(told, contact))
        except P2PError as error:
            if not client.is_open:
                raise
            first = first or error
        else:
            numbers.append(offered.transfers[0].id)
            progress.offered(offered)
    return numbers, first


def get_file(
    settings: Settings,
    registry: str | None,
    me: str | None,
    number: int,
    folder: Path | None,
    wait: float | None,
    progress: Progress,
) -> str:
    """Receive what is offered; return its path. Raise P2PError if it is not there in time."""

    def use(_: UserSession, client: Client, trouble: P2PError | None) -> str:
        transfer = _listed(client.ask(ListFiles()), number)
        if transfer.state is TransferState.DONE and not transfer.outgoing:
            return transfer.path
        if transfer.outgoing and transfer.state in {TransferState.FAILED, TransferState.CANCELLED}:
            raise UsageError("it was yours", advice=f"p2p send-file {transfer.user} FILE")
        watch = _Watch(client, progress)
        client.ask(GetFile(number, "", str(folder.absolute()) if folder else ""))
        watch.wait({number: transfer.user}, _AT_ONCE if trouble else wait, is_receiver=True)
        if trouble is not None and watch.outcomes[number] is not None:
            raise trouble
        error = watch.outcomes[number]
        if error is not None:
            raise error
        return _listed(client.ask(ListFiles()), number).path

    return _at_node(settings, registry, me, use)


def decline(settings: Settings, registry: str | None, me: str | None, number: int) -> None:
    """Decline an offer; the contact is told now or later."""
    _order(settings, registry, me, DeclineFile(number))


def cancel(settings: Settings, registry: str | None, me: str | None, number: int) -> None:
    """End a transfer for good; the contact is told now or later."""
    _order(settings, registry, me, CancelFile(number))


def listed(settings: Settings, registry: str | None) -> tuple[Transfer, ...]:
    """Return the transfers, oldest first: of the running node, else as the disk knows them."""
    with open_profile_home(settings, registry) as us:
        account = us.profile.last_account(str(us.url))
        found: Transfers | None = None
        if account is not None:
            found = ask_running_node(settings, us, account, ListFiles())
        if found is not None:
            return found.transfers
        return stored_transfers(us.profile.transfers(str(us.url)))


def _order(settings: Settings, registry: str | None, me: str | None, order: Order[Done]) -> None:
    _at_node(settings, registry, me, lambda _us, client, _trouble: client.ask(order))


def _at_node(
    settings: Settings,
    registry: str | None,
    me: str | None,
    use: Callable[[UserSession, Client, P2PError | None], T],
) -> T:
    """Return the result of `use(us, client, trouble)` at the account's node, which may be ours.

    `trouble`: why the registry cannot be reached. Raise UsageError in the original dialect.
    """
    hello = Hello(follow=True)
    with open_session(settings, registry) as us:
        if not us.url.secure:
            raise UsageError("files cannot be sent in clear: the original dialect has none")
        username = us.own_account(me)

        def be() -> T:
            options = configured(settings).briefly()
            credentials = us.credentials(username, settings.password, options)
            with (
                whole_node(settings, us, credentials, options, wait_for_registry=False) as clients,
                closing(LocalClient(us.loop, clients, hello)) as client,
            ):
                client.on_close = clients.node.stop
                trouble = _logged_in(client, clients.node.start)
                return use(us, client, trouble)

        return at_a_node(
            us.loop, settings, us, username, hello, lambda client: use(us, client, None), be
        )


def _logged_in(client: Client, start: Callable[[], None]) -> P2PError | None:
    """Start the node and wait for its login; return why the registry cannot be reached.

    Raise another P2PError if it refuses the login.
    """
    outcomes: list[P2PError | None] = []

    def on_event(event: Event) -> None:
        match event:
            case LoggedIn():
                outcomes.append(None)
            case LoginFailed(error) | RegistryLost(error):
                outcomes.append(error)
            case _:
                pass

    client.on_event = on_event
    client.begin()
    start()
    deadline = client.loop.now() + _LOGIN_TIMEOUT
    client.loop.call_at(deadline, lambda: None)
    client.loop.run_until(lambda: bool(outcomes) or client.loop.now() >= deadline)
    trouble = outcomes[0] if outcomes else TimedOut("the registry does not answer")
    if trouble is not None and not isinstance(trouble, _AWAY):
        raise trouble
    return trouble


class _Watch:
    """Follows the transfers of a command; `outcomes` are errors, or None for what is there."""

    def __init__(self, client: Client, progress: Progress) -> None:
        self._client = client
        self._progress = progress
        self._numbers: dict[int, str] = {}
        self._events: list[Event] = []  # until the numbers are known
        self._whys: dict[int, str] = {}
        self._done: dict[int, int] = {}
        self._quiet_since = client.loop.now()
        self._away_since: dict[str, float] = {}
        self._lost: P2PError | None = None
        self._is_receiver = False
        self.outcomes: dict[int, P2PError | None] = {}
        client.on_event = self._on_event
        client.on_changed = self._on_changed
        client.on_closed = self._on_closed
        client.begin()

    def wait(
        self, numbers: dict[int, str], wait: float | None, *, is_receiver: bool = False
    ) -> None:
        """Wait for these transfers, each with its contact; see `send_files`."""
        self._numbers = numbers
        self._is_receiver = is_receiver
        for event in self._events:
            self._take(event)
        self._quiet_since = self._client.loop.now()
        self._tick(wait)
        self._client.loop.run_until(lambda: self._is_over or self._lost is not None)
        self._progress.draw(())
        if self._lost is not None:
            raise self._lost

    @property
    def _is_over(self) -> bool:
        return self._numbers.keys() <= self.outcomes.keys()

    def _tick(self, wait: float | None) -> None:
        """Show what moves, and give up what has not moved for too long."""
        if self._is_over:
            return
        loop, state = self._client.loop, self._client.state
        moving = [one for one in state.moving if one.id in self._numbers]
        now = loop.now()
        for one in moving:
            if one.done > self._done.get(one.id, -1):
                self._done[one.id] = one.done
                self._quiet_since = now
        self._progress.draw(moving)
        for number, contact in self._numbers.items():
            if number not in self.outcomes and self._has_waited(number, contact, wait):
                self.outcomes[number] = self._too_late(number, contact)
        loop.call_later(_REDRAW_S, partial(self._tick, wait))

    def _has_waited(self, number: int, contact: str, wait: float | None) -> bool:
        """Return whether a transfer has not moved for too long."""
        now, chat = self._client.loop.now(), self._client.state.chats.get(contact)
        quiet = now - self._quiet_since
        if wait is not None:
            return quiet >= wait
        if chat is not None and not chat.away:
            self._away_since.pop(contact, None)
            return bool(self._whys.get(number)) and quiet >= _AWAY_FOR
        away = now - self._away_since.setdefault(contact, now)
        return min(away, quiet) >= _AWAY_FOR

    def _too_late(self, number: int, contact: str) -> P2PError:
        why = self._whys.get(number, "")
        advice = "p2p files; it goes on while a node of yours runs (p2p login)"
        if number not in self._done:
            how = "has sent nothing" if self._is_receiver else "has not accepted it"
            return ContactOffline(why or f"{contact} {how} yet", advice=advice)
        if why:
            return LinkLost(why, advice=advice)
        return TimedOut("nothing has moved for too long", advice=advice)

    def _on_changed(self) -> None:
        """Do nothing: `_tick` looks at the state often enough."""

    def _on_event(self, event: Event) -> None:
        if self._numbers:
            self._take(event)
        else:
            self._events.append(event)

    def _take(self, event: Event) -> None:
        number = getattr(event, "id", None)
        if number not in self._numbers:
            return
        match event:
            case FileDelivered() | FileReceived():
                self.outcomes[number] = None
            case FileDeclined(contact, _, name):
                self.outcomes[number] = CallRejected(f"{contact} declines {name}")
            case FileFailed(_, _, _, error):
                self.outcomes[number] = error
            case FileWaiting(_, _, _, why):
                self._whys[number] = why
            case _:
                return
        is_told_at_the_end = isinstance(event, FileDeclined | FileFailed)
        if not is_told_at_the_end or len(self._numbers) > 1:
            self._progress.tell(event)

    def _on_closed(self, error: P2PError) -> None:
        self._lost = LinkLost(
            f"the node has ended: {error.what}", advice="p2p files shows how far it is"
        )


def _acknowledged_within(wait: float | None) -> float:
    return _ACKNOWLEDGED_WITHIN if wait is None else min(wait, _ACKNOWLEDGED_WITHIN)


def _later(error: P2PError, contact: str) -> P2PError:
    """Return the error for what goes on when both are online."""
    return ContactOffline(
        error.what.replace("; it ", "; the offer "),
        likely=f"its bytes need {contact} and a node of yours online at once",
        advice="p2p login keeps yours running; p2p files lists the transfers",
    )


def _is_small(path: Path) -> bool:
    """Return whether a file comes with its offer, and so reaches a mailbox."""
    return path.is_file() and path.stat().st_size <= MOST_INLINE


def _listed(found: Transfers, number: int) -> Transfer:
    for one in found.transfers:
        if one.id == number:
            return one
    raise UsageError(f"there is no transfer {number}", advice="p2p files lists them")
