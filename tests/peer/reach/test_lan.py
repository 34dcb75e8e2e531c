"""Contacts find each other in the local network; strangers and recordings get nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pchat.errors import BindError
from p2pchat.net.loop import Loop
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.reach.lan import Lan
from p2pchat.peer.store.identity import load_identity
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.address import Address
from p2pchat.protocol.lan import LAN_PORT
from tests.fakes import MemoryInternet, MemoryNetwork, advance, settle

REGISTRY = "p2p://registry:7117"


class Machine:
    """A person's machine in a local network; `found` are the contacts who answered."""

    def __init__(self, home: "Home", name: str, host: str) -> None:
        folder = home.folder / name
        folder.mkdir(mode=0o700)
        self.home = home
        self.name = name
        self.host = host
        self.profile = Profile(folder / "profile.sqlite3")
        self.identity = load_identity(folder / "identity.pem")
        self.contacts = Contacts(self.profile, REGISTRY, self.identity.public)
        self.listening: Address | None = Address("0.0.0.0", 4000)
        self.wanted: list[str] = []
        self.found: list[tuple[str, Address]] = []
        self.wall = 60 * 29_000_000.0
        self.lan = Lan(
            home.loop,
            MemoryNetwork(home.internet, host),
            self.identity,
            name,
            self.contacts,
            listening=lambda: self.listening,
            wanted=lambda: self.wanted,
            on_found=lambda *found: self.found.append(found),
            wall=lambda: self.wall,
        )
        self.lan.open()

    def knows(self, other: "Machine") -> None:
        """Accept the other as a contact."""
        self.contacts.accept(other.name, other.identity.public)

    def look(self, *wanted: str) -> list[tuple[str, Address]]:
        """Ask for these contacts; return who was found."""
        self.wanted, self.found[:] = list(wanted), []
        self.lan.look()
        advance(self.home.loop, 3)
        return list(self.found)


class Home:
    """A local network, and what was sent in it."""

    def __init__(self, loop: Loop, folder: Path) -> None:
        self.loop = loop
        self.folder = folder
        self.internet = MemoryInternet(loop)
        self.internet.lans = [set()]
        self.sent: list[tuple[bytes, Address]] = []
        self.machines: list[Machine] = []

    def add(self, name: str, host: str) -> Machine:
        """Add a machine."""
        self.internet.lans[0].add(host)
        self.machines.append(Machine(self, name, host))
        return self.machines[-1]

    def listen_in(self) -> None:
        """Record all questions from now on."""
        self.internet.lans[0].add("192.168.0.250")
        spy = MemoryNetwork(self.internet, "192.168.0.250")
        spy.open_lan(LAN_PORT, lambda *heard: self.sent.append(heard))

    def say(self, datagram: bytes, to: Machine, host: str = "192.168.0.250") -> list[bytes]:
        """Send a datagram to one machine; return what it answers."""
        answers: list[bytes] = []
        here = MemoryNetwork(self.internet, host).open_udp(
            Address(host, 0), lambda answer, _: answers.append(answer)
        )
        for hear in self.internet.hearing[to.host]:
            hear(datagram, here.address)
        settle(self.loop)
        here.close()
        return answers


Pair = tuple[Home, Machine, Machine]


@pytest.fixture
def home(loop: Loop, tmp_path: Path) -> Iterator[Home]:
    made = Home(loop, tmp_path)
    yield made
    for machine in made.machines:
        machine.profile.close()


@pytest.fixture
def pair(home: Home) -> Pair:
    """Return two contacts in one network."""
    alice, bob = home.add("alice", "192.168.0.2"), home.add("bob", "192.168.0.3")
    alice.knows(bob)
    bob.knows(alice)
    return home, alice, bob


def test_contacts_find_each_other(pair: Pair) -> None:
    """The answer has the address from which it came, and the port of the peer server."""
    _, alice, bob = pair
    assert alice.look("bob") == [("bob", Address("192.168.0.3", 4000))]
    bob.listening = Address("::", 4001)
    assert alice.look("bob") == [("bob", Address("192.168.0.3", 4001))]
    assert bob.look("alice") == [("alice", Address("192.168.0.2", 4000))]


