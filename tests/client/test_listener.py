"""The control socket: one node an account, and others that use it."""

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
from tests.client.conftest import Desk
from tests.peer.chat.test_conversations import texts


@pytest.fixture
def listener(loop: Loop, tmp_path: Path) -> Iterator[NodeListener]:
    """That of an account, at a real path."""
    with closing(NodeListener(loop, tmp_path / "n.sock")) as listener:
        yield listener


def test_a_second_process_is_told(listener: NodeListener, loop: Loop, tmp_path: Path) -> None:
    """And takes over when the first has ended."""
    with pytest.raises(UsageError, match="online already"):
        NodeListener(loop, tmp_path / "n.sock")
    listener.close()
    second = NodeListener(loop, tmp_path / "n.sock")
    second.close()
    with pytest.raises((Unreachable, P2PError)):
        dial_unix(loop, tmp_path / "n.sock")


def test_clients_come_and_go(desk: Desk) -> None:
    """The node stays, and has no session left."""
    clients = [desk.remote(follow=True, attended=True) for _ in range(3)]
    assert all(client.ask(GetStatus()).username == "alice" for client in clients)
    assert desk.alice.clients.attended
    for client in clients:
        client.close()
    desk.turn(lambda: not desk.alice.clients.attended)
    assert desk.node.standing.value == "online"


def test_a_client_that_vanishes_leaves_what_it_alone_had_open(desk: Desk) -> None:
    """As kill -9 does it: the contact sees that nobody is there any more."""
    link = control_link(desk.world.loop, dial_unix(desk.world.loop, desk.path), Speaker.DIALLER)
    link.on_message = lambda _: None
    link.send(Hello(follow=True, attended=True))
    desk.turn(lambda: link.may_send(Ordered))
    link.send(Ordered(1, Open("bob")))
    desk.turn(lambda: desk.node.conversations.get("bob") is not None)
    conversation = desk.node.conversations.get("bob")
    assert conversation is not None
    desk.turn(lambda: conversation.wished)
    link.abort()
    desk.turn(lambda: not conversation.wished)
    assert not desk.alice.clients.attended


def test_who_comes_before_the_node_is_greeted_then(loop: Loop, desk: Desk, tmp_path: Path) -> None:
    """A command that is as quick as that waits; it is not refused."""
    world = desk.world
    with closing(NodeListener(world.loop, tmp_path / "other.sock")) as early:
        world.loop.call_soon(lambda: world.loop.call_soon(lambda: early.serve(desk.alice.clients)))
        client = SocketClient(world.loop, tmp_path / "other.sock", Hello())
        assert client.username == "alice"
        client.close()
        world.settle()


def test_a_key_that_another_process_takes(desk: Desk, tmp_path: Path) -> None:
    """The link with the old key ends, and what waited for it has failed: nothing goes there."""
    world, alice = desk.world, desk.alice
    desk.bob.node.stop()
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
    client = desk.remote()
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


def test_an_answer_that_does_not_fit_is_a_failure(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client is told so, and goes on: its link is as it was."""
    status = GetStatus()
    links = {f"contact{n}": "x" * 1000 for n in range(9000)}
    monkeypatch.setattr(type(desk.node.conversations), "links", links)
    client = desk.remote()
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
def test_what_is_no_greeting_costs_its_own_link(desk: Desk, data: bytes) -> None:
    """Whatever bytes a program of the user's writes there: the next client is greeted."""
    wire = dial_unix(desk.world.loop, desk.path)
    ended: list[object] = []
    wire.on_closed = ended.append
    wire.write(data)
    desk.turn(lambda: bool(ended))
    client = desk.remote()
    assert client.ask(GetStatus()).internal_errors == 0
    client.close()


def test_an_order_that_nobody_knows_costs_its_own_link(desk: Desk) -> None:
    """As of a program that speaks the protocol by itself, and wrongly."""
    link = control_link(desk.world.loop, dial_unix(desk.world.loop, desk.path), Speaker.DIALLER)
    heard: list[object] = []
    link.on_message = heard.append
    ended: list[object] = []
    link.on_closed = ended.append
    link.send(Hello())
    desk.turn(lambda: bool(heard))
    for number, order in ((1, Open("bob")), (1, Open("\0not a name"))):  # and a number twice
        link.send(Ordered(number, order))
    desk.turn(lambda: len(heard) == 3)
    assert ended == []
    payload = b'{"number":3,"order":{"order":"format the disk"}}'
    wire = dial_unix(desk.world.loop, desk.path)
    wire.on_closed = ended.append
    wire.write(b"2         HELLO          {}" + str(len(payload)).encode().ljust(10))
    wire.write(b"ORDER          " + payload)
    desk.turn(lambda: bool(ended))
    assert desk.remote().ask(GetStatus()).username == "alice"
    link.close()
