"""/verify, /trust and /block as they are typed."""

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
    """Return what does an order at a person's node, and lets its answer come."""
    client = person.client()
    orders = PendingOrders(screen, lambda: client)
    trust = TrustOrders(screen, orders, lambda: front, lambda: not client.state.dnd)
    client.on_changed = trust.on_changed

    def do(order: Order) -> None:
        trust.handlers[order.word](order)
        world.settle()

    return do


def test_a_number_is_shown_before_it_is_taken(secure_world: World) -> None:
    """And the toolbar's word changes with it."""
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


def test_blocking(secure_world: World) -> None:
    """And back."""
    alice, _ = friends(secure_world)
    screen = Screen()
    do = handlers_of(secure_world, alice, screen, "bob")
    do(Order("block", "bob"))
    assert alice.node.contacts.get("bob").blocked
    assert alice.node.conversations.get("bob") is None
    do(Order("unblock", "bob"))
    assert not alice.node.contacts.get("bob").blocked
    assert screen.lines == ["* bob is blocked", "* bob is no longer blocked"]


def test_the_blocked_are_hung_up_on(secure_world: World) -> None:
    """In the middle of a chat; they are not heard, and their next call is rejected."""
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


def test_a_muted_contact_makes_no_sound(secure_world: World) -> None:
    """For a while, for ever, or the one in front; /mute NAME off takes it back."""
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


def test_not_to_be_disturbed_for_a_while(secure_world: World) -> None:
    """It ends by itself, and is said then."""
    alice, _ = friends(secure_world)
    view = Screen()
    lines = view.lines
    do = handlers_of(secure_world, alice, view, None)
    do(Order("dnd", "30m"))
    assert lines == ["* callers hear that you are busy, for 30m"]
    secure_world.advance(30 * 60 + 1)
    assert lines[-1] == "* callers are let through"
    assert not alice.node.do_not_disturb.is_on
