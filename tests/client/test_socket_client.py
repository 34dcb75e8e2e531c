"""A client on the control socket: what may go wrong between two processes."""

from pathlib import Path

import pytest

from p2pchat.client.socket_client import SocketClient, socket_of
from p2pchat.errors import LinkLost, NodeEnded, P2PError, TimedOut, Unreachable, UsageError
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.protocol.client.messages import Hello
from p2pchat.protocol.client.orders import Done, GetStatus, Open, Say
from p2pchat.protocol.messages import Message
from tests.client.conftest import Desk
from tests.world import World


def test_each_account_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Short, whatever the account is called."""
    names = {
        socket_of(tmp_path, registry, username).name
        for registry in ("p2p://a", "p2p://b" + "b" * 200)
        for username in ("alice", "bob", "x" * 64)
    }
    assert len(names) == 6
    assert max(map(len, names)) < 30


def test_no_node(loop: Loop, tmp_path: Path) -> None:
    """None listens."""
    with pytest.raises(Unreachable):
        SocketClient(loop, tmp_path / "n.sock")


def test_a_question_and_its_answer(desk: Desk) -> None:
    """Without callbacks, for a command."""
    client = desk.remote()
    assert client.ask(GetStatus()).username == "alice"
    assert client.ask(Open("bob")) == Done()
    with pytest.raises(UsageError, match="no chat with eve"):
        client.ask(Say("eve", "hi"))
    client.close()


def test_a_node_that_ends_is_told(desk: Desk) -> None:
    """Orders without an answer have failed before, and `ask` says so too."""
    client = desk.remote(follow=True)
    told: list[P2PError] = []
    client.on_closed = told.append
    client.begin()
    client.order(GetStatus(), failed=told.append)
    desk.listener.close()
    desk.turn(lambda: len(told) == 2)
    assert isinstance(told[0], LinkLost)
    assert isinstance(told[1], NodeEnded)
    assert not client.is_open
    with pytest.raises(LinkLost):
        client.ask(GetStatus())


def test_a_node_that_ends_as_it_greets(desk: Desk) -> None:
    """What it says after its greeting is heard, although both come at once."""
    greeted = desk.listener._greeted

    def greet_and_end(link: Link, hello: Message) -> None:
        greeted(link, hello)
        desk.listener.close()

    desk.listener._greeted = greet_and_end  # type: ignore[method-assign]
    client = desk.remote(follow=True)
    with pytest.raises(LinkLost):
        client.ask(GetStatus())
    assert not client.is_open


def test_a_node_that_hangs_is_named(desk: Desk, secure_world: World) -> None:
    """It gives no sign of life: the client that follows it is told which process that is."""
    client = desk.remote(follow=True)
    told: list[P2PError] = []
    client.on_closed = told.append
    client.begin()
    hung: list[None] = []
    desk.world.loop.call_later(9, lambda: hung.append(None))
    for end in tuple(desk.listener._ends):  # the node's process, stopped
        assert end._sign is not None
        end._sign.cancel()
    secure_world.advance(11)
    assert hung
    assert isinstance(told[0], TimedOut)
    assert "does not answer" in told[0].what
    assert "kill -CONT" in told[0].advice


def test_a_node_of_another_version_says_so(desk: Desk) -> None:
    """With both versions and what to do; nothing is guessed."""
    with pytest.raises(UsageError, match=r"version 2 .* command 7") as caught:
        SocketClient(desk.world.loop, desk.path, Hello(protocol=7))
    assert "start it again" in caught.value.advice
