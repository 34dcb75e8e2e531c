"""Lines are queued for a contact, and the registry's presence update was lost."""

import pytest

from tests.peer.chat.test_conversations import friends, texts
from tests.world import World


@pytest.fixture
def world(secure_world: World) -> World:
    """Return a world of the secure dialect."""
    return secure_world


def test_presence_is_polled_for_contacts_with_queued_lines(world: World) -> None:
    """If a presence update is lost, queued lines are still sent within minutes."""
    alice, bob = friends(world)
    bob.node.stop()
    world.settle()
    alice.node.conversations.outbox.queue("bob", ["hello"], lambda _: None, lambda _: None)
    world.settle()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(world.presence, "tell_watchers", lambda *_: None)
        bob = world.person("bob", "10.0.0.44")
        world.advance(5)
        assert texts(bob.told()) == []
        world.advance(130)
    assert texts(bob.told()) == ["hello"]
