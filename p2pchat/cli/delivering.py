"""Say something to a contact and wait for the acknowledgement, or take it back: `p2p send`, `p2p
outbox`.

Through the node that runs, else by one of our own for a moment.
"""

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Final

from p2pchat.cli.our_files import our_files
from p2pchat.cli.our_side import OurSide, our_side
from p2pchat.cli.running_node import running_node
from p2pchat.cli.settings import Settings
from p2pchat.errors import (
    ContactOffline,
    NoSuchUser,
    NotTrusted,
    P2PError,
    StorageError,
    UsageError,
)
from p2pchat.net.loop import Loop
from p2pchat.peer.control_client import ControlClient
from p2pchat.protocol.control import Cancel, Cancelled, Retry, Send, Sent

if TYPE_CHECKING:
    from p2pchat.peer.delivery import Queue
    from p2pchat.peer.node import Node

_TEXTS_AT_ONCE: Final = 16
"""In one request, which must fit into a frame however their characters are escaped."""

_KEPT: Final = frozenset({ContactOffline.exit_code, NotTrusted.exit_code})
"""What the lines are in the outbox in spite of."""


def deliver(
    settings: Settings,
    registry: str | None,
    me: str | None,
    contact: str,
    texts: tuple[str, ...] | None,
    wait: float,
) -> None:
    """Say the texts (None: what has failed, again) until they are acknowledged.

    Raises ContactOffline where they wait in the outbox, NotTrusted where they are kept there until
    the person has decided, NoSuchUser with whoever was meant, and what else keeps them from it.
    """
    with our_side(settings, registry) as us:
        if not us.url.secure:
            raise UsageError(
                "the original dialect acknowledges nothing", advice=f"p2p chat {contact}"
            )
        username, contact = us.who_am_i(me), us.named(contact)
        with running_node(us.loop, settings, us, username) as running:
            if running is not None and texts is None:
                error = _ask(running, Retry(contact, wait))
            elif running is not None:
                error = _have_delivered(running, contact, texts or (), wait)
            else:
                error = _deliver_ourselves(settings, us, username, contact, texts, wait)
        if error is None:
            return
        if error.exit_code == NoSuchUser.exit_code:
            raise NoSuchUser(error.what, likely=us.meant(contact))
        raise error


def _have_delivered(
    running: ControlClient, contact: str, texts: tuple[str, ...], wait: float
) -> P2PError | None:
    """Have the node say them, some at a time; what cannot be acknowledged now is not waited for."""
    error: P2PError | None = None
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        some = texts[start : start + _TEXTS_AT_ONCE]
        found = _ask(running, Send(contact, some, 0.0 if error else wait))
        if found is not None and found.exit_code not in _KEPT:
            return found
        error = error or found  # the first says why; the others are not waited for
    return error


def _ask(running: ControlClient, request: Send | Retry) -> P2PError | None:
    sent = running.ask(request)
    assert isinstance(sent, Sent)
    if not sent.exit_code:
        return None
    error = P2PError(sent.what, likely=sent.likely, advice=sent.advice)
    error.exit_code = sent.exit_code
    return error


def cancel(settings: Settings, registry: str | None, me: str | None, contact: str) -> int:
    """Do not deliver what waits for a contact; give how many lines.

    A node that runs is asked, which knows what is on its way already. Raises StorageError.
    """
    with our_files(settings, registry) as us, closing(Loop()) as loop:
        contact = us.named(contact)
        account = us.profile.last_account(str(us.url)) if me is None else us.named(me)
        if account is not None:
            with running_node(loop, settings, us, account) as running:
                if running is not None:
                    answer = running.ask(Cancel(contact))
                    assert isinstance(answer, Cancelled)
                    if answer.why:
                        raise StorageError(answer.why)
                    return answer.count
        return us.history.drop_queued(contact)


def _deliver_ourselves(
    settings: Settings,
    us: OurSide,
    username: str,
    contact: str,
    texts: tuple[str, ...] | None,
    wait: float,
) -> P2PError | None:
    from p2pchat.cli.node_of_ours import node_of_ours
    from p2pchat.peer.delivery import Delivery
    from p2pchat.peer.events import Event, LoggedIn, LoginFailed
    from p2pchat.ui.screens import Listening

    results: list[P2PError | None] = []
    errors: list[P2PError] = []
    deliveries: list[Delivery] = []

    def on_event(event: Event) -> None:
        match event:
            case LoggedIn():
                us.loop.call_soon(begin)
            case LoginFailed(error):
                errors.append(error)
            case _:
                pass
        for delivery in deliveries:
            delivery.on_event(event)

    def begin() -> None:
        queue = _queue(node, contact, texts)
        deliveries.append(Delivery(us.loop, node, contact, queue, wait, results.append))

    credentials = us.credentials(username, settings.password)
    with node_of_ours(settings, us, credentials, Listening(on_event)) as node:
        try:
            node.start()
            us.loop.run_until(lambda: bool(results or errors))
        finally:
            node.stop()
    if errors:
        raise errors[0]
    return results[0]


def _queue(node: "Node", contact: str, texts: tuple[str, ...] | None) -> "Queue":
    outbox = node.conversations.outbox
    if texts is None:
        return partial(outbox.queue_again, contact)
    return partial(outbox.queue, contact, texts)
