"""A scripted hostile contact: it has an account and a key, was accepted once, and misbehaves."""

import json
import select
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conformance.secure_client import Circuit, OnCircuit, PeerIdentity, Secure, SecurePeer
from tests.programs import Program, Raw, Serve

NO_SUM = "0" * 32
ACCEPTED = '{"reply":"ACCEPT","can":["mailbox","files"]}'
"""A node accepts a call, and says what it can do."""


class HostileContact:
    """A registered user; `call` returns a link to a node, on which anything can be sent."""

    def __init__(self, serve: Serve, folder: Path, name: str = "mallory") -> None:
        self.name = name
        self._identity = PeerIdentity(folder)
        self._node = Secure(serve, self._identity.key)
        self._node.register(name, can=["meet"])
        self._node.tell("PS_PORT", port=None, hidden=True)
        self.serve = serve
        self._links: list[Raw] = []

    def hang_up(self) -> None:
        """Close all links to nodes."""
        for link in self._links:
            link.close()
        self._links.clear()

    def close(self) -> None:
        """Close all links and the session at the registry."""
        self.hang_up()
        self._node.close()

    def be_accepted(self, program: Program, port: int) -> Raw:
        """Call a node whose plain prompt is read, and be accepted."""
        link = self.dial(port)
        link.say("CHAT_REQ", json.dumps({"username": self.name}))
        program.wait_for(rf"^\* {self.name} wants to chat")
        program.type("/accept")
        assert link.hear() == ("CHAT_REQ_RESP", ACCEPTED)
        return link

    def call(self, port: int, *, can: Sequence[str] = ()) -> Raw:
        """Call a node that knows us; return the link, on which SYNC is due."""
        link = self.dial(port)
        assert link.ask("CHAT_REQ", json.dumps({"username": self.name, "can": list(can)})) == (
            "CHAT_REQ_RESP",
            ACCEPTED,
        )
        return link

    def call_by_circuit(self, contact: str) -> Raw:
        """Call a node that knows us through the registry; return the link, on which SYNC is due."""
        self._node.say("MEET", json.dumps({"username": contact}))
        met = hear(self._node, "MEET_RESP")  # the node may ask for us meanwhile
        assert met["outcome"] == "OK", met
        circuit = self._joining(met["ticket"])
        assert circuit.hears()[0] == "JOINED"
        link = self._on(circuit, dialled=True)
        request = json.dumps({"username": self.name, "to": contact})
        assert link.ask("CHAT_REQ", request) == ("CHAT_REQ_RESP", ACCEPTED)
        return link

    def answer_by_circuit(self) -> Raw:
        """Accept the next call that comes through the registry; return the link.

        A node that has ended may have left a ticket, for which the registry waits a while.
        """
        joining: list[Circuit] = []
        while True:
            ready = _one_with_data([self._node, *joining])
            if ready is self._node:
                joining.append(self._joining(hear(self._node, "MEETING")["ticket"]))
                continue
            circuit = next(one for one in joining if one is ready)
            joining.remove(circuit)
            if circuit.hears()[0] == "JOINED":
                break
        link = self._on(circuit, dialled=False)
        assert link.hear()[0] == "CHAT_REQ"
        link.say("CHAT_REQ_RESP", '{"reply":"ACCEPT"}')
        return link

    def _joining(self, ticket: str) -> Circuit:
        circuit = Circuit(self.serve)
        circuit.join(ticket)
        return circuit

    def _on(self, circuit: Circuit, *, dialled: bool) -> Raw:
        link = OnCircuit(circuit, self._identity, dialled=dialled)
        self._links.append(link)
        return link

    def dial(self, port: int) -> Raw:
        """Return a link on which nothing was sent."""
        link = SecurePeer(port, self._identity)
        self._links.append(link)
        return link


def _one_with_data(links: list[Any]) -> Any:
    """Wait until one of these TLS connections has something to be heard; return it."""
    for link in links:
        if link.socket.pending():
            return link
    ready, _, _ = select.select([link.socket for link in links], [], [], 20)
    assert ready, "nothing is said"
    return next(link for link in links if link.socket is ready[0])


def sync(link: Raw, last_in: int = 0, total: str = NO_SUM) -> dict[str, Any]:
    """Send our position and return the node's."""
    link.say("SYNC", json.dumps({"last_in": last_in, "sum": total}))
    return hear(link, "SYNC")


def hear(link: Raw, command: str) -> dict[str, Any]:
    """Return the fields of the next message with this command, skipping others."""
    while True:
        said, payload = link.hear()
        if said == command:
            return dict(json.loads(payload))


def line(number: int, text: str = "x") -> str:
    """Return the payload of a line."""
    return json.dumps({"text": text, "seq": number, "id": f"m{number}", "at": 1})


def say_lines(link: Raw, numbers: Sequence[int], text: str = "x") -> None:
    """Send lines with these numbers as fast as possible."""
    for number in numbers:
        link.say("MSG", line(number, text))
