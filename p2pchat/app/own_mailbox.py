"""Our mailbox, and what is left in those of contacts: `p2p mailbox`, and `p2p outbox cancel`.

Uses the running node, or else logs in briefly; without the registry, tells what the disk knows.
"""

import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import TypeVar

from p2pchat.app.node_options import configured
from p2pchat.app.profile_home import ProfileHome, open_profile_home
from p2pchat.app.running_node import running_node
from p2pchat.app.session import UserSession, session_of
from p2pchat.app.settings import Settings
from p2pchat.errors import (
    LinkLost,
    OnFailed,
    P2PError,
    SlowedDown,
    TimedOut,
    Unreachable,
    UsageError,
)
from p2pchat.net.loop import Loop
from p2pchat.peer.mailbox.own_box import OwnBox
from p2pchat.protocol.client.node_order import Order, Result
from p2pchat.protocol.client.orders import MailboxStatus, SetMailbox
from p2pchat.protocol.mailbox import MOST_IDS, BoxUndo, BoxUndoResult
from p2pchat.protocol.messages import Message
from p2pchat.protocol.prekeys import MailboxGrant

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

    If no node is running, the registry is told and asked; if it cannot be, its state is unknown,
    and the next login tells it. Raise UsageError in the original dialect, and StorageError.
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
            grant = _told(settings, session, username)
            waiting = 0 if grant is None else grant.waiting
            return MailboxStatus(status.on, grant is not None, waiting, 0, status.left)
        return status


def _told(settings: Settings, session: UserSession, username: str) -> MailboxGrant | None:
    """Publish what the registry lacks of our mailbox; return what it said of it before."""
    credentials = session.credentials(username, settings.password, configured(settings))
    session.registry_commands.patience = _PATIENCE
    with session.registry_commands.mailbox(credentials) as (grant, ask):

        def ask_and_pass_on(
            request: Message, then: Callable[[Message], None], failed: OnFailed
        ) -> None:
            try:
                answer = ask(request)
            except SlowedDown as error:
                failed(error)
            else:
                then(answer)

        def later(seconds: float, call: Callable[[], None]) -> None:
            if not seconds:
                call()

        if grant is not None:
            own_box = OwnBox(
                session.profile.mailbox(str(session.url), username),
                session.contacts,
                session.identity,
                username,
                ask_and_pass_on,
                time.time,
                later,
            )
            own_box.logged_in(grant)
    return grant


def take_back(settings: Settings, us: ProfileHome, username: str, contact: str) -> int:
    """Withdraw what was left for a contact while no node is running.

    Return the number up to which lines may have been fetched; also if the registry cannot be asked.
    """
    box = us.profile.mailbox(str(us.url), username)
    key = us.contacts.get(contact).key
    now = time.time()
    runs = [] if key is None else [run for run in box.left(contact, key) if run.until > now]
    if not runs:
        return 0
    gone: set[bytes] = set()
    with suppress(P2PError), session_of(settings, us) as session:
        credentials = session.credentials(username, settings.password, configured(settings))
        session.registry_commands.patience = _PATIENCE
        with session.registry_commands.mailbox(credentials) as (grant, ask):
            for start in range(0, len(runs) if grant else 0, MOST_IDS):
                ids = tuple(run.id for run in runs[start : start + MOST_IDS])
                answer = ask(BoxUndo(runs=ids))
                assert isinstance(answer, BoxUndoResult)
                gone.update(answer.runs)
    box.forget_left([run.id for run in runs if run.id in gone])
    return max((run.last for run in runs if run.id not in gone), default=0)
