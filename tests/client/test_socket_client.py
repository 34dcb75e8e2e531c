"""A client on the control socket: what may go wrong between two processes."""

from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.client.socket_client import SocketClient, control_link, socket_of
from p2pchat.errors import LinkLost, NodeEnded, P2PError, TimedOut, Unreachable, UsageError
from p2pchat.net.loop import Loop
from p2pchat.net.transport import Wire
from p2pchat.net.unix_socket import UnixListener
from p2pchat.protocol.client.messages import Alive, Answered, Bye, Hello, Welcome
from p2pchat.protocol.client.orders import Done, GetStatus, Open, Say
from p2pchat.protocol.client.state import NodeState
from p2pchat.protocol.messages import Message
from p2pchat.protocol.states import Speaker
from tests.client.conftest import Desk
from tests.fakes import advance


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
    assert isinstance(told[0], NodeEnded)
    assert isinstance(told[1], LinkLost)
    assert not client.is_open
    with pytest.raises(LinkLost):
        client.ask(GetStatus())


class ScriptedNode:
    """A node that greets its client, and then says what it is given to say, and nothing more."""

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


def test_a_node_that_ends_as_it_greets(loop: Loop, tmp_path: Path) -> None:
    """What it says after its greeting is heard, although both come at once."""
    with closing(ScriptedNode(loop, tmp_path / "n.sock", Bye())) as node:
        client = SocketClient(loop, tmp_path / "n.sock", Hello(follow=True))
        with pytest.raises(LinkLost):
            client.ask(GetStatus())
        assert not client.is_open
        node.link.close()


def test_a_node_that_hangs_is_named(loop: Loop, tmp_path: Path) -> None:
    """It gives no sign of life: the client that follows it is told which process that is."""
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


def test_a_node_of_another_version_says_so(desk: Desk) -> None:
    """With both versions and what to do; nothing is guessed."""
    with pytest.raises(UsageError, match=r"version 2 .* command 7") as caught:
        SocketClient(desk.world.loop, desk.path, Hello(protocol=7))
    assert "restart it" in caught.value.advice


def test_an_answer_that_comes_too_late_is_no_bug(loop: Loop, tmp_path: Path) -> None:
    """Nobody waits for it any more; the next one is heard."""
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


def test_an_owner_that_closes_when_the_node_ends_is_told_no_more(desk: Desk) -> None:
    """It knows by then; what it had ordered is not failed one by one."""
    client = desk.remote(follow=True)
    told: list[P2PError] = []

    def ended(error: P2PError) -> None:
        told.append(error)
        client.close()

    client.on_closed = ended
    client.order(GetStatus(), failed=told.append)
    desk.listener.close()
    desk.turn(lambda: bool(told))
    assert [type(error) for error in told] == [NodeEnded]


def test_an_order_at_a_node_that_hangs_fails_with_its_name(loop: Loop, tmp_path: Path) -> None:
    """When its signs of life stop, however long the order may take; so does the next one."""
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
