"""A scripted hostile contact: it has an account and a key, was accepted once, and misbehaves."""

import json
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
        link = self._join(met["ticket"], dialled=True)
        assert link is not None
        request = json.dumps({"username": self.name, "to": contact})
        assert link.ask("CHAT_REQ", request) == ("CHAT_REQ_RESP", ACCEPTED)
        return link

    def answer_by_circuit(self) -> Raw:
        """Accept the next call that comes through the registry; return the link."""
        link = None
        while link is None:  # a ticket of a node that has ended is of no use
            link = self._join(hear(self._node, "MEETING")["ticket"], dialled=False)
        assert link.hear()[0] == "CHAT_REQ"
        link.say("CHAT_REQ_RESP", '{"reply":"ACCEPT"}')
        return link

    def _join(self, ticket: str, *, dialled: bool) -> Raw | None:
        circuit = Circuit(self.serve)
        circuit.join(ticket)
        if circuit.hears()[0] != "JOINED":
            return None
        link = OnCircuit(circuit, self._identity, dialled=dialled)
        self._links.append(link)
        return link

    def dial(self, port: int) -> Raw:
        """Return a link on which nothing was sent."""
        link = SecurePeer(port, self._identity)
        self._links.append(link)
        return link


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