def test_who_is_not_answered(pair: Pair) -> None:
    """Neither a stranger, nor a blocked contact, nor one with another key; nor by a closed node."""
    home, alice, bob = pair
    eve = home.add("eve", "192.168.0.66")
    eve.knows(bob)
    assert eve.look("bob") == []
    bob.contacts.block("alice", blocked=True)
    advance(home.loop, 10)
    assert alice.look("bob") == []
    bob.contacts.block("alice", blocked=False)
    advance(home.loop, 10)
    bob.listening = None
    assert alice.look("bob") == []
    bob.listening = Address("127.0.0.1", 4000)
    assert alice.look("bob") == []


def test_only_those_who_are_wanted_are_asked_for(pair: Pair) -> None:
    """And only contacts who have accepted; nobody else in the network learns a name or a key."""
    home, alice, bob = pair
    home.listen_in()
    assert alice.look() == []
    assert alice.look("nobody", "eve") == []
    assert home.sent == []
    alice.look("bob")
    ((question, _),) = home.sent
    assert len(question) == 20 + 4 * 16
    for secret in (alice.identity.public, bob.identity.public, b"alice", b"bob"):
        assert secret not in question
    home.sent.clear()
    alice.look("bob")
    assert not set(_tags(question)) & set(_tags(home.sent[0][0]))


def _tags(question: bytes) -> list[bytes]:
    return [question[at : at + 16] for at in range(4, len(question), 16)]


def test_recorded_question_is_not_answered_again(pair: Pair) -> None:
    """Neither at once nor elsewhere later: it would tell where the contact is."""
    home, alice, bob = pair
    home.listen_in()
    alice.look("bob")
    recorded = home.sent[0][0]
    assert home.say(recorded, bob) == []
    bob.wall += 6 * 60
    assert home.say(recorded, bob) == []
    bob.wall += 3600
    assert home.say(recorded, bob) == []


@pytest.mark.parametrize(("minutes", "answers"), [(-6, 0), (-5, 1), (5, 1), (6, 0)])
def test_question_of_another_time(pair: Pair, minutes: int, answers: int) -> None:
    """Clocks may differ by five minutes; a question that nobody heard is of no use afterwards."""
    home, alice, bob = pair
    home.listen_in()
    home.internet.lans[0].remove(bob.host)
    alice.look("bob")
    bob.wall += 60 * minutes
    assert len(home.say(home.sent[0][0], bob)) == answers


def test_own_question_that_is_sent_back(pair: Pair) -> None:
    """The asker does not answer it, and takes no answer that others made from it."""
    home, alice, _ = pair
    home.listen_in()
    alice.look("bob")
    question = home.sent[0][0]
    assert home.say(question, alice) == []
    forged = b"P2PM" + question[4:20] + question[20:36] + b"\x13\x88"
    home.say(forged, alice)
    assert alice.found == [("bob", Address("192.168.0.3", 4000))]


def test_changed_answer_is_not_taken(pair: Pair) -> None:
    """The port is covered by the tag; an answer counts once and in its time."""
    home, alice, bob = pair
    home.listen_in()
    home.internet.lans[0].remove(bob.host)
    alice.look("bob")
    (answer,) = home.say(home.sent[0][0], bob)
    home.say(answer[:-2] + b"\x13\x89", alice)
    assert alice.found == []
    home.say(answer, alice, "192.168.0.77")
    home.say(answer, alice, "192.168.0.78")
    assert [address.host for _, address in alice.found] == ["192.168.0.77"]
    alice.look("bob")
    (answer,) = home.say(home.sent[1][0], bob)
    alice.found.clear()
    advance(home.loop, 11)
    home.say(answer, alice)
    assert alice.found == []


@pytest.mark.parametrize("host", ["5.5.5.5", "127.0.0.1", "100.64.0.9", "2001:4860::9"])
def test_senders_outside_the_local_network_are_not_heard(pair: Pair, host: str) -> None:
    """Else somebody far away could have us answer, or dial."""
    home, alice, bob = pair
    home.listen_in()
    home.internet.lans[0].remove(bob.host)
    alice.look("bob")
    assert home.say(home.sent[0][0], bob, host) == []
    assert len(home.say(home.sent[0][0], bob)) == 1  # the same, from the network


