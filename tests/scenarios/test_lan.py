"""Two people who have met go on talking in one network when the registry is gone."""

from typing import Any

import pytest

from p2pchat.peer.registry_client.reach import Reach
from p2pchat.peer.store.lines import new_uid
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import ContactAway, RegistryLost, TextReceived
from tests.fakes import MemoryNetwork
from tests.peer.chat.test_conversations import A, B, friends
from tests.world import REGISTRY, Person, World


@pytest.fixture
def world(secure_world: World) -> World:
    """Return a world in which alice's and bob's machines are in one network."""
    secure_world.internet.lans = [{A, B}]
    return secure_world


def _texts(person: Person) -> list[str]:
    return [event.text for event in person.told() if isinstance(event, TextReceived)]


def _write(person: Person, contact: str, text: str) -> None:
    """Leave a line for a contact, whom the user does not call."""
    person.node.conversations.outbox.put(contact, (text,), (new_uid(),))


def test_line_reaches_a_contact_without_the_registry(world: World) -> None:
    """Bob comes into alice's network, at an address that no registry has told her."""
    alice, bob = friends(world)
    world.kill_registry()
    bob.node.stop()
    world.advance(10)
    world.internet.lans = [{A, "10.0.0.77"}]
    bob = world.person("bob", "10.0.0.77", home=world.home("bob"), wait_for_registry=True)
    _write(alice, "bob", "hello")
    world.advance(90)
    assert _texts(bob) == ["hello"]


def test_nodes_that_start_without_the_registry(world: World) -> None:
    """Both wait for the registry, and talk meanwhile: the account was used here before."""
    alice, bob = friends(world)
    _write(alice, "bob", "for later")
    for person in (alice, bob):
        person.node.stop()
    world.settle()
    world.kill_registry()
    world.internet.lans = [{"10.0.0.77", "10.0.0.78"}]
    alice = world.person("alice", "10.0.0.77", home=world.home("alice"), wait_for_registry=True)
    bob = world.person("bob", "10.0.0.78", home=world.home("bob"), wait_for_registry=True)
    world.advance(90)
    assert any(isinstance(event, RegistryLost) for event in bob.all_events)
    assert _texts(bob) == ["for later"]
    bob.node.call("alice")
    world.advance(5)
    bob.node.say("alice", "and back")
    world.settle()
    assert _texts(alice) == ["and back"]
    world.start_registry()
    world.advance(120)
    _write(alice, "bob", "all is well")
    world.settle()
    assert _texts(bob) == ["all is well"]


def test_contact_who_is_offline_at_the_registry(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bob's machine has no way to the registry, but is in the same network as alice's."""
    alice, bob = friends(world)
    dial = MemoryNetwork.dial

    def dial_others(self: MemoryNetwork, address: Address, *args: Any, **how: Any) -> Any:
        is_cut_off = self.host == B and address.host == REGISTRY
        return dial(self, Address("10.9.9.9", 1) if is_cut_off else address, *args, **how)

    monkeypatch.setattr(MemoryNetwork, "dial", dial_others)
    world.internet.cut_all(B)
    world.advance(5)
    bob.told()
    alice.told()
    alice.node.call("bob")
    world.advance(5)
    alice.node.say("bob", "found you")
    world.settle()
    assert _texts(bob) == ["found you"]
    assert isinstance(alice.told()[0], ContactAway)


@pytest.mark.parametrize("reach", [Reach(lan=False), Reach(direct=False)], ids=["lan", "direct"])
@pytest.mark.parametrize("who", ["alice", "bob"])
def test_those_who_do_not_want_it(world: World, reach: Reach, who: str) -> None:
    """Neither asked nor answered: the line waits for the registry."""
    alice, bob = (
        world.person(name, host, reach=reach if name == who else Reach())
        for name, host in (("alice", A), ("bob", B))
    )
    alice.node.call("bob")
    world.advance(1)
    bob.node.accept()
    world.settle()
    alice.leave()
    bob.leave()
    world.advance(400)
    bob.told()
    world.kill_registry()
    world.internet.lans = [{A, B, "10.0.0.77"}]
    bob.node.stop()
    world.settle()
    other = Reach() if who == "alice" else reach
    bob = world.person(
        "bob", "10.0.0.77", home=world.home("bob"), wait_for_registry=True, reach=other
    )
    _write(alice, "bob", "hello")
    world.advance(200)
    assert _texts(bob) == []
    world.start_registry()
    world.advance(120)
    assert _texts(bob) == ["hello"]
