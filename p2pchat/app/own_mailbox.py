"""Our mailbox, and what is left in those of contacts: `p2p mailbox`, and `p2p outbox cancel`.

Uses the running node, or else logs in briefly; without the registry, tells what the disk knows.
"""

from contextlib import closing, suppress
from typing import TypeVar

from p2pchat.app.node_options import configured
from p2pchat.app.profile_home import ProfileHome, open_profile_home
from p2pchat.app.running_node import running_node
from p2pchat.app.session import UserSession, session_of
from p2pchat.app.settings import Settings
from p2pchat.errors import LinkLost, P2PError, SlowedDown, TimedOut, Unreachable, UsageError
from p2pchat.net.loop import Loop
from p2pchat.protocol.client.orders import MailboxStatus, Order, Result, SetMailbox

R = TypeVar("R", bound=Result)

_PATIENCE = 10.0
"""Seconds for the registry's answer."""


def ask_running_node(
    settings: Settings, us: ProfileHome, username: str, order: Order[R]
) -> R | None:
    """Return the result of an order to the running node; None if there is none."""
    with closing(Loop()) as loop, running_node(loop, settings, us, username) as running:
        if running is not None:
            with suppress(LinkLost):  # it has ended meanwhile
                return running.ask(order)
    return None


def mailbox(
    settings: Settings, registry: str | None, me: str | None, *, on: bool | None
) -> MailboxStatus:
    """Return the state of our mailbox, after turning it on or off unless `on` is None.

    If no node is running, the registry is asked; if it cannot be, the state there is unknown, and
    the next login tells it. Raise UsageError in the original dialect, and StorageError.
    """
    with open_profile_home(settings, registry) as us:
        if not us.url.secure:
            raise UsageError("the original dialect has no mailboxes")
        username = us.own_account(me)
        found = ask_running_node(settings, us, username, SetMailbox(on))
        if found is not None:
            return found
        box = us.profile.mailbox(str(us.url), username)
        if on is not None:
            box.turn(on=on)
        status = MailboxStatus(box.is_on, left=us.history.left())
        with (
            suppress(LinkLost, SlowedDown, TimedOut, Unreachable),
            session_of(settings, us) as session,
        ):
            credentials = session.credentials(username, settings.password, configured(settings))
            session.registry_commands.patience = _PATIENCE
            grant = session.registry_commands.mailbox(credentials)
            waiting = 0 if grant is None else grant.waiting
            return MailboxStatus(status.on, grant is not None, waiting, 0, status.left)
        return status


def take_back(settings: Settings, us: ProfileHome, username: str, contact: str) -> int:
    """Take back what was left for a contact while no node is running.

    Return the number up to which lines may have been fetched; also if the registry cannot be asked.
    """
    box = us.profile.mailbox(str(us.url), username)
    key = us.contacts.get(contact).key
    runs = box.left(contact, key) if key is not None else []
    if not runs:
        return 0
    gone: set[bytes] = set()
    with suppress(P2PError), session_of(settings, us) as session:
        gone = _taken_back(settings, session, username, [run.id for run in runs])
    box.forget_left([run.id for run in runs if run.id in gone])
    return max((run.last for run in runs if run.id not in gone), default=0)


def _taken_back(
    settings: Settings, session: UserSession, username: str, ids: list[bytes]
) -> set[bytes]:
    credentials = session.credentials(username, settings.password, configured(settings))
    session.registry_commands.patience = _PATIENCE
    return session.registry_commands.take_back(credentials, ids)
