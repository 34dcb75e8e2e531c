"""/verify, /trust and /block as they are typed."""

import pytest

from p2pchat.errors import UsageError
from p2pchat.ui.commands import Order
from p2pchat.ui.trust_orders import TrustOrders
from tests.peer.test_conversations import friends
from tests.ui.test_chat_app import Screen
from tests.world import World


def test_a_number_is_shown_before_it_is_taken(secure_world: World) -> None:
    """And the toolbar's word changes with it."""
    alice, _ = friends(secure_world)
    screen = Screen()
    handlers = TrustOrders(screen, lambda: alice.node).handlers
    with pytest.raises(UsageError):
        handlers["verify"](Order("verify", "bob", "yes"))
    handlers["verify"](Order("verify", "bob"))
    handlers["verify"](Order("verify", "bob", "yes"))
    assert screen.lines[1:] == ["* if bob sees the same: /verify bob yes", "* bob is verified"]
    assert alice.node.contacts.get("bob").verified
    with pytest.raises(UsageError):
        handlers["trust"](Order("trust", "bob"))


def test_blocking(secure_world: World) -> None:
    """And back."""
    alice, _ = friends(secure_world)
    screen = Screen()
    handlers = TrustOrders(screen, lambda: alice.node).handlers
    handlers["block"](Order("block", "bob"))
    assert alice.node.contacts.get("bob").blocked
    assert alice.node.conversations.get("bob") is None
    handlers["unblock"](Order("unblock", "bob"))
    assert not alice.node.contacts.get("bob").blocked
    assert screen.lines == ["* bob is blocked", "* bob is not blocked any more"]


def test_the_blocked_are_hung_up_on(secure_world: World) -> None:
    """In the middle of a chat; they are not heard, and their next call is rejected."""
    alice, bob = friends(secure_world)
    bob.node.call("alice")
    secure_world.settle()
    TrustOrders(Screen(), lambda: alice.node).handlers["block"](Order("block", "bob"))
    secure_world.settle()
    alice.told()
    bob.node.conversations.outbox.queue("alice", ("let me in",), lambda _: None, lambda _: None)
    secure_world.advance(200)
    assert alice.told() == []
    assert alice.node.unread() == []
