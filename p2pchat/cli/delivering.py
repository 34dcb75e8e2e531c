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
from p2pchat.errors import ContactOffline, NoSuchUser, P2PError, StorageError, UsageError
from p2pchat.net.loop import Loop
from p2pchat.peer.control_client import ControlClient
from p2pchat.protocol.control import Cancel, Cancelled, Retry, Send, Sent

if TYPE_CHECKING:
    from p2pchat.peer.delivery import Queue
    from p2pchat.peer.node import Node

_TEXTS_AT_ONCE: Final = 16
"""In one request, which must fit into a frame however their characters are escaped."""


def deliver(
    settings: Settings,
    registry: str | None,
    me: str | None,
    contact: str,
    texts: tuple[str, ...] | None,
    wait: float,
) -> tuple[int, str]:
    """Say the texts (None: what has failed, again); give the exit code of `p2p send`, and why it is
    not 0.

    Raises NoSuchUser, with whoever was meant.
    """
    with our_side(settings, registry) as us:
        if not us.url.secure:
            raise UsageError(
                "the original dialect acknowledges nothing", advice=f"p2p chat {contact}"
            )
        username, contact = us.who_am_i(me), us.named(contact)
        with running_node(us.loop, settings, us, username) as running:
            if running is not None and texts is None:
                exit_code, why = _sent(running, Retry(contact, wait))
            elif running is not None:
                exit_code, why = _have_delivered(running, contact, texts or (), wait)
            else:
                exit_code, why = _deliver_ourselves(settings, us, username, contact, texts, wait)
        if exit_code == NoSuchUser.exit_code:
            raise NoSuchUser(why, likely=us.meant(contact))
        return exit_code, why


def _have_delivered(
    running: ControlClient, contact: str, texts: tuple[str, ...], wait: float
) -> tuple[int, str]:
    """Have the node say them, some at a time; what cannot be acknowledged now is not waited for."""
    exit_code, why = 0, ""
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        some = texts[start : start + _TEXTS_AT_ONCE]
        code, reason = _sent(running, Send(contact, some, 0.0 if exit_code else wait))
        if code:
            exit_code, why = code, reason
        if code not in {0, ContactOffline.exit_code}:
            break
    return exit_code, why


def _sent(running: ControlClient, request: Send | Retry) -> tuple[int, str]:
    answer = running.ask(request)
    assert isinstance(answer, Sent)
    return answer.exit_code, answer.why


def cancel(settings: Settings, registry: str | None, contact: str) -> int:
    """Do not deliver what waits for a contact; give how many lines.

    A node that runs is asked, which knows what is on its way already. Raises StorageError.
    """
    with our_files(settings, registry) as us, closing(Loop()) as loop:
        contact = us.named(contact)
        account = us.profile.last_account(str(us.url))
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
) -> tuple[int, str]:
    from p2pchat.cli.node_of_ours import node_of_ours
    from p2pchat.peer.delivery import Delivery
    from p2pchat.peer.events import Event, LoggedIn, LoginFailed
    from p2pchat.ui.screens import Listening

    results: list[tuple[int, str]] = []
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
        def done(exit_code: int, why: str) -> None:
            results.append((exit_code, why))

        queue = _queue(node, contact, texts)
        deliveries.append(Delivery(us.loop, node, contact, queue, wait, done))

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
