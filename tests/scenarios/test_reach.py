"""Two people connect although neither can be dialled: the registry joins their connections."""

from collections.abc import Callable
from typing import Any

import pytest

from p2pchat.errors import P2PError, UsageError
from p2pchat.peer.chat.chat_session import ChatSession
from p2pchat.peer.chat.line_sender import SessionLink
from p2pchat.peer.reach.direct_paths import DirectPaths
from p2pchat.peer.reach.upgrade import Rounds, Upgrade
from p2pchat.peer.registry_client.reach import Reach
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import (
    CallFailed,
    ChatStarted,
    ContactAway,
    ContactBack,
    ContactLeft,
    ContactLost,
    Delivered,
    Found,
    LoginFailed,
    PathChanged,
    TextReceived,
)
from p2pchat.protocol.client.state import LinkPath, Security
from p2pchat.protocol.talk import Paths
from tests.peer.chat.test_conversations import friends
from tests.scenarios.simulation import EverybodyBut
from tests.world import REGISTRY, Person, World

A, B = "10.0.0.2", "10.0.0.3"


@pytest.fixture
def world(secure_world: World) -> World:
    """Return a world of the secure dialect, where only the registry can be dialled."""
    secure_world.internet.walled = EverybodyBut(REGISTRY)
    return secure_world


def _talk(world: World, *hosts: str, reach: Reach = Reach()) -> tuple[Person, Person]:  # noqa: B008
    """Return two people who have just begun to chat on a circuit; `reach` is the second one's."""
    alice = world.person("alice", hosts[0])
    bob = world.person("bob", hosts[1], reach=reach)
    alice.node.call("bob")
    for _ in range(500):
        world.advance(0.05)
        if bob.node.called_by:
            break
    bob.node.accept()
    return alice, bob


def _path(person: Person, contact: str) -> LinkPath | None:
    state = person.node.chat(contact)
    assert state is not None
    return state.path


def _texts(person: Person) -> list[str]:
    return [event.text for event in person.told() if isinstance(event, TextReceived)]


def test_strangers_behind_routers_chat(world: World) -> None:
    """A call between two people who cannot be dialled is asked, accepted and used both ways."""
    world.internet.punchable = False
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.advance(1)
    assert bob.node.called_by == ["alice"]
    bob.node.accept()
    world.settle()
    for person, contact in ((alice, "bob"), (bob, "alice")):
        told = person.told()
        assert ChatStarted(contact, Security.UNVERIFIED) in told
        assert PathChanged(contact, LinkPath.RELAYED) in told
        state = person.node.chat(contact)
        assert state is not None
        assert state.path is LinkPath.RELAYED
        assert person.node.conversations.links == {contact: "relayed, encrypted, unverified"}
    alice.node.say("bob", "hello")
    bob.node.say("alice", "hello yourself")
    world.settle()
    assert _texts(bob) == ["hello"]
    assert _texts(alice) == ["hello yourself"]


def test_direct_link_is_used_where_there_is_one(secure_world: World) -> None:
    """Whoever can be dialled is dialled: nothing is asked of the registry, nothing reported."""
    world = secure_world
    alice, bob = friends(world)
    alice.node.call("bob")
    world.settle()
    state = alice.node.chat("bob")
    assert state is not None
    assert state.path is LinkPath.LAN
    assert len(world.server.relay) == 0
    assert not [event for event in alice.all_events if isinstance(event, PathChanged)]
    assert bob.node.conversations.links["alice"].startswith(f"direct lan at {A}:")


def test_user_who_refuses_circuits(world: World) -> None:
    """Neither side gets a circuit; the caller learns why, and a direct link is still used."""
    alice, bob = world.person("alice", A, reach=Reach(relay=False)), world.person("bob", B)
    for caller, callee in ((alice, "bob"), (bob, "alice")):
        caller.node.call(callee)
        world.advance(30)
    whys = [
        [str(event.error) for event in person.told() if isinstance(event, CallFailed | ContactAway)]
        for person in (alice, bob)
    ]
    assert "through the registry: turned off on this side (no-relay)" in whys[0][0]
    assert "through the registry: it cannot be met there" in whys[1][0]
    world.internet.walled = frozenset()
    alice.node.call("bob")
    world.settle()
    bob.node.accept()
    world.settle()
    assert _path(alice, "bob") is LinkPath.LAN


def test_person_on_the_registrys_machine_is_called(secure_world: World) -> None:
    """Bob logs in by localhost, so that the registry can give only an address of loopback."""
    world = secure_world
    alice, bob = _talk(world, A, "127.0.0.1")
    world.settle()
    alice.node.say("bob", "hello")
    world.settle()
    assert _texts(bob) == ["hello"]
    assert _path(alice, "bob") is LinkPath.RELAYED


