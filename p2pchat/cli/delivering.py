"""Say texts to a contact and wait for the acknowledgement: `p2p send`, `p2p outbox retry`.

Through the node that runs, else by one of our own for a moment.
"""

from typing import Final

from p2pchat.cli.our_side import OurSide, our_side
from p2pchat.cli.running_node import running_node
from p2pchat.cli.settings import Settings
from p2pchat.errors import ContactOffline, NoSuchUser, P2PError, UsageError
from p2pchat.peer.control_client import ControlClient
from p2pchat.protocol.control import Send, Sent

_TEXTS_AT_ONCE: Final = 16
"""In one request, which must fit into a frame however their characters are escaped."""


def deliver(
    settings: Settings,
    registry: str | None,
    me: str | None,
    contact: str,
    texts: tuple[str, ...],
    wait: float,
) -> tuple[int, str]:
    """Say the texts; give the exit code of `p2p send`, and why it is not 0.

    Raises NoSuchUser, with whoever was meant.
    """
    with our_side(settings, registry) as us:
        if not us.url.secure:
            raise UsageError(
                "the original dialect acknowledges nothing", advice=f"p2p chat {contact}"
            )
        username, contact = us.who_am_i(me), us.named(contact)
        with running_node(us.loop, settings, us, username) as running:
            if running is not None:
                exit_code, why = _have_delivered(running, contact, texts, wait)
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
        answer = running.ask(Send(contact, some, 0.0 if exit_code else wait))
        assert isinstance(answer, Sent)
        if answer.exit_code:
            exit_code, why = answer.exit_code, answer.why
        if answer.exit_code not in {0, ContactOffline.exit_code}:
            break
    return exit_code, why


def _deliver_ourselves(
    settings: Settings,
    us: OurSide,
    username: str,
    contact: str,
    texts: tuple[str, ...],
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

        deliveries.append(Delivery(us.loop, node, contact, texts, wait, done))

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
