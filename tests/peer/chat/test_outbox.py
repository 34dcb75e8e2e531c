"""Lines said without a chat: cancelled, retried, and shown only once."""

import pytest

from p2pchat.callbacks import ignore
from p2pchat.errors import P2PError, StorageError, UsageError
from p2pchat.net.link import Link
from p2pchat.peer.chat.conversation import Conversation
from p2pchat.protocol.client.events import OutboxFailed
from p2pchat.protocol.client.lines import LineState
from p2pchat.protocol.talk import Ack
from p2pchat.storage import SqliteFile
from tests.peer.chat.test_conversations import A, B, friends, states, texts
from tests.world import World

NOTHING = "nothing for bob has failed or is missing there"


class Friends:
    """Alice, who sends lines, and bob, who comes and goes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.alice, self.bob = friends(world)
        self.kept: list[int] = []
        self.failed: list[P2PError] = []

    def queue(self, *said: str) -> None:
        outbox = self.alice.node.conversations.outbox
        outbox.queue("bob", said, self.kept.append, self.failed.append)
        self.world.settle()

    def retry(self) -> None:
        outbox = self.alice.node.conversations.outbox
        outbox.queue_again("bob", self.kept.append, self.failed.append)
        self.world.settle()

    def cancel(self) -> int:
        counts: list[int] = []
        outbox = self.alice.node.conversations.outbox
        outbox.cancel("bob", lambda count, _: counts.append(count), ignore)
        self.world.settle()
        (count,) = counts
        return count

    @property
    def waiting(self) -> int | None:
        chat = self.alice.node.chat("bob")
        return None if chat is None else chat.waiting

    def link(self) -> Link:
        """Give alice's end of a link with bob."""
        self.alice.node.call("bob")
        self.world.settle()
        conversation = self.alice.node.conversations.get("bob")
        assert isinstance(conversation, Conversation)
        assert conversation.link is not None
        return conversation.link

    def bob_goes(self) -> None:
        self.bob.node.stop()
        self.world.advance(2)

    def bob_comes(self) -> list[str]:
        """Start bob and return the texts that he received."""
        self.bob = self.world.person("bob", B)
        self.world.advance(120)
        return texts(self.bob.told())

    def start_alice_again(self) -> None:
        """Restart alice with nothing but what is on her disk."""
        self.alice.node.stop()
        self.world.settle()
        self.alice = self.world.person("alice", A)
        self.world.settle()


@pytest.fixture
def they(secure_world: World) -> Friends:
    return Friends(secure_world)


def test_cancelled_lines_are_not_delivered(they: Friends) -> None:
    """Cancelled lines are reported and not delivered; later lines are."""
    they.bob_goes()
    they.queue("one", "two")
    they.alice.told()
    assert they.cancel() == 2
    (told,) = they.alice.told()
    assert isinstance(told, OutboxFailed)
    assert (told.contact, told.count) == ("bob", 2)
    assert they.waiting == 0
    assert they.cancel() == 0
    assert they.alice.told() == []
    they.queue("three")
    assert they.waiting == 1
    assert they.bob_comes() == ["three"]
    assert states(they.alice, "bob") == [LineState.FAILED] * 2 + [LineState.DELIVERED]
    assert they.waiting == 0


def test_retry_sends_failed_lines_once(they: Friends) -> None:
    """Failed lines are sent again once, also after a restart; then nothing is left to retry."""
    they.bob_goes()
    they.queue("one", "two")
    they.cancel()
    they.start_alice_again()
    they.retry()
    assert states(they.alice, "bob") == [LineState.QUEUED] * 2
    assert they.waiting == 2
    they.start_alice_again()
    assert they.waiting == 2
    assert they.bob_comes() == ["one", "two"]
    assert states(they.alice, "bob") == [LineState.DELIVERED] * 2
    they.retry()
    assert [error.what for error in they.failed] == [
        "nothing for bob has failed or is missing there"
    ]


def test_second_retry_finds_nothing(they: Friends) -> None:
    """Retrying twice, even in one turn, sends the lines once."""
    they.bob_goes()
    they.queue("one")
    they.cancel()
    outbox = they.alice.node.conversations.outbox
    for _ in range(2):
        outbox.queue_again("bob", they.kept.append, they.failed.append)
    they.world.settle()
    assert states(they.alice, "bob") == [LineState.QUEUED]
    assert [error.what for error in they.failed] == [
        "nothing for bob has failed or is missing there"
    ]
    assert they.bob_comes() == ["one"]


def test_retry_on_a_full_disk_can_be_repeated(
    they: Friends, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk fails, the line stays failed and can be retried later."""
    they.bob_goes()
    they.queue("one")
    they.cancel()
    with monkeypatch.context() as patch:
        patch.setattr(SqliteFile, "many", _no_disk)  # after what is to be replaced was deleted
        they.retry()
    assert states(they.alice, "bob") == [LineState.FAILED]
    they.retry()
    assert they.bob_comes() == ["one"]


def _no_disk(*_: object, **__: object) -> None:
    raise StorageError("the disk is full")


def test_line_on_its_way_cannot_be_cancelled(
    they: Friends, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that was sent but not yet acknowledged cannot be cancelled."""
    link = they.link()
    with monkeypatch.context() as patch:
        hear = link.on_message
        patch.setattr(link, "on_message", lambda m: None if isinstance(m, Ack) else hear(m))
        they.queue("one")
        assert they.waiting == 1
        assert they.cancel() == 0
    they.queue("two")
    assert states(they.alice, "bob") == [LineState.DELIVERED] * 2


def test_retried_line_that_had_arrived_is_shown_once(they: Friends) -> None:
    """The recipient recognizes a line by its id and does not show it again."""
    link = they.link()
    hear = link.on_message
    link.on_message = lambda m: None if isinstance(m, Ack) else hear(m)
    they.queue("one")
    assert texts(they.bob.told()) == ["one"]
    they.bob_goes()
    assert they.cancel() == 1
    assert states(they.alice, "bob") == [LineState.FAILED]
    they.retry()
    assert they.bob_comes() == []
    assert states(they.alice, "bob") == [LineState.DELIVERED]


def test_invalid_name_is_refused(they: Friends) -> None:
    """A line to an invalid name is refused at once."""
    outbox = they.alice.node.conversations.outbox
    with pytest.raises(UsageError):
        outbox.queue("al ice", ("x",), they.kept.append, they.failed.append)