def test_reachable_person_does_not_turn_away_the_other(secure_world: World) -> None:
    """Alice has a line for bob, who cannot be dialled; his call is not turned away for hers."""
    world = secure_world
    alice, bob = friends(world)
    world.internet.walled = {B}
    world.cannot_meet("bob")
    for left, _ in world.internet.wires:
        if {left.local.host, left.remote.host} == {A, B}:
            left.cut()
    world.settle()
    alice.told()
    conversation = alice.node.conversations.get("bob")
    assert conversation is not None
    conversation.say("are you there?")
    world.advance(1)  # she dials, in vain
    bob.told()
    bob.node.call("alice")
    world.advance(0.5)
    assert _texts(bob) == ["are you there?"]


def test_line_is_delivered_after_the_registry_has_restarted(world: World) -> None:
    """A circuit ends with its registry; the link comes back with it, and no line is lost."""
    alice, bob = world.person("alice", A), world.person("bob", B)
    alice.node.call("bob")
    world.advance(1)
    bob.node.accept()
    world.settle()
    bob.told()
    world.kill_registry()
    alice.node.say("bob", "one")
    world.advance(30)
    world.start_registry()
    world.advance(120)
    alice.node.say("bob", "two")
    world.settle()
    assert _texts(bob) == ["one", "two"]


def test_user_without_udp_stays_online(secure_world: World) -> None:
    """PING over TCP counts as a heartbeat where no datagram passes."""
    world = secure_world
    world.person("alice", A)
    del world.internet.sockets[Address("10.0.0.1", world.url.udp_port)]
    session = world.presence.find("alice")
    world.advance(2000)
    assert world.presence.find("alice") is session


def test_talk_moves_to_a_direct_link(world: World) -> None:
    """Two people behind firewalls punch holes while they talk; the circuit is then closed."""
    alice, bob = _talk(world, "5.5.5.2", "5.5.5.3")
    world.advance(3)
    assert (_path(alice, "bob"), _path(bob, "alice")) == (LinkPath.PUNCHED, LinkPath.PUNCHED)
    for person, contact in ((alice, "bob"), (bob, "alice")):
        paths = [e.path for e in person.all_events if isinstance(e, PathChanged)]
        assert paths == [LinkPath.RELAYED, LinkPath.PUNCHED]
        moved = [e for e in person.all_events if isinstance(e, ContactLost | ContactBack)]
        assert moved == [], contact
    world.advance(3)
    assert len(world.server.relay) == 0
    alice.node.say("bob", "directly")
    world.settle()
    assert _texts(bob) == ["directly"]


@pytest.mark.parametrize("hosts", [("192.168.0.2", "192.168.0.3"), ("fd00::2", "fd00::3")])
def test_people_of_one_private_network_find_each_other(
    world: World, hosts: tuple[str, str]
) -> None:
    """Their own addresses are told inside the circuit only, and lead to the shortest way."""
    alice, bob = _talk(world, *hosts)
    world.advance(3)
    assert (_path(alice, "bob"), _path(bob, "alice")) == (LinkPath.LAN, LinkPath.LAN)


def test_lines_survive_the_move(world: World) -> None:
    """Lines that both say in every turn meanwhile arrive once and in order."""
    alice, bob = _talk(world, "5.5.5.2", "5.5.5.3")
    world.settle()
    count = 0
    while _path(alice, "bob") is not LinkPath.PUNCHED or count < 60:
        alice.node.say("bob", f"a{count}")
        bob.node.say("alice", f"b{count}")
        count += 1
        assert count < 1000
        for _ in range(3):
            world.loop.run_once(0)
        if count % 5 == 0:
            world.advance(0.05)
    world.advance(5)
    assert _texts(bob) == [f"a{n}" for n in range(count)]
    assert _texts(alice) == [f"b{n}" for n in range(count)]
    last = [e for e in alice.all_events if isinstance(e, Delivered)][-1]
    assert last.waiting == 0


def test_talk_stays_on_the_circuit_and_tries_again(world: World) -> None:
    """Where no hole can be punched the circuit stays; the next round may succeed."""
    world.internet.punchable = False
    alice, bob = _talk(world, "5.5.5.2", "5.5.5.3")
    world.advance(20)
    assert _path(alice, "bob") is LinkPath.RELAYED
    world.internet.punchable = True
    world.advance(25)
    assert (_path(alice, "bob"), _path(bob, "alice")) == (LinkPath.PUNCHED, LinkPath.PUNCHED)


