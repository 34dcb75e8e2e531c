"""The control socket: one node an account, and others that use it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from p2pchat.errors import P2PError, Unreachable, UsageError
from p2pchat.net.loop import Loop
from p2pchat.net.unix_socket import dial_unix
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.control.client import control_link, socket_of
from p2pchat.peer.control.server import ControlServer
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.control import (
    Find,
    FindResult,
    Send,
    Sent,
    Status,
    StatusResult,
    Trusted,
    TrustedResult,
)
from p2pchat.protocol.messages import Answer, Presence, Request
from p2pchat.protocol.states import Speaker
from tests.peer.chat.test_conversations import friends, texts
from tests.world import World

FAR = 2**50
"""Milliseconds since the epoch: an order that is good for long."""


@pytest.fixture
def control(secure_world: World, tmp_path: Path) -> Iterator[ControlServer]:
    """The control socket of a node, at a real path."""
    with closing(ControlServer(secure_world.loop, tmp_path / "n.sock")) as server:
        yield server


def ask(world: World, path: Path, *requests: Request) -> list[Answer]:
    """Ask one after the other on one link, on the world's own loop and clock."""
    link = control_link(world.loop, dial_unix(world.loop, path), Speaker.DIALLER)
    answers: list[Answer] = []
    link.on_message = answers.append  # type: ignore[assignment]
    for n, request in enumerate(requests, start=1):
        link.send(request)
        for _ in range(1000):
            world.loop.run_once(0)
            if len(answers) == n:
                break
    link.close()
    for _ in range(5):
        world.loop.run_once(0)
    return answers


def test_others_use_the_node(secure_world: World, control: ControlServer, tmp_path: Path) -> None:
    """To send, to search, and to see how it stands."""
    alice, bob = friends(secure_world)
    hear = alice.node._on_event
    alice.node._on_event = lambda e: (hear(e), control.on_event(e))  # type: ignore[assignment]
    control.serve(alice.node, lambda *_: None, None)
    answers = ask(
        secure_world,
        tmp_path / "n.sock",
        Send("bob", ("hello",), ("a1",), 5.0, FAR),
        Send("al ice", ("x",), ("a2",), 5.0, FAR),
        Find("bob"),
        Find("nobody"),
        Status(),
    )
    assert answers[0] == Sent(0)
    assert isinstance(answers[1], Sent)
    assert answers[1].exit_code == 2
    assert isinstance(answers[2], FindResult)
    assert (answers[2].presence, answers[2].host) == (Presence.ONLINE, "10.0.0.3")
    assert answers[3] == FindResult(Presence.NOT_FOUND)
    url = str(secure_world.url)
    assert isinstance(answers[4], StatusResult)
    assert list(answers[4].links) == ["bob"]
    status = replace(answers[4], links={})
    assert status == StatusResult("alice", url, "online", ("bob",), {}, {}, {})
    assert [line.text for line in bob.node.unread("alice")] == ["hello"]


def test_a_second_process_is_told(control: ControlServer, loop: Loop, tmp_path: Path) -> None:
    """And takes over when the first has ended, however it ended."""
    with pytest.raises(UsageError, match="online already"):
        ControlServer(loop, tmp_path / "n.sock")
    control._lock.close()  # as by kill -9: the name stays
    second = ControlServer(loop, tmp_path / "n.sock")
    second.close()
    with pytest.raises((Unreachable, P2PError)):
        dial_unix(loop, tmp_path / "n.sock")


def test_each_account_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Short, whatever the account is called."""
    names = {
        socket_of(tmp_path, registry, username).name
        for registry in ("p2p://a", "p2p://b" + "b" * 200)
        for username in ("alice", "bob", "x" * 64)
    }
    assert len(names) == 6
    assert max(map(len, names)) < 30


def test_a_key_that_another_process_takes(
    secure_world: World, control: ControlServer, tmp_path: Path
) -> None:
    """The link with the old key ends, and what waited for it has failed: nothing goes there."""
    world = secure_world
    alice, bob = friends(world)
    control.serve(alice.node, lambda *_: None, None)
    bob.node.stop()
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
    answers = ask(world, tmp_path / "n.sock", Trusted("bob"), Trusted("bob"))
    assert answers == [TrustedResult(1), TrustedResult(0)]
    new_bob.told()
    alice.node.call("bob")
    world.settle()
    new_bob.node.accept()
    world.settle()
    alice.node.say("bob", "to the new one")
    world.settle()
    assert texts(new_bob.told()) == ["to the new one"]
