"""Meetings, circuits and PING (PROTOCOL, "Meeting", "Circuit"), by raw bytes over Python's TLS."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.secure_client import KEY, Circuit, Secure
from tests.programs import Raw, Serve, frame, running

Online = Callable[..., Secure]


@pytest.fixture
def online(registry: Serve, free_port: int) -> Online:
    """Return a function that brings a user online, whose client can meet by default."""
    ports = iter(range(free_port + 20_000, 65_000))

    def online(name: str, can: list[str] | None = None) -> Secure:
        client = Secure(registry)
        client.register(name, can=["meet"] if can is None else can)
        assert client.tell("PS_PORT", port=next(ports))[1]["outcome"] == "OK"
        return client

    return online


@pytest.fixture
def pair(online: Online, name: str) -> tuple[Secure, Secure]:
    """Return two users who can meet; their names are `name` with -a and -b."""
    return online(f"{name}-a"), online(f"{name}-b")


def _meeting(pair: tuple[Secure, Secure], name: str) -> tuple[str, str]:
    """Let the first user ask for the second; return both tickets."""
    alice, bob = pair
    command, result = alice.tell("MEET", username=f"{name}-b", id=3)
    assert (command, result["outcome"], result["id"]) == ("MEET_RESP", "OK", 3)
    command, payload = bob.hear()
    meeting = json.loads(payload)
    assert (command, meeting["username"]) == ("MEETING", f"{name}-a")
    assert len(base64.b64decode(meeting["ticket"])) == 16
    assert meeting["ticket"] != result["ticket"]
    return result["ticket"], meeting["ticket"]


def test_circuit_from_meeting_to_end(
    registry: Serve, pair: tuple[Secure, Secure], name: str
) -> None:
    """Two ends with tickets are joined; bytes pass in both directions until one ends."""
    tickets = _meeting(pair, name)
    alice, bob = Circuit(registry), Circuit(registry)
    alice.join(tickets[0])
    alice.socket.sendall(b"early ")
    bob.join(tickets[1])
    for end in (alice, bob):
        command, joined = end.hears()
        assert (command, joined["host"]) == ("JOINED", "127.0.0.1")
        assert joined["port"] == end.socket.getsockname()[1]
    alice.socket.sendall(b"and later")
    heard = b""
    while len(heard) < 15:
        heard += bob.socket.recv(100)
    assert heard == b"early and later"
    bob.socket.sendall(b"back")
    assert alice.socket.recv(100) == b"back"
    bob.close()
    assert alice.closed_by_remote()


def test_ticket_opens_one_circuit_only(
    registry: Serve, pair: tuple[Secure, Secure], name: str
) -> None:
    """A ticket that was used, or never given, is refused."""
    ours, theirs = _meeting(pair, name)
    ends = Circuit(registry), Circuit(registry)
    for end, ticket in zip(ends, (ours, theirs), strict=True):
        end.join(ticket)
    for end in ends:
        assert end.hears()[0] == "JOINED"  # so that the tickets have been used before the others
    for ticket in (ours, theirs, base64.b64encode(bytes(16)).decode()):
        thief = Circuit(registry)
        thief.join(ticket)
        assert thief.hears() == ("NO_CIRCUIT", {"reason": "BAD_TICKET"})
        assert thief.closed_by_remote()


@pytest.mark.parametrize(
    "data",
    [
        frame("JOIN", '{"ticket":"AAAA"}'),
        frame("JOIN", "{}"),
        frame("LOG", '{"username":"alice"}'),
        b"x" * 25,
        frame("JOIN", '{"ticket":"' + "A" * 300 + '"}'),
    ],
)
def test_invalid_first_bytes_close_a_circuit(registry: Serve, data: bytes) -> None:
    """Whatever is no ticket ends the connection."""
    end = Circuit(registry)
    end.socket.sendall(data)
    assert end.closed_by_remote()


def test_users_who_cannot_be_met(online: Online, name: str) -> None:
    """Unknown users, those who are offline, and those with older clients are all OFFLINE."""
    alice = online(f"{name}-a")
    online(f"{name}-old", can=[])
    online(f"{name}-gone").close()
    for other in ("nobody", f"{name}-old", f"{name}-gone"):
        _, result = alice.tell("MEET", username=other)
        assert result == {"outcome": "FAIL", "reason": "OFFLINE"}


def test_search_tells_who_can_be_met(online: Online, name: str) -> None:
    """SEARCH_RESP has `meets` for clients that can meet, and not for others."""
    alice = online(f"{name}-a")
    online(f"{name}-old", can=["something-else"])
    assert alice.tell("SEARCH", username=f"{name}-a")[1]["meets"] is True
    assert "meets" not in alice.tell("SEARCH", username=f"{name}-old")[1]


@pytest.fixture
def hidden(registry: Serve, name: str) -> Secure:
    """Return a user `name`-h who hides the address."""
    client = Secure(registry)
    client.register(f"{name}-h", can=["meet"])
    answer = client.tell("PS_PORT", port=None, hidden=True)
    assert answer == ("PS_PORT_RESP", {"outcome": "OK"})
    return client


def test_hidden_user_is_online_to_clients_that_can_meet(
    registry: Serve, online: Online, hidden: Secure, name: str
) -> None:
    """Nobody is told the address; who cannot meet the user is told that they are offline."""
    known, alice, old = {"key": KEY}, online(f"{name}-a"), online(f"{name}-b", can=[])
    for _ in range(2):  # the second answer may come from memory
        found = alice.tell("SEARCH", username=f"{name}-h")[1]
        assert found == {"presence": "ONLINE", "meets": True} | known
        found = old.tell("SEARCH", username=f"{name}-h")[1]
        assert found == {"presence": "OFFLINE"} | known
    clear = Raw(registry.tcp)
    registry.close_too(clear)
    assert clear.ask("SEARCH", f"{name}-h") == ("SEARCH_RESP", "OFFLINE")
    _, result = alice.tell("MEET", username=f"{name}-h")
    assert result["outcome"] == "OK"
    assert hidden.hear()[0] == "MEETING"


def test_watchers_of_a_hidden_user(online: Online, hidden: Secure, name: str) -> None:
    """Reports, asked for and unasked, tell each watcher what a search would."""
    alice, old = online(f"{name}-a"), online(f"{name}-b", can=[])
    for watcher, presence in ((alice, "ONLINE"), (old, "OFFLINE")):
        (sighting,) = watcher.tell("WATCH", usernames=[f"{name}-h"])[1]["sightings"]
        assert sighting["result"]["presence"] == presence
        assert not {"host", "port"} & sighting["result"].keys()
    hidden.tell("PS_PORT", port=None, hidden=True)
    for watcher, presence in ((alice, "ONLINE"), (old, "OFFLINE")):
        command, payload = watcher.hear()
        assert (command, json.loads(payload)["result"]["presence"]) == ("PRESENCE", presence)
    hidden.close()
    for watcher in (alice, old):
        assert json.loads(watcher.hear()[1])["result"]["presence"] == "OFFLINE"


def test_address_that_is_hidden_later(online: Online, name: str) -> None:
    """A user may hide an address that was announced, and announce one again."""
    alice, bob = online(f"{name}-a"), online(f"{name}-b")
    port = bob.tell("SEARCH", username=f"{name}-a")[1]["port"]
    alice.tell("PS_PORT", port=None, hidden=True)
    assert "port" not in bob.tell("SEARCH", username=f"{name}-a")[1]
    assert bob.tell("PS_PORT", port=port)[1] == {"outcome": "OK"}  # it is free again
    assert alice.tell("PS_PORT", port=port)[1] == {"outcome": "FAIL", "reason": "PORT_TAKEN"}
    assert "port" not in bob.tell("SEARCH", username=f"{name}-a")[1]
    assert alice.tell("PS_PORT", port=port + 20_000)[1]["outcome"] == "OK"
    assert bob.tell("SEARCH", username=f"{name}-a")[1]["port"] == port + 20_000


def test_user_who_cannot_be_met_cannot_hide(registry: Serve, name: str) -> None:
    """Without an address and without circuits the user could not be reached at all."""
    client = Secure(registry)
    client.register(name, can=["something-else"])
    assert client.tell("PS_PORT", port=None, hidden=True)[1] == {"outcome": "FAIL"}


@pytest.mark.parametrize("ports", [{"port": 4000}, {"port": None, "clear_port": 4000}])
def test_hidden_user_with_a_port(online: Online, name: str, ports: dict[str, Any]) -> None:
    """A contradiction is refused like any invalid field: the connection is closed."""
    client = online(name)
    client.say("PS_PORT", json.dumps({"hidden": True, **ports}))
    assert client.closed_by_remote()


def test_ping_says_where_we_are(online: Online, name: str) -> None:
    """PONG has the address from which the registry sees the connection."""
    alice = online(name)
    assert alice.tell("PING", id=9) == (
        "PONG",
        {"host": "127.0.0.1", "port": alice.socket.getsockname()[1], "id": 9},
    )


@pytest.mark.parametrize("command", ["MEET", "PING"])
def test_meeting_needs_a_login(registry: Serve, command: str) -> None:
    """Before a login, MEET and PING are out of order."""
    client = Secure(registry)
    client.say(command, "{}")
    assert client.closed_by_remote()


def test_too_many_abilities_are_refused(registry: Serve, name: str) -> None:
    """At most 32 words of at most 16 letters are accepted."""
    for can in (["a"] * 33, ["a" * 17]):
        client = Secure(registry)
        client.say("REG", client.request(name, password="password", key=KEY, can=can))
        assert client.closed_by_remote()


def test_registry_that_passes_nothing_on(tmp_path: Path) -> None:
    """With --no-relay, circuits are short, and a pair gets few: enough to find a direct link."""
    with running(Serve(tmp_path / "r", "--quiet", "--no-relay", "--password-cost", "64:1")) as off:
        clients = [Secure(off), Secure(off)]
        for n, client in enumerate(clients):
            client.register(f"user{n}", can=["meet"])
            assert client.tell("PS_PORT", port=30_000 + n)[1]["outcome"] == "OK"
        for _ in range(2):
            ends = Circuit(off), Circuit(off)
            ends[0].join(clients[0].tell("MEET", username="user1")[1]["ticket"])
            ends[1].join(json.loads(clients[1].hear()[1])["ticket"])
            for end in ends:
                command, joined = end.hears()
                assert (command, joined["bytes"], joined["seconds"]) == ("JOINED", 65536, 60)
        assert clients[0].tell("MEET", username="user1")[1] == {
            "outcome": "FAIL",
            "reason": "RELAY_OFF",
        }
