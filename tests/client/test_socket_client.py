"""A client on the control socket, and what can go wrong between two processes."""

from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.client.socket_client import SocketClient, control_link, socket_of
from p2pchat.errors import LinkLost, NodeEnded, P2PError, TimedOut, Unreachable, UsageError
from p2pchat.net.loop import Loop
from p2pchat.net.transport import Wire
from p2pchat.net.unix_socket import UnixListener
from p2pchat.protocol.client.messages import Alive, Answered, Bye, Hello, Welcome
from p2pchat.protocol.client.node_order import Done
from p2pchat.protocol.client.orders import GetStatus, Open, Say
from p2pchat.protocol.client.state import NodeState
from p2pchat.protocol.messages import Message
from p2pchat.protocol.states import Speaker
from tests.client.conftest import Setup
from tests.fakes import advance


def test_each_account_has_its_own_socket_name(tmp_path: Path) -> None:
    """Socket names are short and differ for each registry and account."""
    names = {
        socket_of(tmp_path, registry, username).name
        for registry in ("p2p://a", "p2p://b" + "b" * 200)
        for username in ("alice", "bob", "x" * 64)
    }
    assert len(names) == 6
    assert max(map(len, names)) < 30


def test_missing_node_is_unreachable(loop: Loop, tmp_path: Path) -> None:
    """Connecting without a node raises Unreachable."""
    with pytest.raises(Unreachable):
        SocketClient(loop, tmp_path / "n.sock")


def test_ask_returns_the_answer(setup: Setup) -> None:
    """ask() returns the answer or raises the error of an order, without callbacks."""
    client = setup.remote()
    assert client.ask(GetStatus()).username == "alice"
    assert client.ask(Open("bob")) == Done()
    with pytest.raises(UsageError, match="no chat with eve"):
        client.ask(Say("eve", "hi"))
    client.close()


def test_end_of_the_node_is_reported(setup: Setup) -> None:
    """The end is reported first, then pending orders fail; later calls raise LinkLost."""
    client = setup.remote(follow=True)
    told: list[P2PError] = []
    client.on_closed = told.append
    client.begin()
    client.order(GetStatus(), failed=told.append)
    setup.listener.close()
    setup.turn(lambda: len(told) == 2)
    assert isinstance(told[0], NodeEnded)
    assert isinstance(told[1], LinkLost)
    assert not client.is_open
    with pytest.raises(LinkLost):
        client.ask(GetStatus())


class ScriptedNode:
    """A node that greets its client and then sends only scripted messages."""

    def __init__(self, loop: Loop, path: Path, *says: Message) -> None:
        self._says = says
        self._listener = UnixListener(loop, path, lambda wire: self._came(loop, wire))

    def close(self) -> None:
        self._listener.close()

    def _came(self, loop: Loop, wire: Wire) -> None:
        self.link = control_link(loop, wire, Speaker.LISTENER)
        self.link.on_message = lambda _: self._greet()

    def _greet(self) -> None:
        self.link.on_message = lambda _: None
        greeting = Welcome(2, "0", "alice", "p2p://r", True, False, (), {}, NodeState())
        for message in (greeting, *self._says):
            self.link.send(message)


def test_node_that_ends_right_after_its_greeting(loop: Loop, tmp_path: Path) -> None:
    """A message that arrives together with the greeting is processed."""
    with closing(ScriptedNode(loop, tmp_path / "n.sock", Bye())) as node:
        client = SocketClient(loop, tmp_path / "n.sock", Hello(follow=True))
        with pytest.raises(LinkLost):
            client.ask(GetStatus())
        assert not client.is_open
        node.link.close()


def test_hung_node_is_named(loop: Loop, tmp_path: Path) -> None:
    """A client that hears no sign of life is told which process hangs."""
    with closing(ScriptedNode(loop, tmp_path / "n.sock", Alive())) as node:
        client = SocketClient(loop, tmp_path / "n.sock", Hello(follow=True))
        told: list[P2PError] = []
        client.on_closed = told.append
        client.begin()
        advance(loop, 9)
        assert told == []
        advance(loop, 2)
        assert isinstance(told[0], TimedOut)
        assert "does not answer" in told[0].what
        assert "kill -CONT" in told[0].advice
        node.link.close()


def test_other_protocol_version_is_refused(setup: Setup) -> None:
    """The error names both versions and what to do."""
    with pytest.raises(UsageError, match=r"version 2 .* command 7") as caught:
        SocketClient(setup.world.loop, setup.path, Hello(protocol=7))
    assert "restart it" in caught.value.advice


def test_late_answer_is_ignored(loop: Loop, tmp_path: Path) -> None:
    """An answer after its timeout is ignored, and the next one is processed."""
    with closing(ScriptedNode(loop, tmp_path / "n.sock")) as node:
        client = SocketClient(loop, tmp_path / "n.sock", Hello(follow=True))
        loop.call_soon(lambda: loop.call_soon(lambda: None))
        with pytest.raises(TimedOut):
            client.ask(GetStatus(), timeout=0)
        node.link.send(Answered(1, Done()))
        told: list[Done] = []
        client.order(Open("bob"), told.append)
        node.link.send(Answered(2, Done()))
        while not told:
            loop.run_once(0)
        client.close()
        node.link.close()


def test_owner_that_closes_in_on_closed_is_told_once(setup: Setup) -> None:
    """An owner that closes the client when the node ends gets no further errors."""
    client = setup.remote(follow=True)
    told: list[P2PError] = []

    def ended(error: P2PError) -> None:
        told.append(error)
        client.close()

    client.on_closed = ended
    client.order(GetStatus(), failed=told.append)
    setup.listener.close()
    setup.turn(lambda: bool(told))
    assert [type(error) for error in told] == [NodeEnded]


def test_order_to_a_hung_node_fails(loop: Loop, tmp_path: Path) -> None:
    """Pending and later orders fail with the process named once signs of life stop."""
    with closing(ScriptedNode(loop, tmp_path / "n.sock", Alive())) as node:
        client = SocketClient(loop, tmp_path / "n.sock", Hello(follow=True))
        told: list[P2PError] = []
        client.order(GetStatus(), failed=told.append)
        advance(loop, 11)
        client.order(GetStatus(), failed=told.append)
        advance(loop, 1)
        assert [type(error) for error in told] == [TimedOut, TimedOut]
        assert all("does not answer" in error.what for error in told)
        node.link.close()
