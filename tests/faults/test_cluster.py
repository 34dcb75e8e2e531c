"""Three registries that share a PostgreSQL: their guarantees, and what can break."""

import json
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.conformance.secure_client import KEY, Circuit, Secure
from tests.faults.crowd import CHEAP, Member
from tests.postgres import Postgres, end_connections
from tests.programs import WITH_EXTRAS, Program, Serve, environment, running

LEASE = 1.5
never_expires = pytest.mark.parametrize("nodes", [600.0], indirect=True, ids=["long-lease"])
"""For tests in which no node dies: none is taken for dead on a busy machine."""


@pytest.fixture
def nodes(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> Iterator[list[Serve]]:
    """Yield three nodes; the parameter is their lease."""
    lease = getattr(request, "param", LEASE)
    with ExitStack() as stack:
        made = []
        for i in range(3):
            shared = ("--database", database, "--lease", str(lease), "--hello-interval", "1")
            serve = Serve(tmp_path / f"n{i}", *CHEAP, *shared, env=WITH_EXTRAS)
            made.append(serve)
            stack.enter_context(running(serve))
        yield made


@pytest.fixture
def listed_nodes(nodes: list[Serve]) -> list[Serve]:
    """Return three nodes once the first, by which clients come, has listed the others for them."""
    deadline = time.monotonic() + 20
    member = Member(nodes[0], "first", errand=True)
    while len(member.grant["nodes"]["nodes"]) < len(nodes) - 1:
        assert time.monotonic() < deadline, "the nodes have not heard of each other"
        member.close()
        member = Member(nodes[0], "first", errand=True, is_known=True)
    member.close()
    return nodes


def wait_until_found(searcher: Member, username: str) -> None:
    """Wait until a user at another node is found."""
    deadline = time.monotonic() + 20
    while searcher.tell("SEARCH", username=username)[1].get("presence") != "ONLINE":
        assert time.monotonic() < deadline, f"{username} is not found"


@never_expires
def test_user_at_one_node_is_found_at_all(nodes: list[Serve]) -> None:
    """Users are found and watched at all nodes and listeners; names and addresses are unique."""
    alice = Member(nodes[0], "alice", port=4001)
    bob = Member(nodes[1], "bob", port=4002)
    _, found = bob.tell("SEARCH", username="alice")
    assert (found["presence"], found["port"]) == ("ONLINE", 4001)
    assert bob.finds("nobody") == "NOT_FOUND"
    assert Secure(nodes[2]).tell("REG", username="alice", password="password")[1] == {
        "outcome": "FAIL",
        "reason": "NAME_TAKEN",
    }
    olga = nodes[2].dial()
    assert olga.ask("REG", "olga pw") == ("REG_RESP", "OK")
    assert olga.ask("SEARCH", "alice") == ("SEARCH_RESP", "OFFLINE")
    assert olga.ask("PS_PORT", "4001") == ("PS_PORT_RESP", "FAIL")
    assert bob.tell("WATCH", usernames=["olga", "bob"])[1]["sightings"] == [
        {"username": "olga", "result": {"presence": "OFFLINE"}},
        {
            "username": "bob",
            "result": {"presence": "ONLINE", "host": "127.0.0.1", "port": 4002, "key": KEY},
        },
    ]
    assert olga.ask("PS_PORT", "4003") == ("PS_PORT_RESP", "OK")
    assert bob.told_of("olga")["port"] == 4003
    assert nodes[0].dial().ask("SEARCH", "olga") == ("SEARCH_RESP", "127.0.0.1 4003")
    olga.say("LOGOUT")
    assert bob.told_of("olga", "OFFLINE") == {"presence": "OFFLINE"}
    alice.close()
    bob.close()


@never_expires
def test_login_at_another_node_ends_the_older_one(nodes: list[Serve]) -> None:
    """A token works at every node, and ending all logins reaches every node."""
    first = Member(nodes[0], "alice", port=4001)
    second = Member(nodes[1], "alice", token=first.grant["token"], port=4002)
    assert first.hear() == ("BYE", '{"reason":"REPLACED"}')
    errand = Member(nodes[2], "alice", token=first.grant["token"], errand=True)
    _, found = errand.tell("SEARCH", username="alice")
    assert found["port"] == 4002
    assert errand.tell("REVOKE")[1]["outcome"] == "OK"
    assert second.hear() == ("BYE", '{"reason":"LOGGED_OUT"}')
    errand.close()


@never_expires
def test_user_who_moves_while_the_old_link_is_open(nodes: list[Serve]) -> None:
    """After many moves the watchers at every node know where the user is."""
    watchers = [Member(serve, f"watcher{n}", errand=True) for n, serve in enumerate(nodes)]
    alice = Member(nodes[0], "alice", port=4001)
    for watcher in watchers:
        watcher.tell("WATCH", usernames=["alice"])
    for move in range(40):
        port = 5001 + move
        moved = Member(nodes[(move + 1) % 3], "alice", token=alice.grant["token"], port=port)
        assert alice.hear() == ("BYE", '{"reason":"REPLACED"}')
        alice.close()
        alice = moved
        for watcher in watchers:
            while watcher.told_of("alice")["port"] != port:
                pass
    for watcher in watchers:
        watcher.say("SEARCH", '{"username":"alice"}')
        while (heard := watcher.hear())[0] != "SEARCH_RESP":
            assert json.loads(heard[1])["result"].get("port") == port
        assert json.loads(heard[1])["port"] == port
        watcher.close()
    alice.close()


@never_expires
def test_concurrent_registrations_of_one_name(nodes: list[Serve]) -> None:
    """If two nodes register a name at once, exactly one succeeds."""
    outcomes: dict[str, list[str]] = {f"user{i}": [] for i in range(20)}
    gate = threading.Barrier(2)

    def register(serve: Serve) -> None:
        for name, seen in outcomes.items():
            client = Secure(serve)
            gate.wait()
            answer = client.tell("REG", username=name, password="password")[1]
            seen.append(answer.get("reason", "OK"))
            client.close()

    threads = [threading.Thread(target=register, args=(serve,)) for serve in nodes[:2]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {tuple(sorted(seen)) for seen in outcomes.values()} == {("NAME_TAKEN", "OK")}


@pytest.mark.parametrize(
    ("nodes", "how"),
    [(LEASE, signal.SIGKILL), (60.0, signal.SIGTERM)],  # a lease that is not waited for
    indirect=["nodes"],
    ids=["kill", "end"],
)
def test_users_of_a_dead_node_go_offline(nodes: list[Serve], how: signal.Signals) -> None:
    """They are offline within the lease, or at once if the node could say so, and log
    in elsewhere.
    """
    alice = Member(nodes[0], "alice", port=4001)
    bob = Member(nodes[1], "bob", port=4002)
    assert bob.tell("WATCH", usernames=["alice"])[1]["sightings"][0]["result"]["port"] == 4001
    nodes[0].signal(how)
    began = time.monotonic()
    bob.told_of("alice", "OFFLINE")
    took = time.monotonic() - began
    print(f"offline {took:.2f} s after {how.name}")
    again = Member(nodes[2], "alice", token=alice.grant["token"], port=4003)
    assert bob.told_of("alice")["port"] == 4003
    again.close()
    bob.close()


@never_expires
def test_people_at_different_nodes_are_joined(nodes: list[Serve]) -> None:
    """The caller's node keeps the circuit, and the callee's node tells the callee of it."""
    alice = Member(nodes[0], "alice", port=4001, can=("meet",))
    bob = Member(nodes[1], "bob", port=4002, can=("meet",))
    Member(nodes[1], "older", port=4003)
    assert alice.tell("SEARCH", username="bob")[1]["meets"] is True
    for name in ("older", "nobody"):
        refusal = {"outcome": "FAIL", "reason": "OFFLINE"}
        assert alice.tell("MEET", username=name)[1] == refusal
    result = alice.tell("MEET", username="bob")[1]
    assert result["outcome"] == "OK"
    assert "relay" not in result
    command, payload = bob.hear()
    meeting = json.loads(payload)
    assert (command, meeting["username"]) == ("MEETING", "alice")
    assert meeting["relay"].partition("#")[2] == nodes[0].join.partition("#")[2]
    ends = Circuit(nodes[0]), Circuit(nodes[0])
    for end, ticket in zip(ends, (result["ticket"], meeting["ticket"]), strict=True):
        end.join(ticket)
    for end in ends:
        assert end.hears()[0] == "JOINED"
    ends[0].socket.sendall(b"hello")
    assert ends[1].socket.recv(100) == b"hello"


def test_people_at_different_nodes_chat(listed_nodes: list[Serve], tmp_path: Path) -> None:
    """Two programs at two nodes, neither of which accepts connections, send each other lines."""
    env = {}
    for name, serve in (("alice", listed_nodes[0]), ("bob", listed_nodes[1])):
        env[name] = environment(tmp_path / name) | {
            "P2P_REGISTRY": serve.join,
            "P2P_PASSWORD": "password",
        }
        assert Program("register", name, env=env[name]).end()[0] == 0
    lost = ("--peer-host", "127.0.0.9")  # where the registry tells nobody to dial
    with (
        running(Program("login", "--json", *lost, env=env["alice"])) as alice,
        running(Program("login", "--json", *lost, env=env["bob"])) as bob,
    ):
        for program in (alice, bob):
            program.wait_for('"logged_in"')
        alice.type('{"command": "chat", "user": "bob"}')
        bob.wait_for('"request"')
        bob.type('{"command": "accept", "user": "alice"}')
        alice.wait_for('"path": *"relayed"')
        alice.type('{"command": "send", "to": "bob", "text": "across"}')
        bob.wait_for('"text": *"across"')
        alice.wait_for('"delivered"')


def test_node_that_carries_a_talk_is_killed(listed_nodes: list[Serve], tmp_path: Path) -> None:
    """The circuit is at the caller's node; both find each other again, and no line is lost."""
    people = {}
    with ExitStack() as stack:
        for name, serve in (("alice", listed_nodes[0]), ("bob", listed_nodes[1])):
            env = environment(tmp_path / name, P2P_REGISTRY=serve.join, P2P_PASSWORD="password")
            assert Program("register", name, env=env).end()[0] == 0
            program = Program("login", "--json", "--hide-address", env=env)
            people[name] = stack.enter_context(running(program))
            program.wait_for('"logged_in"')
        alice, bob = people.values()
        alice.type('{"command": "chat", "user": "bob"}')
        bob.wait_for('"request"')
        bob.type('{"command": "accept", "user": "alice"}')
        alice.wait_for('"path": *"relayed"')
        for n in range(40):
            if n == 20:
                listed_nodes[0].kill()
            for person, other in ((alice, "bob"), (bob, "alice")):
                order = {"command": "send", "to": other, "text": f"line {n}"}
                person.type(json.dumps(order))
        for person in (alice, bob):
            for n in range(40):
                said = person.wait_for('"text": *"(line [0-9]+)"')[1]
                assert said == f"line {n}"


def test_clients_continue_at_another_node(listed_nodes: list[Serve], tmp_path: Path) -> None:
    """Clients have learned the links of the other nodes."""
    nodes = listed_nodes
    home = {
        name: environment(tmp_path / name, P2P_REGISTRY=nodes[0].join, P2P_PASSWORD="password")
        for name in ("alice", "bob")
    }
    for name, env in home.items():
        assert Program("register", name, env=env).end()[0] == 0
    bob = Program("login", env=home["bob"])
    with running(bob):
        bob.wait_for("logged in as bob")
        nodes[0].kill()
        bob.wait_for("registry is back")
        code, err = Program("search", "bob", env=home["alice"]).end()
        assert code == 0, err
        alice = Program("chat", "bob", env=home["alice"])
        bob.wait_for("alice wants to chat")
        bob.type("/accept")
        alice.type("still here")
        bob.wait_for("^alice: still here$")
        assert alice.end()[0] == 0


def test_clients_of_a_hung_node_move(listed_nodes: list[Serve], tmp_path: Path) -> None:
    """Clients of a node that accepts connections but does not answer log in elsewhere."""
    nodes = listed_nodes
    env = environment(tmp_path / "alice", P2P_REGISTRY=nodes[0].join, P2P_PASSWORD="password")
    assert Program("register", "alice", env=env).end()[0] == 0
    with running(Program("login", "--headless", env=env)) as alice:
        alice.wait_for("logged in as alice")
        nodes[0].signal(signal.SIGSTOP)
        began = time.monotonic()
        alice.wait_for("registry is back")
        print(f"at another node {time.monotonic() - began:.1f} s after SIGSTOP")
        bob = Member(nodes[1], "bob", errand=True)
        wait_until_found(bob, "alice")
        bob.close()
        nodes[0].signal(signal.SIGCONT)


def test_hung_database(nodes: list[Serve], postgres: Postgres) -> None:
    """Sessions survive; requests that need the database get SLOW_DOWN until it continues."""
    alice = Member(nodes[0], "alice", port=4001)
    bob = Member(nodes[1], "bob", port=4002)
    with postgres.stopped():
        began = time.monotonic()
        command, _ = bob.tell("SEARCH", username="alice")
        took = time.monotonic() - began
        assert command == "SLOW_DOWN"
        assert bob.finds("bob") == "ONLINE"
        print(f"told to come again after {took:.1f} s")
    wait_until_found(bob, "alice")
    wait_until_found(alice, "bob")
    alice.close()
    bob.close()


def test_broken_database_connections(nodes: list[Serve], database: str) -> None:
    """If every connection breaks, changes made meanwhile are known soon."""
    alice = Member(nodes[0], "alice", port=4001)
    bob = Member(nodes[1], "bob", port=4002)
    Member(nodes[2], "carol", errand=True).close()
    bob.tell("WATCH", usernames=["carol"])
    end_connections(database)
    carol = None
    while carol is None:
        try:
            carol = Member(nodes[2], "carol", port=4004, is_known=True)
        except AssertionError as refused:
            if "SLOW_DOWN" not in str(refused):
                raise
    assert bob.told_of("carol")["port"] == 4004
    wait_until_found(alice, "carol")
    for member in (alice, bob, carol):
        member.close()


def test_node_with_an_expired_lease_recovers(nodes: list[Serve]) -> None:
    """Its users go offline and come back, except those who have moved."""
    alice = Member(nodes[0], "alice", port=4001)
    bob = Member(nodes[0], "bob", port=4002)
    carol = Member(nodes[1], "carol", port=4003)
    carol.tell("WATCH", usernames=["alice", "bob"])
    nodes[0].signal(signal.SIGSTOP)
    carol.told_of("bob", "OFFLINE")
    moved = Member(nodes[2], "alice", token=alice.grant["token"], port=4005)
    assert carol.told_of("alice")["port"] == 4005
    nodes[0].signal(signal.SIGCONT)
    assert alice.hear() == ("BYE", '{"reason":"REPLACED"}')
    assert carol.told_of("bob")["port"] == 4002
    wait_until_found(carol, "alice")
    for member in (bob, carol, moved):
        member.close()


def test_unusable_shared_database_is_reported(database: str, tmp_path: Path) -> None:
    """An unsupported, unreachable or driverless database is reported."""
    end_connections(database)
    for url, extras, code, why in (
        ("mysql://localhost/x", WITH_EXTRAS, 2, "is not a database that registries can share"),
        ("postgresql://127.0.0.1:1/x", WITH_EXTRAS, 1, "the shared database cannot be used"),
        (database, {}, 2, "pip install 'p2pchat[postgres]'"),
    ):
        env = environment(tmp_path, **extras)
        ended = Program("serve", "--database", url, "--port", "0", "--no-original", env=env).end()
        assert ended[0] == code, ended
        assert why in ended[1]


def test_missed_logout_takes_effect_later(
    nodes: list[Serve], database: str, tmp_path: Path
) -> None:
    """A user who was disabled or kicked while a node missed notifications is logged out."""
    alice = Member(nodes[0], "alice", port=4001)
    bob = Member(nodes[0], "bob", port=4002)
    carol = Member(nodes[0], "carol", port=4003)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
        connection.execute("UPDATE account SET disabled = TRUE WHERE username = 'alice'")
        connection.execute("DELETE FROM token WHERE username = 'bob'")
    for member in (alice, bob):
        assert member.hear() == ("BYE", '{"reason":"LOGGED_OUT"}')
    assert carol.finds("carol") == "ONLINE"
    carol.close()


@never_expires
def test_concurrent_logins_at_two_nodes(nodes: list[Serve]) -> None:
    """One of two concurrent logins remains, and that one is found."""
    first = Member(nodes[2], "alice")
    token = first.grant["token"]
    bob = Member(nodes[2], "bob")
    for _ in range(10):
        gate = threading.Barrier(2)
        members: list[Member] = []

        def log_in(serve: Serve, gate: threading.Barrier, made: list[Member]) -> None:
            gate.wait()
            made.append(Member(serve, "alice", token=token))

        threads = [
            threading.Thread(target=log_in, args=(serve, gate, members)) for serve in nodes[:2]
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ready, _, _ = select.select([m.socket for m in members], [], [], 20)
        assert len(ready) == 1
        (left,) = (m for m in members if m.socket not in ready)
        assert left.tell("PS_PORT", port=4001)[1]["outcome"] == "OK"
        wait_until_found(bob, "alice")
        for member in members:
            member.close()
