"""Lines wait for somebody, and the registry's news of them was lost."""

import pytest

from tests.peer.chat.test_conversations import friends, texts
from tests.world import World


@pytest.fixture
def world(secure_world: World) -> World:
    """The secure dialect."""
    return secure_world


def test_where_somebody_is_for_whom_lines_wait_is_asked_again(world: World) -> None:
    """The registry's news was lost: the lines go out within minutes all the same."""
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
