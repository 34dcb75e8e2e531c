"""The peer server: strangers that are silent, send nonsense, or send at the wrong time."""

import gc
import socket
from typing import Any

import pytest

from p2pchat.net.endpoints import SocketNetwork
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.net.worker import ThreadWorker
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.calls.peer_links import SecureLinks
from p2pchat.peer.calls.peer_server import PeerServer
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import Called, CallTurnedAway, TextReceived
from p2pchat.protocol.messages import Message
from p2pchat.protocol.original import ORIGINAL
from p2pchat.protocol.talk import ChatReply, ChatRequest, ChatText, Reply
from tests.fakes import MemoryTransport, wire
from tests.world import Person, World

A, B = "10.0.0.2", "10.0.0.3"

MAX_SILENT_LINKS = PeerLimits().silent_links
MAX_SILENT_LINKS_PER_HOST = PeerLimits().silent_links_per_host
SPEAK_TIMEOUT = PeerLimits().speak_timeout


class Stranger:
    """A raw connection to a person's peer server."""

    def __init__(self, world: World, person: Person, host: str) -> None:
        self.world = world
        self.closed = False
        self.heard = b""
        (address,) = [a for a in world.internet.listeners if a.host == person.host]
        world.internet.machine(host).dial(address, 5, self._connected, lambda e: None)
        world.settle()

    def say(self, *messages: Message) -> bytes:
        return self.send(b"".join(map(ORIGINAL.encode, messages)))

    def send(self, data: bytes) -> bytes:
        self.transport.write(data)
        self.world.settle()
        return self.heard

    def _connected(self, transport: MemoryTransport) -> None:
        self.transport = transport
        transport.on_data = self._on_data
        transport.on_closed = self._on_closed

    def _on_data(self, data: bytes) -> None:
        self.heard += data

    def _on_closed(self, _: object) -> None:
        self.closed = True


def test_silent_stranger_is_disconnected_in_time(original_world: World) -> None:
    """A stranger that sends nothing is disconnected, unless there is a chat with that host."""
    world = original_world
    alice = world.person("alice", A)
    stranger = Stranger(world, alice, "10.0.0.9")
    world.advance(SPEAK_TIMEOUT - 1)
    assert not stranger.closed
    world.advance(2)
    assert stranger.closed


def test_contact_may_be_silent(original_world: World) -> None:
    """The connection back of a chat may stay silent for as long as the contact types nothing."""
    world = original_world
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.settle()
    bob.node.accept()
    world.advance(100)
    bob.say("at last")
    world.settle()
    assert TextReceived("bob", "at last") in alice.events


def test_silent_hosts_cannot_keep_callers_out(original_world: World) -> None:
    """Silent links are limited per host and in total, and the oldest gives way."""
    world = original_world
    alice = world.person("alice", A)
    silent = [Stranger(world, alice, "10.6.6.6") for _ in range(MAX_SILENT_LINKS_PER_HOST + 3)]
    world.settle()
    assert [s.closed for s in silent].count(True) == 3
    caller = Stranger(world, alice, "10.0.0.9")
    caller.say(ChatRequest("bob", 5))
    assert Called("bob") in alice.events
    many = [Stranger(world, alice, f"10.7.0.{i}") for i in range(MAX_SILENT_LINKS)]
    world.settle()
    assert [s.closed for s in silent].count(True) == len(silent)
    assert [s.closed for s in many].count(True) == 0
    late = Stranger(world, alice, "10.0.0.8")
    assert [s.closed for s in many[:2]] == [True, False]
    late.say(ChatRequest("carol", 5))
    assert late.heard


def test_ipv6_network_counts_as_one_host(original_world: World) -> None:
    """All addresses of one IPv6 network share the limit of one host."""
    world = original_world
    alice = world.person("alice", A)
    silent = [Stranger(world, alice, f"2001:db8::{i:x}") for i in range(100)]
    world.settle()
    assert [s.closed for s in silent].count(False) == MAX_SILENT_LINKS_PER_HOST
    other = Stranger(world, alice, "2001:db8:0:1::1")
    other.say(ChatRequest("bob", 5))
    assert Called("bob") in alice.events


def test_violation_closes_only_its_own_link(original_world: World) -> None:
    """A violation before, during or without a chat closes only its own link."""
    world = original_world
    alice, bob = world.person("alice", A), world.person("bob", B)
    for _ in range(2):
        stranger = Stranger(world, alice, "10.0.0.9")
        stranger.send(b"GET / HTTP/1.1\r\nHost: alice\r\n\r\n")
        assert stranger.closed
        alice.node.call("bob")
        world.settle()
        if bob.node.called_by:
            bob.node.accept()
            world.settle()
            break
    stranger = Stranger(world, alice, "10.0.0.9")
    stranger.send(b"9999999999MSG            ")
    assert stranger.closed
    assert alice.chats == ["bob"]


def test_no_host_can_impersonate_a_contact(original_world: World) -> None:
    """A text without a request is accepted from the contact's host only, and only once."""
    world = original_world
    alice, bob = world.person("alice", A), world.person("bob", B)
    before = Stranger(world, alice, B)
    before.say(ChatText("no chat yet"))
    assert before.closed
    alice.node.call("bob")
    world.settle()
    bob.node.accept()
    world.settle()
    elsewhere = Stranger(world, alice, "10.0.0.9")
    elsewhere.say(ChatText("I am bob"))
    assert elsewhere.closed
    bob.say("no, I am")
    world.settle()
    late = Stranger(world, alice, B)
    late.say(ChatText("me too"))
    assert late.closed
    assert [e.text for e in alice.events if isinstance(e, TextReceived)] == ["no, I am"]


