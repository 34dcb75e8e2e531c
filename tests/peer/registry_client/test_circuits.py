"""The beginning of a circuit at its client: what follows JOINED belongs to the other user."""

from typing import Any

import pytest

from p2pchat.callbacks import ignore
from p2pchat.errors import P2PError, Unreachable
from p2pchat.net.loop import Loop
from p2pchat.peer.registry_client.circuits import Circuits
from p2pchat.protocol.address import Address
from p2pchat.protocol.circuit import CIRCUIT, Joined, NoCircuit
from p2pchat.protocol.messages import Message, Reason
from tests.fakes import MemoryTransport, advance, settle, wire

TICKET = bytes(16)


class Machine:
    """A dialer whose registry's end is in `registry`."""

    def __init__(self, loop: Loop, *, knows: bool = True) -> None:
        self.ours, self.registry = wire(loop)
        self._knows = knows

    def machine_at(self, relay: str) -> Any:
        return self if self._knows else None

    def dial_tls(self, alpn: str, then: Any, failed: Any, *, from_port: int | None) -> Any:
        assert (alpn, from_port) == ("p2pchat-circuit/1", 0)
        then(self.ours, None)
        return self

    def close(self) -> None:
        """Do nothing: it is connected."""


class Attempt:
    """A dialled circuit, and what became of it."""

    def __init__(self, loop: Loop, *, knows: bool = True) -> None:
        self.machine = Machine(loop, knows=knows)
        self.wires: list[MemoryTransport] = []
        self.errors: list[P2PError] = []
        self.heard: list[bytes] = []
        dialer: Any = self.machine
        self.dial = Circuits(loop, dialer).dial("bob", TICKET, "", self._joined, self.errors.append)
        settle(loop)

    def _joined(self, made: Any) -> None:
        self.wires.append(made)
        made.on_data = self.heard.append


def told(*messages: Message) -> bytes:
    return b"".join(map(CIRCUIT.encode, messages))


def test_what_follows_joined_keeps_its_order(loop: Loop) -> None:
    """Bytes in the same piece as JOINED precede all later ones."""
    attempt = Attempt(loop)
    attempt.machine.ours.on_data(told(Joined("5.5.5.5", 4000)) + b"first ")
    attempt.machine.ours.on_data(b"second")
    settle(loop)
    assert b"".join(attempt.heard) == b"first second"
    (made,) = attempt.wires
    assert made.circuit == (Address("5.5.5.5", 4000), False)
    assert made.origin == "circuit of bob"


@pytest.mark.parametrize("reason", [Reason.SILENT, Reason.RELAY_FULL, Reason.BAD_TICKET])
def test_refused_circuit_says_why(loop: Loop, reason: Reason) -> None:
    """The registry's reason becomes the error's, once."""
    attempt = Attempt(loop)
    attempt.machine.ours.on_data(told(NoCircuit(reason)))
    settle(loop)
    (error,) = attempt.errors
    assert isinstance(error, Unreachable)
    assert error.reason
    assert attempt.wires == []


def test_registry_that_says_nothing(loop: Loop) -> None:
    """A circuit that does not come about ends in time, and its connection with it."""
    attempt = Attempt(loop)
    advance(loop, 23)
    assert len(attempt.errors) == 1
    assert attempt.machine.ours.ended


def test_machine_that_is_none_of_the_registrys(loop: Loop) -> None:
    """A registry cannot have us dial anything else."""
    attempt = Attempt(loop, knows=False)
    (error,) = attempt.errors
    assert "none of its own" in error.what


def test_given_up_circuit(loop: Loop) -> None:
    """No callback follows."""
    attempt = Attempt(loop)
    attempt.dial.close()
    attempt.machine.registry.on_closed = ignore
    settle(loop)
    assert (attempt.wires, attempt.errors) == ([], [])
