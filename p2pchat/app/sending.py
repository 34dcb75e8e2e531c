"""Send messages to a contact, or cancel them, and wait for the outcome: `p2p send` and `p2p
outbox`.

Uses the running node, or else runs one briefly.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from p2pchat.app.own_mailbox import ask_running_node, take_back
from p2pchat.app.profile_home import ProfileHome, open_profile_home
from p2pchat.app.running_node import control_path, node_or_place, running_node
from p2pchat.app.settings import Settings
from p2pchat.client.client import ANSWER_TIMEOUT
from p2pchat.client.socket_client import SocketClient
from p2pchat.errors import (
    ContactOffline,
    LinkLost,
    NoSuchUser,
    NotTrusted,
    P2PError,
    SlowedDown,
    TimedOut,
    Unreachable,
    UsageError,
    queued,
)
from p2pchat.net.loop import Loop
from p2pchat.peer.store.lines import new_uid
from p2pchat.peer.store.schedule import scheduled
from p2pchat.protocol.client.lines import TO_RETRY
from p2pchat.protocol.client.messages import Hello
from p2pchat.protocol.client.orders import Cancel, Count, Send, SendAgain
from p2pchat.wall_clock import local_minute, now_ms

if TYPE_CHECKING:
    from p2pchat.app.session import UserSession
    from p2pchat.client.listener import NodeListener
    from p2pchat.peer.node import Node

_TEXTS_AT_ONCE: Final = 16
"""The most texts of one request, which must fit into a frame however they are escaped."""

_KEPT: Final = frozenset({ContactOffline.exit_code, NotTrusted.exit_code})
"""Exit codes with which the lines are in the outbox nevertheless."""


def deliver(
    settings: Settings,
    registry: str | None,
    me: str | None,
    contact: str,
    texts: tuple[str, ...] | None,
    wait: float,
    *,
    expires: int = 0,
    left_is_enough: bool = False,
) -> None:
    """Send the texts, or (None) resend failed ones, and wait until they are acknowledged.

    `left_is_enough`: or until they are in the contact's mailbox. Raise ContactOffline if they are
    queued, NotTrusted if they are queued until the user decides on a key, NoSuchUser with a
    suggestion, or another P2PError that prevents it.
    """
    with open_profile_home(settings, registry) as us:
        if not us.url.secure:
            raise UsageError(
                "the original dialect has no acknowledgements", advice=f"p2p chat {contact}"
            )
        username, contact = us.own_account(me), us.contact_named(contact, me)
        order = _Order(contact, texts, wait, left_is_enough=left_is_enough)
        error = _carry_out(settings, us, username, order)
        if expires:
            us.history.set_expiry(order.ids, now_ms() + expires * 1000)
        if error is None:
            return
        if error.exit_code == NoSuchUser.exit_code:
            raise NoSuchUser(error.what, likely=us.meant(contact))
        raise error


def send_later(
    settings: Settings,
    registry: str | None,
    me: str | None,
    contact: str,
    texts: tuple[str, ...],
    not_before: int,
    expires: int,
) -> None:
    """Schedule the texts for that time, in ms since the epoch, without using the network.

    Raise ContactOffline, because they are queued, and UsageError if they could never be sent.
    """
    with open_profile_home(settings, registry) as us:
        username, contact = us.own_account(me), us.contact_named(contact, me)
        if not us.url.secure:
            raise UsageError("the original dialect cannot send lines later")
        if contact != username and us.contacts.get(contact).key is None:
            raise UsageError(
                f"you have no key of {contact} yet",
                likely=us.meant(contact),
                advice=f"p2p chat {contact} first",
            )
        us.schedule.add(scheduled(contact, texts, not_before, expires))
    raise ContactOffline(
        f"it is scheduled for {local_minute(not_before)}",
        advice="keep your node running until then (p2p login); to list it: p2p outbox",
    )


class _Order:
    """The texts to send. Their ids are fixed, so each is sent once, however often we ask."""

    def __init__(
        self,
        contact: str,
        texts: tuple[str, ...] | None,
        wait: float,
        *,
        left_is_enough: bool,
    ) -> None:
        self._left_is_enough = left_is_enough
        self.contact = contact
        self.texts = texts
        self.ids = tuple(new_uid() for _ in texts or ())
        self.wait = wait

    @property
    def expires_at(self) -> int:
        """The time after which a node should not start on the order, because we have given up."""
        return now_ms() + int((self.wait + ANSWER_TIMEOUT) * 1000)

    def whole(self) -> Send | SendAgain:
        """Return everything as one order."""
        if self.texts is None:
            return SendAgain(self.contact, self.wait, 0)
        return Send(
            self.contact,
            self.texts,
            self.ids,
            self.wait,
            left_is_enough=self._left_is_enough,
        )

    def parts(self) -> Iterator[Send | SendAgain]:
        """Yield the orders for the node of another process, some texts at a time."""
        if self.texts is None:
            yield SendAgain(self.contact, self.wait, self.expires_at)
            return
        for start in range(0, len(self.texts), _TEXTS_AT_ONCE):
            some = slice(start, start + _TEXTS_AT_ONCE)
            yield Send(
                self.contact,
                self.texts[some],
                self.ids[some],
                self.wait,
                self.expires_at,
                self._left_is_enough,
            )


def _carry_out(
    settings: Settings, files: ProfileHome, username: str, order: _Order
) -> P2PError | None:
    """Send the texts through the running node, or run one; return the error that keeps them queued.

    A node may end or give way at any moment; then the next one is asked, until the order expires.
    What a node itself needs is imported only if none is running.
    """
    expires_at = order.expires_at
    if files.is_known_link:
        with (
            closing(Loop()) as loop,
            running_node(loop, settings, files, username) as running,
        ):
            if running is not None:
                outcome = _have_delivered(running, order)
                if _is_final(files, order, outcome, expires_at):
                    return _told(files, order, outcome)
    from p2pchat.app.session import session_of

    with session_of(settings, files) as us:
        path = control_path(settings, us, username)
        while True:
            found = node_or_place(us.loop, path)
            if isinstance(found, SocketClient):
                with closing(found):
                    outcome = _have_delivered(found, order)
            else:
                outcome = _deliver_ourselves(settings, us, username, order, found)
            if _is_final(us, order, outcome, expires_at):
                return _told(us, order, outcome)


def _is_final(files: ProfileHome, order: _Order, outcome: P2PError | None, expires_at: int) -> bool:
    """Return whether no other node is to be asked.

    Failed lines are queued again only once, so another node would find none: unlike texts, which
    have fixed ids, that order must not be repeated.
    """
    if not isinstance(outcome, _NodeGone) or now_ms() > expires_at:
        return True
    return order.texts is None and _is_kept(files, order)


def _told(files: ProfileHome, order: _Order, outcome: P2PError | None) -> P2PError | None:
    """Return the outcome as it is reported to the user."""
    if isinstance(outcome, _NodeGone) and _is_kept(files, order):
        return queued(order.contact, outcome.what)
    return outcome


def _is_kept(us: ProfileHome, order: _Order) -> bool:
    """Return whether all texts are in the outbox, or were delivered from there."""
    if order.texts is None:
        return not us.history.lines(order.contact, states=TO_RETRY)
    return len(us.history.said_with(order.contact, order.ids)) == len(order.ids)


def _have_delivered(running: SocketClient, order: _Order) -> P2PError | None:
    """Send the texts through a node; after the first that cannot be acknowledged now, stop
    waiting.
    """
    error: P2PError | None = None
    for part in order.parts():
        wait = 0.0 if error else order.wait
        try:
            running.ask(replace(part, wait=wait), wait + ANSWER_TIMEOUT)
        except P2PError as found:
            if not running.is_open:
                return _NodeGone(found.what)
            if found.exit_code not in _KEPT:
                return found
            error = error or found  # report the first, do not wait for the others
    return error


class _NodeGone(P2PError):
    """The node has ended or been replaced before it could answer an order."""


def cancel(settings: Settings, registry: str | None, me: str | None, contact: str) -> Count:
    """Cancel the messages queued for a contact; return how many there were.

    A running node is asked, because it knows which are being sent. What was left in the contact's
    mailbox is taken back; what may have been fetched from there is kept. Raise StorageError.
    """
    with open_profile_home(settings, registry) as us:
        contact = us.named(contact)
        account = us.profile.last_account(str(us.url)) if me is None else us.named(me)
        found, fetched = None, 0
        if account is not None:
            found = ask_running_node(settings, us, account, Cancel(contact))
            if found is None:
                fetched = take_back(settings, us, account, contact)
        if found is None:
            count = us.history.drop_queued(contact, above=fetched)
            found = Count(count, us.history.waiting().get(contact, 0))
        return Count(found.count + us.schedule.drop(contact), found.kept)


def _deliver_ourselves(
    settings: Settings, us: "UserSession", username: str, order: _Order, place: "NodeListener"
) -> P2PError | None:
    """Run the node until the texts are delivered, or it gives way to another process."""
    from p2pchat.app.local_node import local_node
    from p2pchat.app.node_options import configured
    from p2pchat.client.local_client import LocalClient
    from p2pchat.protocol.client.events import Event, LoggedIn, LoginFailed

    results: list[P2PError | None] = []

    def on_event(event: Event) -> None:
        match event:
            case LoggedIn():
                client.order(order.whole(), lambda _: results.append(None), results.append)
            case LoginFailed(error):
                results.append(_kept_for_later(clients.node, order, error))
            case _:
                pass

    def give_way() -> None:
        results.append(_NodeGone("another process is the node now"))

    with ExitStack() as stack:
        stack.callback(place.close)
        options = configured(settings).briefly()
        credentials = us.credentials(username, settings.password, options)
        clients = stack.enter_context(
            local_node(settings, us, credentials, options, place=place, on_give_way=give_way)
        )
        client = stack.enter_context(closing(LocalClient(us.loop, clients, Hello(follow=True))))
        client.on_event = on_event
        client.begin()
        client.on_close = clients.node.stop
        clients.node.start()
        us.loop.run_until(lambda: bool(results))
    return results[0]


def _kept_for_later(node: "Node", order: _Order, error: P2PError) -> P2PError | None:
    """Queue the order although the registry is unreachable, if we know the contact's key.

    Return why it is queued; None if it is not, because it is a note to ourselves.
    """
    away = isinstance(error, LinkLost | SlowedDown | TimedOut | Unreachable)
    to_ourselves = order.contact == node.username
    if not (away and (to_ourselves or node.contacts.get(order.contact).key is not None)):
        return error
    try:
        node.conversations.outbox.put(order.contact, order.texts, order.ids)
    except P2PError as failure:
        return failure
    return None if to_ourselves else queued(order.contact, error.what)