def test_talk_goes_on_without_the_registry_after_the_move(world: World) -> None:
    """Whoever has moved no longer needs the registry."""
    alice, bob = _talk(world, "5.5.5.2", "5.5.5.3")
    world.advance(5)
    bob.told()
    world.kill_registry()
    alice.node.say("bob", "still here")
    world.advance(1)
    assert _texts(bob) == ["still here"]


def test_circuit_that_ends_during_the_trial(world: World) -> None:
    """A cut before the move costs nothing: the two connect again, and lines arrive once."""
    alice, bob = _talk(world, "5.5.5.2", "5.5.5.3")
    alice.node.say("bob", "one")
    for turns in range(1, 60, 7):
        for _ in range(turns):
            world.loop.run_once(0)
        for left, right in world.internet.wires:
            if REGISTRY in {left.remote.host, right.remote.host} and left.remote.port == 7117:
                left.cut()
        world.advance(70)
    alice.node.say("bob", "two")
    world.advance(70)
    assert _texts(bob) == ["one", "two"]


def test_whether_the_conversation_is_open_survives_the_move(world: World) -> None:
    """A contact who leaves on the circuit and returns after the move is reported each time."""
    world.internet.punchable = False
    alice, bob = _talk(world, "5.5.5.2", "5.5.5.3")
    world.advance(2)
    alice.node.leave("bob")
    world.advance(2)
    assert [type(e) for e in bob.told()][-1] is ContactLeft
    world.internet.punchable = True
    world.advance(40)
    assert _path(bob, "alice") is LinkPath.PUNCHED
    bob.told()
    alice.node.call("bob")
    world.advance(2)
    assert ContactBack("alice") in bob.told()


def test_contact_that_begins_trials_without_end(world: World, monkeypatch: Any) -> None:
    """The responder keeps the pauses, too, so that nobody can have it dial for ever."""
    world.internet.punchable = False
    monkeypatch.setattr(Rounds, "wait", lambda *_: 0.0)  # a contact who keeps none
    begun: list[float] = []
    try_all = DirectPaths.try_all

    def counted(self: DirectPaths, *args: Any, is_initiator: bool) -> Any:
        if not is_initiator:
            begun.append(world.loop.now())
        return try_all(self, *args, is_initiator=is_initiator)

    monkeypatch.setattr(DirectPaths, "try_all", counted)
    _talk(world, "5.5.5.2", "5.5.5.3")
    world.advance(900)
    assert 2 <= len(begun) <= 5
    assert begun[1] - begun[0] >= 20


def test_direct_link_that_does_not_last_is_not_tried_again_at_once(world: World) -> None:
    """A path that breaks after each move costs a few reconnections, not one every second."""
    alice, bob = _talk(world, "5.5.5.2", "5.5.5.3")
    world.advance(3)
    for _ in range(300):
        for left, right in world.internet.wires:
            if REGISTRY not in {left.remote.host, right.remote.host}:
                left.cut()
        world.advance(1)
    paths = [e.path for e in alice.all_events if isinstance(e, PathChanged)]
    assert paths.count(LinkPath.PUNCHED) <= 4
    alice.node.say("bob", "still whole")
    world.advance(5)
    assert _texts(bob)[-1] == "still whole"


@pytest.mark.parametrize("hidden", [("alice",), ("bob",), ("alice", "bob")])
def test_hidden_address_is_told_to_no_contact(secure_world: World, hidden: tuple[str, ...]) -> None:
    """A user who hides it, caller or callee, is talked to on circuits alone."""
    world = secure_world  # everybody could be dialled, and moves to a direct link without it
    alice, bob = (
        world.person(name, host, reach=Reach(direct=name not in hidden))
        for name, host in (("alice", "5.5.5.2"), ("bob", "5.5.5.3"))
    )
    connected: set[frozenset[str]] = set()
    for caller, callee in ((alice, bob), (bob, alice)):
        caller.node.call(callee.name)
        world.advance(1)
        if callee.node.called_by:  # the second time they know each other
            callee.node.accept()
        for _ in range(700):
            world.advance(1)
            wires = world.internet.wires
            connected |= {frozenset((a.local.host, a.remote.host)) for a, _ in wires}
        assert (_path(alice, "bob"), _path(bob, "alice")) == (LinkPath.RELAYED, LinkPath.RELAYED)
        caller.node.say(callee.name, "hello")
        world.settle()
        assert _texts(callee) == ["hello"]
        caller.node.leave(callee.name)
        callee.node.leave(caller.name)
        world.advance(120)
    assert connected == {frozenset((REGISTRY, "5.5.5.2")), frozenset((REGISTRY, "5.5.5.3"))}


