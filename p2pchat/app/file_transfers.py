"""Send and receive files for one command: `p2p send --file`, `p2p send-file`, `p2p files`.

Uses the account's running node, or starts one until the command ends. Waiting ends when each file
has arrived or failed. An unfinished transfer stays in the profile and continues later.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

from p2pchat.app.local_node import whole_node
from p2pchat.app.node_options import configured
from p2pchat.app.own_mailbox import ask_running_node
from p2pchat.app.profile_home import open_profile_home
from p2pchat.app.running_node import at_a_node
from p2pchat.app.session import UserSession, open_session
from p2pchat.app.settings import Settings
from p2pchat.app.transfer_watch import Progress, TransferWatch
from p2pchat.client.client import ANSWER_TIMEOUT, Client
from p2pchat.client.local_client import LocalClient
from p2pchat.errors import (
    ContactOffline,
    LinkLost,
    P2PError,
    SlowedDown,
    TimedOut,
    Unreachable,
    UsageError,
    queued,
)
from p2pchat.paths import text_of
from p2pchat.peer.files.activities import stored_transfers
from p2pchat.protocol.client.events import Event, LoggedIn, LoginFailed, RegistryLost
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

_SCAN_TIMEOUT: Final = 600.0
"""Seconds to scan a folder with very many files."""

_LOGIN_TIMEOUT: Final = 30.0
_AT_ONCE: Final = 2.0
"""Seconds to store a file that came with its offer, if the registry cannot be reached."""

_AWAY = LinkLost | SlowedDown | TimedOut | Unreachable


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

    `wait`: seconds that may pass without progress; None: no limit while the contact is online.
    Raise the first error of a file that has not arrived.
    """

    def use(us: UserSession, client: Client, trouble: P2PError | None) -> None:
        name = us.contact_named(contact, me)
        if text:
            client.ask(Send(name, text), ANSWER_TIMEOUT)
        watch = TransferWatch(client, progress)
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
    progress: Progress,
) -> tuple[list[int], P2PError | None]:
    """Offer the files; return the transfers of acknowledged offers, and the first error.

    A file that cannot be offered does not stop the others. Raise LinkLost if the node ends.
    """
    numbers: list[int] = []
    first: P2PError | None = None
    for path, name in files:
        is_hopeless = trouble is not None or isinstance(first, ContactOffline)
        known = 0.0 if is_hopeless else _acknowledged_within(wait)
        order = SendFile(contact, text_of(path.absolute()), name, known)
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
    """Receive an offered file; return its path. Raise P2PError if it does not arrive in time."""

    def use(_: UserSession, client: Client, trouble: P2PError | None) -> str:
        transfer = _listed(client.ask(ListFiles()), number)
        if transfer.state is TransferState.DONE and not transfer.outgoing:
            return transfer.path
        if transfer.outgoing and transfer.state in {TransferState.FAILED, TransferState.CANCELLED}:
            raise UsageError("it was yours", advice=f"p2p send-file {transfer.user} FILE")
        watch = TransferWatch(client, progress)
        watch.whys[number] = transfer.why
        client.ask(GetFile(number, "", text_of(folder.absolute()) if folder else ""))
        watch.wait({number: transfer.user}, _AT_ONCE if trouble else wait, is_receiver=True)
        if trouble is not None and watch.outcomes[number] is not None:
            raise trouble
        error = watch.outcomes[number]
        if error is not None:
            raise error
        return _listed(client.ask(ListFiles()), number).path

    return _at_node(settings, registry, me, use)


def decline(settings: Settings, registry: str | None, me: str | None, number: int) -> None:
    """Decline an offer, and tell the contact now or later."""
    _order(settings, registry, me, DeclineFile(number))


def cancel(settings: Settings, registry: str | None, me: str | None, number: int) -> None:
    """Cancel a transfer, and tell the contact now or later."""
    _order(settings, registry, me, CancelFile(number))


def listed(settings: Settings, registry: str | None) -> tuple[Transfer, ...]:
    """Return the transfers, oldest first: from the running node, or else from the profile."""
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
    """Return the result of `use(us, client, trouble)` at the account's node; start one if needed.

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


def _acknowledged_within(wait: float | None) -> float:
    return _ACKNOWLEDGED_WITHIN if wait is None else min(wait, _ACKNOWLEDGED_WITHIN)


def _later(error: P2PError, contact: str) -> P2PError:
    """Return the error for a transfer that continues once both users are online."""
    return ContactOffline(
        error.what.replace("; it ", "; the offer "),
        likely=f"its bytes need {contact} and a node of yours online at once",
        advice="p2p login keeps yours running; p2p files lists the transfers",
    )


def _is_small(path: Path) -> bool:
    """Return whether a file travels inside its offer, and thus through a mailbox."""
    return path.is_file() and path.stat().st_size <= MOST_INLINE


def _listed(found: Transfers, number: int) -> Transfer:
    for one in found.transfers:
        if one.id == number:
            return one
    raise UsageError(f"there is no transfer {number}", advice="p2p files lists them")
