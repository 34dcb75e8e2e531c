"""The control socket: one node per account, shared by other processes."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.client.listener import NodeListener
from p2pchat.client.socket_client import SocketClient, control_link
from p2pchat.errors import P2PError, Unreachable, UsageError
from p2pchat.net.loop import Loop
from p2pchat.net.unix_socket import dial_unix
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.client.messages import Hello, Ordered
from p2pchat.protocol.client.orders import Count, GetStatus, Open, UseNewKey
from p2pchat.protocol.states import Speaker
from tests.client.conftest import Setup
from tests.peer.chat.test_conversations import texts


@pytest.fixture
def listener(loop: Loop, tmp_path: Path) -> Iterator[NodeListener]:
    """Yield the listener of an account at a real path."""
    with closing(NodeListener(loop, tmp_path / "n.sock")) as listener:
        yield listener


def test_second_node_is_refused(listener: NodeListener, loop: Loop, tmp_path: Path) -> None:
    """A second node of an account is refused until the first has ended."""
    with pytest.raises(UsageError, match="online already"):
        NodeListener(loop, tmp_path / "n.sock")
    listener.close()
    second = NodeListener(loop, tmp_path / "n.sock")
    second.close()
    with pytest.raises((Unreachable, P2PError)):
        dial_unix(loop, tmp_path / "n.sock")


def test_clients_come_and_go(setup: Setup) -> None:
    """The node stays online when its clients leave, and forgets their sessions."""
    clients = [setup.remote(follow=True, attended=True) for _ in range(3)]
    assert all(client.ask(GetStatus()).username == "alice" for client in clients)
    assert setup.alice.clients.attended
    for client in clients:
        client.close()
    setup.turn(lambda: not setup.alice.clients.attended)
    assert setup.node.standing.value == "online"


def test_client_that_vanishes_leaves_its_conversations(setup: Setup) -> None:
    """If a client is killed, the conversations that only it had open are left."""
    link = control_link(setup.world.loop, dial_unix(setup.world.loop, setup.path), Speaker.DIALLER)
    link.on_message = lambda _: None
    link.send(Hello(follow=True, attended=True))
    setup.turn(lambda: link.may_send(Ordered))
    link.send(Ordered(1, Open("bob")))
    setup.turn(lambda: setup.node.conversations.get("bob") is not None)
    conversation = setup.node.conversations.get("bob")
    assert conversation is not None
    setup.turn(lambda: conversation.wished)
    link.abort()
    setup.turn(lambda: not conversation.wished)
    assert not setup.alice.clients.attended


def test_client_that_connects_early_is_greeted_later(
    loop: Loop, setup: Setup, tmp_path: Path
) -> None:
    """A client that connects before the node is ready waits for the greeting."""
    world = setup.world
    with closing(NodeListener(world.loop, tmp_path / "other.sock")) as early:
        world.loop.call_soon(lambda: world.loop.call_soon(lambda: early.serve(setup.alice.clients)))
        client = SocketClient(world.loop, tmp_path / "other.sock", Hello())
        assert client.username == "alice"
        client.close()
        world.settle()


def test_key_trusted_by_another_process(setup: Setup, tmp_path: Path) -> None:
    """The link with the old key ends and its queued lines fail; none is sent to the new key."""
    world, alice = setup.world, setup.alice
    setup.bob.node.stop()
    world.advance(3)
    alice.node.call("bob")
    world.settle()
    alice.node.say("bob", "to the old one")
    new_bob = world.person("bob", "10.0.0.9", home=world.home("bob's new machine"))
    world.settle()
    with closing(Profile(tmp_path / "home-alice" / "profile.sqlite3")) as profile:
        contacts = Contacts(profile, str(world.url), alice.home.identity.public)
        assert contacts.other_number("bob")
        contacts.trust("bob")
    client = setup.remote()
    assert [client.ask(UseNewKey("bob")) for _ in range(2)] == [Count(1), Count(0)]
    client.close()
    new_bob.told()
    alice.node.call("bob")
    world.settle()
    new_bob.node.accept()
    world.settle()
    alice.node.say("bob", "to the new one")
    world.settle()
    assert texts(new_bob.told()) == ["to the new one"]


def test_answer_that_is_too_long_is_an_error(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client gets an error, and its link stays usable."""
    status = GetStatus()
    links = {f"contact{n}": "x" * 1000 for n in range(9000)}
    monkeypatch.setattr(type(setup.node.conversations), "links", links)
    client = setup.remote()
    with pytest.raises(P2PError, match="the answer is too long"):
        client.ask(status)
    monkeypatch.undo()
    assert client.ask(status).username == "alice"
    client.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 100,
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"2         ORDER          {}",
        b"9999999999HELLO          {",
        b'14        HELLO          {"protocol":"x"',
        b"2         HELLO          []",
        b'17        HELLO          {"protocol":2}xx4',
    ],
)
def test_malformed_greeting_closes_only_its_own_link(setup: Setup, data: bytes) -> None:
    """Malformed bytes on the control socket close only their own link."""
    wire = dial_unix(setup.world.loop, setup.path)
    ended: list[object] = []
    wire.on_closed = ended.append
    wire.write(data)
    setup.turn(lambda: bool(ended))
    client = setup.remote()
    assert client.ask(GetStatus()).internal_errors == 0
    client.close()


def test_unknown_order_closes_only_its_own_link(setup: Setup) -> None:
    """An unknown order closes only the link of the program that sent it."""
    link = control_link(setup.world.loop, dial_unix(setup.world.loop, setup.path), Speaker.DIALLER)
    heard: list[object] = []
    link.on_message = heard.append
    ended: list[object] = []
    link.on_closed = ended.append
    link.send(Hello())
    setup.turn(lambda: bool(heard))
    for number, order in (
        (1, Open("bob")),
        (1, Open("\0not a name")),
    ):  # the second reuses a number
        link.send(Ordered(number, order))
    setup.turn(lambda: len(heard) == 3)
    assert ended == []
    payload = b'{"number":3,"order":{"order":"format the disk"}}'
    wire = dial_unix(setup.world.loop, setup.path)
    wire.on_closed = ended.append
    wire.write(b"2         HELLO          {}" + str(len(payload)).encode().ljust(10))
    wire.write(b"ORDER          " + payload)
    setup.turn(lambda: bool(ended))
    assert setup.remote().ask(GetStatus()).username == "alice"
    link.close()