def test_original_caller_is_reached_at_its_port(original_world: World) -> None:
    """An original caller is accepted and then reached at the port that it named."""
    world = original_world
    alice = world.person("alice", A)
    heard: list[bytes] = []
    came: list[MemoryTransport] = []

    def accept(transport: MemoryTransport) -> None:
        transport.on_data = heard.append
        came.append(transport)

    world.internet.machine("10.0.0.9").listen(Address("10.0.0.9", 5000), accept)
    caller = Stranger(world, alice, "10.0.0.9")
    caller.say(ChatRequest("old-timer", 5000))
    alice.node.accept()
    world.settle()
    assert caller.heard == b"6         CHAT_REQ_RESP  ACCEPT"
    assert len(came) == 1
    alice.say("welcome")
    caller.say(ChatText("thanks"))
    assert heard == [b"7         MSG            welcome"]
    assert TextReceived("old-timer", "thanks") in alice.events
    second = Stranger(world, alice, "10.0.0.8")
    assert second.say(ChatRequest("late", 5000)) == ORIGINAL.encode(ChatReply(Reply.BUSY))
    assert alice.events[-1] == CallTurnedAway("late")


def test_rejected_caller_that_keeps_its_connection(original_world: World) -> None:
    """An original caller may keep a rejected connection open; its texts are ignored."""
    world = original_world
    alice = world.person("alice", A)
    caller = Stranger(world, alice, "10.0.0.9")
    caller.say(ChatRequest("bob", 5))
    alice.node.reject()
    world.settle()
    assert caller.heard == b"6         CHAT_REQ_RESP  REJECT"
    caller.say(ChatText("but why"))
    assert not [e for e in alice.events if isinstance(e, TextReceived)]


def test_failed_handshake_frees_its_slot(secure_world: World) -> None:
    """Failed handshakes from a host do not keep its users out."""
    world = secure_world
    alice, bob = world.person("alice", A), world.person("bob", B)
    for _ in range(MAX_SILENT_LINKS_PER_HOST + 2):
        stranger = Stranger(world, alice, B)
        stranger.send(b"GET / HTTP/1.0\r\n\r\n")
        assert stranger.closed
    bob.node.call("alice")
    world.settle()
    assert Called("bob") in alice.events


def test_closed_link_is_released(secure_world: World) -> None:
    """A closed link is released from memory at once."""
    world = secure_world
    _, bob = world.person("alice", A), world.person("bob", B)
    (address,) = [a for a in world.internet.listeners if a.host == A]
    callers = SecureLinks(world.loop, world.internet.machine(B), bob.home.identity, 0)
    gc.collect()
    before = _links()
    for _ in range(20):
        ours: list[Link] = []
        callers.dial(address, 5, lambda link, _, ours=ours: ours.append(link), lambda _: None)
        world.settle()
        ours.pop().abort()
        world.settle()
        del world.internet.wires[-1]  # the list also holds them
    gc.collect()
    assert _links() == before


def _links() -> int:
    return sum(isinstance(thing, Link) for thing in gc.get_objects())


@pytest.mark.parametrize("name", ["mallory", "alice"])
def test_circuit_is_for_the_caller_whom_the_registry_has_announced(
    secure_world: World, name: str
) -> None:
    """A call under another name closes the circuit, before anything is asked."""
    world = secure_world
    mallory, bob = world.person("mallory", A), world.person("bob", B)
    calls: list[str] = []
    ours = SecureLinks(world.loop, world.internet.machine(B), bob.home.identity, 0)
    theirs = SecureLinks(world.loop, world.internet.machine(A), mallory.home.identity, 0)
    server = PeerServer(
        world.loop,
        world.internet.machine(B),
        ours,
        PeerLimits(),
        on_call=lambda _, __, request, ___: calls.append(request.username),
    )
    left, right = wire(world.loop)
    closed: list[object] = []

    def linked(link: Link, _: bytes | None) -> None:
        link.on_closed = closed.append
        link.send(ChatRequest(name))

    theirs.shake_as_dialler(left, linked, closed.append)
    server.take(right, "mallory")
    world.settle()
    is_honest = name == "mallory"
    assert calls == (["mallory"] if is_honest else [])
    assert bool(closed) is not is_honest
    server.close()


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("::", "0.0.0.0", True),
        ("::", "::", True),
        ("::", "127.0.0.1", False),
        ("0.0.0.0", "127.0.0.1", False),
        ("0.0.0.0", "::", False),
    ],
)
def test_one_port_at_another_host(real_loop: Loop, before: str, after: str, kept: bool) -> None:
    """A node may listen before it has logged in, and then elsewhere at the same port."""
    if "::" in {before, after} and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    worker = ThreadWorker(real_loop)
    network = SocketNetwork(real_loop, worker)
    links: Any = None
    server = PeerServer(real_loop, network, links, PeerLimits(), on_call=lambda *_: None)
    first = server.ensure_open(before, 0, again=False)
    second = server.ensure_open(after, first.port, again=False)
    assert second == (first if kept else Address(after, first.port))
    assert server.address == second
    server.close()
    worker.close()
