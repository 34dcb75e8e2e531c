"""/verify, /trust, /block, /mute and /dnd as they are typed."""

from collections.abc import Callable

import pytest

from p2pchat.errors import UsageError
from p2pchat.ui.screen.pending_orders import PendingOrders
from p2pchat.ui.screen.trust_orders import TrustOrders
from p2pchat.ui.text.commands import Order
from tests.peer.chat.test_conversations import friends
from tests.ui.screen.test_chat_app import Screen
from tests.world import Person, World, unread_at


def handlers_of(
    world: World, person: Person, screen: Screen, front: str | None
) -> Callable[[Order], None]:
    """Return a function that carries out an order and waits for its answer."""
    client = person.client()
    orders = PendingOrders(screen, lambda: client)
    trust = TrustOrders(screen, orders, lambda: front, lambda: not client.state.dnd)
    client.on_changed = trust.on_changed

    def do(order: Order) -> None:
        trust.handlers[order.word](order)
        world.settle()

    return do


def test_number_is_shown_before_it_is_verified(secure_world: World) -> None:
    """A contact can be verified only after the number was shown."""
    alice, _ = friends(secure_world)
    screen = Screen()
    do = handlers_of(secure_world, alice, screen, "bob")
    do(Order("verify", "bob", "yes"))
    assert screen.lines.pop().startswith("* look at the safety number of bob first")
    do(Order("verify", "bob"))
    do(Order("verify", "bob", "yes"))
    assert screen.lines[1:] == ["* if bob sees the same: /verify bob yes", "* bob is verified"]
    assert alice.node.contacts.get("bob").verified
    do(Order("trust", "bob"))
    assert screen.lines[-1] == "* no other key of bob has been seen"


def test_contact_is_blocked_and_unblocked(secure_world: World) -> None:
    """/block ends the conversation, and /unblock allows it again."""
    alice, _ = friends(secure_world)
    screen = Screen()
    do = handlers_of(secure_world, alice, screen, "bob")
    do(Order("block", "bob"))
    assert alice.node.contacts.get("bob").blocked
    assert alice.node.conversations.get("bob") is None
    do(Order("unblock", "bob"))
    assert not alice.node.contacts.get("bob").blocked
    assert screen.lines == ["* bob is blocked", "* bob is no longer blocked"]


def test_blocked_contact_is_disconnected(secure_world: World) -> None:
    """Blocking ends an open chat, and later calls are rejected."""
    alice, bob = friends(secure_world)
    bob.node.call("alice")
    secure_world.settle()
    handlers_of(secure_world, alice, Screen(), "bob")(Order("block", "bob"))
    secure_world.settle()
    alice.told()
    bob.node.conversations.outbox.queue("alice", ("let me in",), lambda _: None, lambda _: None)
    secure_world.advance(200)
    assert alice.told() == []
    assert unread_at(alice.node) == []


def test_contact_is_muted_and_unmuted(secure_world: World) -> None:
    """/mute applies for a while or for ever, by default to the open chat; `off` ends it."""
    alice, _ = friends(secure_world)
    view = Screen()
    lines = view.lines
    do = handlers_of(secure_world, alice, view, "bob")
    for order, muted, told in (
        (Order("mute", "bob", "8h"), True, "* bob makes no sound for 8h; /mute bob off"),
        (Order("mute", "bob", "off"), False, "* bob is no longer muted"),
        (Order("mute"), True, "* bob makes no sound; /mute bob off"),
        (Order("mute", "", "off"), False, "* bob is no longer muted"),
    ):
        do(order)
        assert alice.node.contacts.is_muted("bob") is muted
        assert lines[-1] == told
    with pytest.raises(UsageError, match="is not a duration"):
        do(Order("mute", "bob", "soon"))


def test_do_not_disturb_ends_after_its_time(secure_world: World) -> None:
    """/dnd with a time ends after it, and that is reported."""
    alice, _ = friends(secure_world)
    view = Screen()
    lines = view.lines
    do = handlers_of(secure_world, alice, view, None)
    do(Order("dnd", "30m"))
    assert lines == ["* callers hear that you are busy, for 30m"]
    secure_world.advance(30 * 60 + 1)
    assert lines[-1] == "* callers are let through"
    assert not alice.node.do_not_disturb.is_on
