"""A hostile contact at the other end of a circuit: PATHS, GO and calls that take a link's place.

See PROTOCOL, "Leaving a circuit". By raw bytes, in both roles.
"""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.peer import ACCEPTED, NO_SUM, HostileContact, hear, line, sync
from tests.hostile.test_peer_at_node import Victim, acquaintance, victim
from tests.programs import Program, Raw, running

__all__ = ["acquaintance", "victim"]  # fixtures

PUBLIC = ["5.5.5.5", 5000]


class Trap:
    """A port of this machine; `is_untouched` unless something has dialled it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]

    @property
    def is_untouched(self) -> bool:
        try:
            self._listener.accept()
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    made = Trap()
    yield made
    made.close()


@pytest.fixture
def alice(victim: Victim) -> Iterator[Program]:
    """Yield her node."""
    node, port = victim.start("--plain")
    node.port = port  # type: ignore[attr-defined]
    with running(node):
        yield node


def offer(link: Raw, **fields: Any) -> None:
    link.say("PATHS", json.dumps(fields))


def settled(link: Raw, number: int) -> list[str]:
    """Return the commands that the node sends until it has acknowledged a line of ours.

    Everything that was sent before that line has been handled by then.
    """
    link.say("MSG", line(number))
    said: list[str] = []
    while True:
        command, payload = link.hear()
        if command == "ACK" and json.loads(payload)["seq"] >= number:
            return said
        said.append(command)


@pytest.mark.usefixtures("alice")
def test_addresses_of_this_machine_are_not_dialled(victim: Victim, trap: Trap) -> None:
    """Neither loopback in any spelling, nor an address of the node's own, nor the registry's."""
    own = socket.gethostbyname(socket.gethostname())
    places = [
        [host, trap.port]
        for host in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "64:ff9b::7f00:1", own)
    ]
    link = victim.mallory.call_by_circuit("alice")
    sync(link)
    offer(link, punch=places, listens=places)
    hear(link, "PATHS")
    link.say("GO", "{}")
    settled(link, 1)
    assert trap.is_untouched
    assert victim.status


@pytest.mark.parametrize(
    "fields",
    [
        {"punch": [["bob.example", 5000]]},
        {"punch": [["localhost", 5000]]},
        {"listens": [["5.5.5.5", 80]]},
        {"listens": [["5.5.5.5", 65536]]},
        {"listens": [["5.5.5.5", -1]]},
        {"punch": [["fe80::1%eth0", 5000]]},
        {"punch": [PUBLIC] * 9},
        {"listens": [PUBLIC] * 9},
        {"punch": [["5.5.5.5"]]},
        {"punch": [[*PUBLIC, 1]]},
        {"punch": [["5.5.5.5", "5000"]]},
        {"punch": {"5.5.5.5": 5000}},
        {"punch": None},
        {"more": "x" * 1100},
    ],
    ids=lambda fields: json.dumps(fields)[:40],
)
@pytest.mark.usefixtures("alice")
def test_invalid_offers_close_the_link(victim: Victim, fields: dict[str, Any]) -> None:
    """Names, low ports, zones, too many, wrong types, too long: the next call works."""
    link = victim.mallory.call_by_circuit("alice")
    sync(link)
    settled(link, 1)
    offer(link, **fields)
    assert link.closed_by_remote()
    sync(victim.mallory.call_by_circuit("alice"), 0)
    assert victim.status["internal_errors"] == 0


@pytest.mark.usefixtures("alice")
def test_messages_out_of_turn_change_nothing(victim: Victim) -> None:
    """GO without an offer, offers one after the other: one answer, and the talk goes on."""
    link = victim.mallory.call_by_circuit("alice")
    sync(link)
    link.say("GO", "{}")
    assert "PATHS" not in settled(link, 1)
    for _ in range(5):
        offer(link, punch=[PUBLIC])
    link.say("GO", "{}")
    link.say("GO", '{"unknown": 1}')
    assert settled(link, 2).count("PATHS") == 1
    offer(link, punch=[PUBLIC])
    link.say("GO", "{}")
    assert "PATHS" not in settled(link, 3)


def test_direct_link_has_no_paths(victim: Victim, alice: Any) -> None:
    """They mean nothing there, and are not answered."""
    link = victim.mallory.call(alice.port)
    sync(link)
    offer(link, punch=[PUBLIC])
    link.say("GO", "{}")
    assert "PATHS" not in settled(link, 1)


def move(mallory: HostileContact, port: int, **fields: Any) -> Raw:
    """Call on a direct link that is to take the place of the circuit."""
    link = mallory.dial(port)
    request = {"username": mallory.name, "to": "alice", "instead": True, **fields}
    link.say("CHAT_REQ", json.dumps({key: value for key, value in request.items() if value}))
    return link


def test_direct_link_takes_the_place_of_the_circuit(victim: Victim, alice: Any) -> None:
    """What still comes on the circuit is ignored."""
    circuit = victim.mallory.call_by_circuit("alice")
    sync(circuit)
    settled(circuit, 1)
    link = move(victim.mallory, alice.port)
    assert link.hear() == ("CHAT_REQ_RESP", ACCEPTED)
    assert sync(link)["last_in"] == 1
    circuit.say("MSG", line(2, "on the old one"))
    link.say("MSG", line(2, "on the new one"))
    assert hear(link, "ACK")["seq"] == 2
    history = "\n".join(victim.run("history", "mallory")[1])
    assert "on the new one" in history
    assert "on the old one" not in history
    assert victim.status["internal_errors"] == 0


@pytest.mark.parametrize("to", ["bob", "", "ALICE"])
def test_call_in_place_of_the_circuit_must_name_the_callee(
    victim: Victim, alice: Any, to: str
) -> None:
    """Otherwise a link could be led to somebody else; the circuit stays."""
    circuit = victim.mallory.call_by_circuit("alice")
    sync(circuit)
    settled(circuit, 1)
    assert move(victim.mallory, alice.port, to=to).closed_by_remote()
    settled(circuit, 2)


def test_call_for_another_user_is_hung_up_on(victim: Victim, alice: Any) -> None:
    """Also a plain call, on a direct link: the registry may have mixed up two addresses."""
    link = victim.mallory.dial(alice.port)
    link.say("CHAT_REQ", json.dumps({"username": "mallory", "to": "bob"}))
    assert link.closed_by_remote()


def test_another_key_cannot_take_the_place(victim: Victim, alice: Any, tmp_path: Path) -> None:
    """A call under mallory's name with a key of eve's moves nothing."""
    circuit = victim.mallory.call_by_circuit("alice")
    sync(circuit)
    settled(circuit, 1)
    (tmp_path / "eve").mkdir()
    eve = HostileContact(victim.mallory.serve, tmp_path / "eve", f"eve{tmp_path.name[-20:]}")
    link = move(eve, alice.port, username="mallory")
    assert link.hear() == ("CHAT_REQ_RESP", '{"reply":"REJECT"}')
    assert link.closed_by_remote()
    settled(circuit, 2)
    eve.close()


@pytest.mark.parametrize("answer", [{"punch": [["bob.example", 5000]]}, {"punch": None}])
def test_invalid_answer_to_the_nodes_own_offer(
    victim: Victim, alice: Program, answer: dict[str, Any]
) -> None:
    """The node that has called offers first; an invalid answer closes the link alone."""
    alice.type("/chat mallory")
    link = victim.mallory.answer_by_circuit()
    link.say("SYNC", json.dumps({"last_in": 0, "sum": NO_SUM}))
    hear(link, "PATHS")
    offer(link, **answer)
    while link.socket.recv(4096):
        pass
    assert victim.status["internal_errors"] == 0


def test_answer_that_leads_to_this_machine(victim: Victim, alice: Program, trap: Trap) -> None:
    """The node says GO, and dials nothing."""
    alice.type("/chat mallory")
    link = victim.mallory.answer_by_circuit()
    link.say("SYNC", json.dumps({"last_in": 0, "sum": NO_SUM}))
    hear(link, "PATHS")
    offer(link, punch=[["127.0.0.1", trap.port]], listens=[["127.0.0.1", trap.port]])
    hear(link, "GO")
    settled(link, 1)
    assert trap.is_untouched
