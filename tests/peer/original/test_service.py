"""The original dialect in a node that also speaks the secure one."""

import pytest

from p2pchat.errors import NotTrusted, StorageError, UsageError
from p2pchat.peer.store.thread import Thread
from p2pchat.protocol.client.events import CallFailed, Said, TextReceived, Trouble
from p2pchat.protocol.client.lines import LineState
from p2pchat.ui.text.render import kept_lines
from tests.world import Person, World

A, B = "10.0.0.2", "10.0.0.3"


@pytest.mark.parametrize("name", ["bob", "nobody"])
def test_user_with_a_key_is_not_called_in_clear(secure_world: World, name: str) -> None:
    """A user with a key is not called in clear, even if asked for, so no chat is in clear by
    mistake.
    """
    world = secure_world
    alice, _ = world.person("alice", A), world.person("bob", B)
    alice.told()
    alice.node.call(name, in_clear=True)
    world.settle()
    (failed,) = alice.told()
    assert isinstance(failed, CallFailed)
    assert isinstance(failed.error, NotTrusted) is (name == "bob")


def chatting(world: World) -> tuple[Person, Person]:
    """Return alice and bob in a chat in clear."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    bob.node.accept()
    world.settle()
    return alice, bob


def test_texts_in_clear_are_in_the_history(original_world: World) -> None:
    """Both sides keep texts sent in clear, marked as such, neither queued nor unread."""
    alice, bob = chatting(original_world)
    alice.say("pizza on friday?")
    original_world.settle()
    bob.say("gladly")
    original_world.settle()
    for person, contact, states in (
        (alice, "bob", [LineState.SENT, LineState.HEARD]),
        (bob, "alice", [LineState.HEARD, LineState.SENT]),
    ):
        history = person.node.history
        lines = history.lines(contact)
        assert [line.text for line in lines] == ["pizza on friday?", "gladly"]
        assert [line.state for line in lines] == states
        assert [line.text for line in history.lines(words="friday")] == ["pizza on friday?"]
        assert history.unread() == history.waiting() == {}
    shown = kept_lines(alice.node.history.lines("bob")[0], "alice", whole=True)
    assert shown[0].endswith("alice to bob: pizza on friday?  (sent in clear)")
    shown = kept_lines(alice.node.history.lines("bob")[1], "alice", whole=True)
    assert shown[0].endswith("bob: gladly  (in clear)")


def test_failing_history_does_not_end_the_chat(
    original_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the history cannot be written, the user is told and the text is sent anyway."""
    alice, bob = chatting(original_world)

    def full(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(Thread, "keep_clear", full)
    alice.told()
    alice.say("hello")
    original_world.settle()
    assert [type(event) for event in alice.told()] == [Trouble, Said]
    assert TextReceived("alice", "hello") in bob.told()


def test_one_chat_at_a_time(original_world: World) -> None:
    """In the original dialect there is one chat; others can be neither left nor written to."""
    alice, _ = chatting(original_world)
    assert list(alice.node.chats) == ["bob"]
    assert alice.node.chat("carol") is None
    assert alice.node.has_room("carol")
    assert not alice.node.leave("carol")
    with pytest.raises(UsageError, match="in no chat with carol"):
        alice.node.say("carol", "hello")
    with pytest.raises(UsageError, match="in a chat with bob"):
        alice.node.call("carol")
    assert list(alice.node.chats) == ["bob"]