@pytest.mark.parametrize("datagram", [b"", b"P2PL", b"P2PM", b"P2PL" + bytes(500), b"x" * 84])
def test_other_datagrams_change_nothing(pair: Pair, datagram: bytes) -> None:
    """Anybody in the network may send anything."""
    home, alice, bob = pair
    assert home.say(datagram, bob) == []
    assert alice.look("bob") != []


def test_few_answers_a_second(pair: Pair) -> None:
    """A contact who asks without end gets five answers a second, and costs twenty looks."""
    home, alice, bob = pair
    home.listen_in()
    home.internet.lans[0].remove(bob.host)
    for _ in range(30):
        alice.look("bob")
    answers = [len(home.say(question, bob)) for question, _ in home.sent]
    assert sum(answers) == 5


def test_asked_again_while_somebody_is_wanted(pair: Pair) -> None:
    """Once a minute, and not more often than every two seconds however often one looks."""
    home, alice, _ = pair
    home.listen_in()
    alice.look("bob")
    for _ in range(10):
        alice.lan.look()
    advance(home.loop, 1)
    assert len(home.sent) == 2
    advance(home.loop, 240)
    assert len(home.sent) == 6
    alice.wanted = []
    advance(home.loop, 240)
    assert len(home.sent) == 6
    alice.lan.close()
    alice.lan.look()
    alice.wanted = ["bob"]
    advance(home.loop, 240)
    assert len(home.sent) == 6


def test_keys_that_allow_no_secret(home: Home) -> None:
    """A contact with a key of small order (RFC 7748, section 6.1) is neither asked nor answered."""
    alice = home.add("alice", "192.168.0.2")
    home.listen_in()
    for number, key in enumerate(
        (b"\x01" + bytes(31), bytes(32), b"\xec" + b"\xff" * 30 + b"\x7f")
    ):
        name = f"eve{number}"
        alice.contacts.accept(name, key)
        assert alice.look(name) == []
        assert alice.identity.agree(key) is None


def test_port_that_is_taken(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which another program has the port does without."""

    def taken(*_: object) -> None:
        raise BindError("address already in use")

    monkeypatch.setattr(MemoryNetwork, "open_lan", taken)
    alice = home.add("alice", "192.168.0.2")
    assert alice.look("bob") == []


def test_every_contact_has_a_turn(pair: Pair) -> None:
    """With more contacts missing than fit into a question, each is asked for sooner or later."""
    _, alice, _ = pair
    others = [f"user{n:02}" for n in range(60)]
    for number, name in enumerate(others):
        alice.contacts.accept(name, alice.identity.sign(bytes([number]))[:32])
    found: list[tuple[str, Address]] = []
    for _ in range(40):
        found += alice.look(*others, "bob")
    assert ("bob", Address("192.168.0.3", 4000)) in found


def test_flood_of_one_machine_stops_nobody_else(pair: Pair) -> None:
    """Questions are limited for each machine first."""
    home, alice, bob = pair
    home.listen_in()
    for number in range(200):
        junk = b"P2PL" + home_time(alice) + bytes([number]) * 12 + bytes(range(64))
        home.say(junk, bob)
    assert alice.look("bob") != []


def home_time(machine: Machine) -> bytes:
    return int(machine.wall // 60).to_bytes(4, "big")


def test_two_users_of_one_key(pair: Pair) -> None:
    """Two accounts of one profile on one machine: each answers for itself only."""
    home, alice, bob = pair
    other = Lan(
        home.loop,
        MemoryNetwork(home.internet, bob.host),
        bob.identity,
        "bobby",
        bob.contacts,
        listening=lambda: Address("0.0.0.0", 5555),
        wanted=list,
        on_found=lambda *_: None,
        wall=lambda: bob.wall,
    )
    other.open()
    for _ in range(5):
        assert alice.look("bob") == [("bob", Address("192.168.0.3", 4000))]