def test_empty_offers_end_the_upgrade(world: World, monkeypatch: Any) -> None:
    """A contact who offers nothing is asked once, and not without end."""
    offers: list[float] = []
    offer = DirectPaths.offer

    def counted(self: DirectPaths, circuit: Any) -> Paths:
        offers.append(world.loop.now())
        return Paths() if self.is_hidden else offer(self, circuit)

    monkeypatch.setattr(DirectPaths, "offer", counted)
    _talk(world, "5.5.5.2", "5.5.5.3", reach=Reach(direct=False))
    world.advance(2000)
    assert len(offers) == 2


def test_search_for_a_user_who_hides_the_address(secure_world: World) -> None:
    """The user is online; only clients that could never reach the user are told otherwise."""
    world = secure_world
    world.person("alice", A, reach=Reach(direct=False))
    bob, carol = world.person("bob", B), world.person("carol", "10.0.0.4", reach=Reach(relay=False))
    for person, online in ((bob, True), (carol, False)):
        person.node.search("alice")
        world.settle()
        assert person.told()[-1] == Found("alice", online, None)
    for person in (bob, carol):
        person.node.search("bob")
        world.settle()
        (event,) = person.told()
        assert isinstance(event, Found)
        assert event.address is not None


def test_what_hiding_the_address_excludes(world: World) -> None:
    """Calls in clear would show the address, and a registry without circuits leaves no path."""
    alice = world.person("alice", A, reach=Reach(direct=False))
    with pytest.raises(UsageError, match="hide-address"):
        alice.node.call("bob", in_clear=True)
    with pytest.raises(UsageError, match="no path"):
        Reach(direct=False, relay=False)
    world.kill_registry()
    world.start_registry(can=())
    world.advance(60)
    failed = alice.told()[-1]
    assert isinstance(failed, LoginFailed)
    assert "hide-address" in failed.error.what


def test_registry_that_only_introduces(world: World) -> None:
    """With --no-relay, two people still find a direct link, and then need the registry no more."""
    world.service.meetings.relays = False
    alice, bob = _talk(world, "5.5.5.2", "5.5.5.3")
    world.advance(200)
    assert (_path(alice, "bob"), _path(bob, "alice")) == (LinkPath.PUNCHED, LinkPath.PUNCHED)
    alice.node.say("bob", "directly")
    world.settle()
    assert _texts(bob) == ["directly"]


def test_registry_that_only_introduces_those_who_cannot_be_direct(world: World) -> None:
    """The person is told why, is not called without end, and no line is lost."""
    world.service.meetings.relays = False
    world.internet.punchable = False
    alice, bob = _talk(world, "5.5.5.2", "5.5.5.3")
    alice.told()
    joined = []
    for _ in range(1800):
        world.advance(1)
        joined.append(len(world.server.relay))
    (lost,) = {e.error.what for e in alice.told() if isinstance(e, ContactLost) and e.error}
    assert lost.startswith("bob can only be reached through the registry")
    assert 60 < sum(joined) <= 4 * 62  # seconds with a circuit, in half an hour
    alice.node.say("bob", "later")
    world.advance(1300)
    world.internet.punchable = True
    world.advance(1300)
    assert _texts(bob) == ["later"]
    assert _path(alice, "bob") is LinkPath.PUNCHED


def no_new_session_after_the_move(patch: pytest.MonkeyPatch) -> None:
    """What was under way on the circuit counts as sent: the session does not begin anew."""

    def link_up(self: ChatSession, wire: SessionLink) -> None:
        if self in linked:
            self._link = wire  # type: ignore[attr-defined]
        else:
            linked.add(self)
            original(self, wire)

    linked: set[ChatSession] = set()
    original = ChatSession.link_up
    patch.setattr(ChatSession, "link_up", link_up)
    patch.setattr(ChatSession, "link_down", lambda _: None)


def both_ends_choose(patch: pytest.MonkeyPatch) -> None:
    """The responder, too, calls on the first link that it can, and each end keeps its own."""
    patch.setattr(Upgrade, "has_decided", False)
    init = Upgrade.__init__

    def choose(self: Upgrade, *args: Any, **how: Any) -> None:
        init(self, *args, **how)
        linked = self._linked
        patch.setattr(self, "_linked", lambda link, key, _: linked(link, key, False))

    patch.setattr(Upgrade, "__init__", choose)


@pytest.mark.parametrize("bug", [no_new_session_after_the_move, both_ends_choose])
def test_seeded_bug_of_the_move_is_caught(
    world: World, monkeypatch: pytest.MonkeyPatch, bug: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """The test of lines under way fails with each of them."""
    bug(monkeypatch)
    with pytest.raises((AssertionError, P2PError)):
        test_lines_survive_the_move(world)
