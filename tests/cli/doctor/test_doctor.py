"""`p2p doctor`: what works, what does not, within its time and without side effects."""

import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import Program, Serve, environment, running

MARKS = {"ok", "warn", "wrong", "skip"}


class Patient:
    """A user with a home, who may have an account at a registry."""

    def __init__(self, home: Path, registry: str) -> None:
        self.home = home
        self.env = environment(home, P2P_REGISTRY=registry)

    def register(self, name: str) -> None:
        env = self.env | {"P2P_PASSWORD": "password"}
        assert Program("register", name, env=env).end()[0] == 0

    def look(self, *flags: str) -> tuple[int, dict[str, tuple[str, str]]]:
        """Return the exit code, and the result and text of the last finding of each check."""
        program = Program("doctor", "--json", *flags, env=self.env)
        code, err = program.end()
        assert err == ""
        found = [json.loads(line) for line in program.said]
        assert {each["result"] for each in found} <= MARKS
        return code, {each["check"]: (each["result"], each["what"]) for each in found}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Yield a registry for this module."""
    folder = tmp_path_factory.mktemp("registry")
    serve = Serve(folder, "--quiet", "--password-cost", "64:1")
    with running(serve):
        yield serve


@pytest.fixture
def alice(tmp_path: Path, registry: Serve) -> Patient:
    """Return a user who knows the registry by its join link."""
    return Patient(tmp_path, registry.join)


def test_everything_works_with_an_account(tmp_path: Path) -> None:
    """Every check passes without and with a running node, which stays online."""
    serve = Serve(tmp_path / "r", "--quiet", "--password-cost", "64:1")
    with running(serve):
        alice = Patient(tmp_path / "alice", serve.join)
        alice.register("alice")
        program = Program("doctor", env=alice.env)
        assert program.end() == (0, "")
        lines = "\n".join(program.said)
        assert "ok registry: 127.0.0.1:" in lines
        assert "ok certificate: its key is the one in the URL, #" in lines
        assert "ok login: as alice, with the stored token" in lines
        assert "ok heartbeat: answered; the registry sees it come from 127.0.0.1:" in lines
        assert "ok nat: none; the registry sees this machine's own 127.0.0.1" in lines
        assert "skip router: not asked for a port; the registry is on this machine" in lines
        assert "ok node: none is running" in lines
        assert "warn address: contacts are told 127.0.0.1: only those on this machine" in lines
        assert "  likely: you reach the registry by loopback" in lines
        assert "ok listener: 127.0.0.1:" in lines
        login = Program("login", "alice", env=alice.env)
        with running(login):
            port = login.wait_for(r"logged in as alice .* listening on 127\.0\.0\.1:(\d+)")[1]
            code, found = alice.look()
            assert code == 0
            assert found["node"] == ("ok", "node: online as alice")
            assert found["circuit"][0] == "ok"
            assert f"127.0.0.1:{port} accepts connections" in found["door"][1]
            assert f"told 127.0.0.1:{port}: " in found["address"][1]
            login.type("/quit")
            assert login.end()[0] == 0
        assert "logged in elsewhere" not in "\n".join(login.said)


def test_registry_that_passes_nothing_on(tmp_path: Path) -> None:
    """An operator may have restricted circuits to short ones."""
    serve = Serve(tmp_path / "r", "--quiet", "--no-relay", "--password-cost", "64:1")
    with running(serve):
        alice = Patient(tmp_path / "alice", serve.join)
        alice.register("alice")
        assert alice.look()[1]["circuit"][0] == "skip"
        login = Program("login", "alice", "--headless", env=alice.env)
        with running(login):
            login.wait_for("logged in as alice")
            code, found = alice.look()
    assert (code, found["circuit"][0]) == (0, "warn")
    assert "joins you with others for a minute" in found["circuit"][1]


def test_hidden_address_without_a_node(alice: Patient) -> None:
    """What the settings say is reported, and no listener is opened."""
    alice.register("anni")
    alice.env["P2P_HIDE_ADDRESS"] = "true"
    code, found = alice.look()
    assert code == 0
    assert found["address"] == (
        "ok",
        "address: hidden; contacts reach you through the registry alone",
    )
    assert found["door"][0] == "skip"


def test_node_that_refuses_circuits(tmp_path: Path) -> None:
    """It is not the registry that joins nobody."""
    with running(Serve(tmp_path / "r", "--quiet", "--password-cost", "64:1")) as serve:
        alice = Patient(tmp_path / "alice", serve.join)
        alice.register("alice")
        login = Program("login", "alice", "--headless", "--no-relay", env=alice.env)
        with running(login):
            login.wait_for("logged in as alice")
            code, found = alice.look()
    assert (code, found["circuit"]) == (
        0,
        ("warn", "circuit: your node cannot be met through the registry"),
    )


def test_without_an_account(alice: Patient, registry: Serve) -> None:
    """Checks that need an account are skipped, and no key is pinned."""
    alice.env["P2P_REGISTRY"] = registry.join.partition("#")[0]
    for _ in range(2):
        code, found = alice.look()
        assert code == 0
        assert found["certificate"][0] == "warn"
        assert "will be trusted at first use" in found["certificate"][1]
        assert {n for n, (mark, _) in found.items() if mark == "skip"} == {
            *("login", "heartbeat", "nat", "router", "node", "circuit", "mailbox", "address")
        }
        assert found["door"][0] == "ok"


def test_changed_key_is_wrong_and_gets_no_token(alice: Patient, registry: Serve) -> None:
    """A key other than the URL's is reported, and no token is sent to that registry."""
    alice.env["P2P_REGISTRY"] = registry.join.partition("#")[0] + "#" + "a2" * 26
    code, found = alice.look()
    assert (code, found["certificate"][0], found["login"][0]) == (1, "wrong", "skip")


def test_ended_token_is_wrong(alice: Patient) -> None:
    """An ended token is reported once and then forgotten."""
    alice.register("anna")
    copy = Patient(alice.home.with_name("copy"), alice.env["P2P_REGISTRY"])
    shutil.copytree(alice.home, copy.home)
    assert Program("logout", env=alice.env).end()[0] == 0
    code, found = copy.look()
    assert (code, found["login"][0], found["heartbeat"][0]) == (1, "wrong", "skip")
    assert "your login as anna" in found["login"][1]
    code, found = copy.look()
    assert (code, found["login"]) == (0, ("skip", "login: not tried; anna would need the password"))


def test_unanswered_heartbeat_is_a_warning(tmp_path: Path) -> None:
    """Where heartbeats do not arrive by UDP, as behind some routers, they go by TCP."""
    serve = Serve(tmp_path / "r", "--quiet", "--password-cost", "64:1", "--udp-port", "0")
    with running(serve):
        alice = Patient(tmp_path / "alice", serve.join)
        alice.register("alice")
        code, found = alice.look("--timeout", "0.3")
    assert (code, found["login"][0], found["heartbeat"][0]) == (0, "ok", "warn")
    assert "no answer came within 0.3 s" in found["heartbeat"][1]
    assert (found["address"][0], found["door"][0]) == ("warn", "ok")


def test_unreachable_registry_is_named(tmp_path: Path) -> None:
    """The address is named, and checks that need the registry are skipped."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"p2p://127.0.0.1:{taken.getsockname()[1]}"
        code, found = Patient(tmp_path, url).look()
    assert code == 1
    assert found["registry"][0] == "wrong"
    assert "cannot reach 127.0.0.1" in found["registry"][1]
    assert found["door"][0] == "skip"


def test_hung_registry_does_not_hang_doctor(tmp_path: Path) -> None:
    """A registry that accepts connections and says nothing is reported after the timeout."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"p2p://127.0.0.1:{mute.getsockname()[1]}"
        code, found = Patient(tmp_path, url).look("--timeout", "0.2")
    assert code == 1
    assert found["registry"][0] == "ok"
    assert found["certificate"] == ("wrong", "certificate: no answer came within 0.2 s")
    assert found["login"][0] == "skip"


def test_hung_node_does_not_hang_doctor(alice: Patient) -> None:
    """A stopped node is reported with its process number after the timeout."""
    alice.register("aline")
    login = Program("login", env=alice.env)
    with running(login):
        login.wait_for("logged in as aline")
        login.signal(signal.SIGSTOP)
        code, found = alice.look("--timeout", "0.5")
    assert code == 1
    stopped = f"node: your node, process {login.process.pid}, does not answer"
    assert found["node"] == ("wrong", stopped)


def test_files_readable_by_others_are_named(tmp_path: Path) -> None:
    """The file and the command to fix it are named, and the profile is not opened."""
    patient = Patient(tmp_path, "p2p://127.0.0.1:1")
    assert Program("contacts", env=patient.env).end()[0] == 0
    identity = tmp_path / "data" / "identity.pem"
    identity.chmod(0o644)
    program = Program("doctor", env=patient.env)
    assert program.end()[0] == 1
    assert program.said[1:5] == [
        f"wrong others can read {identity}",
        "  likely: its mode was changed",
        f"  try: chmod 600 {identity}",
        "skip profile: not opened, see above",
    ]


@pytest.mark.parametrize("damage", [b"", b"nonsense" * 600])
def test_damaged_database_is_a_finding(alice: Patient, damage: bytes) -> None:
    """A damaged database is reported and unchanged; other checks still run."""
    assert Program("contacts", env=alice.env).end()[0] == 0
    database = alice.home / "data" / "profile.sqlite3"
    for other in database.parent.glob("profile.sqlite3-*"):
        other.unlink()
    database.write_bytes(damage)
    code, found = alice.look()
    assert code == 1
    mark, what = found["profile"]
    assert mark == "wrong"
    assert str(database) in what
    assert found["registry"][0] == "ok"
    assert found["certificate"][0] == "ok"
    assert found["login"][0] == "skip"
    assert found["door"][0] == "ok"
    assert database.read_bytes() == damage


def test_clock_behind_a_file_is_a_warning(tmp_path: Path) -> None:
    """A clock earlier than the time of the user's own files is reported."""
    patient = Patient(tmp_path, "p2p://127.0.0.1:1")
    assert Program("contacts", env=patient.env).end()[0] == 0
    assert patient.look()[1]["clock"][0] == "ok"
    identity = tmp_path / "data" / "identity.pem"
    os.utime(identity, (4e9, 4e9))
    mark, what = patient.look()[1]["clock"]
    assert (mark, f"before {identity} was written" in what) == ("warn", True)


def test_original_dialect_has_few_checks(alice: Patient, registry: Serve) -> None:
    """At an original registry only the connection is checked."""
    alice.env["P2P_REGISTRY"] = registry.url
    code, found = alice.look()
    assert (code, found["registry"][0], found["certificate"][0]) == (0, "ok", "warn")
    assert found["login"][0] == "skip"


def test_taken_peer_port_is_wrong(alice: Patient) -> None:
    """A peer port that is taken is reported."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, found = alice.look("--peer-port", str(taken.getsockname()[1]))
    assert (code, found["door"][0]) == (1, "wrong")
    assert "address already in use" in found["door"][1]


def test_malformed_url_is_wrong_usage(alice: Patient) -> None:
    """A malformed registry URL exits with 2."""
    assert Program("doctor", "--registry", "http://x", env=alice.env).end()[0] == 2


def test_malformed_configuration_is_a_finding(alice: Patient) -> None:
    """A malformed configuration is reported; other checks run with the defaults."""
    assert Program("contacts", env=alice.env).end()[0] == 0
    (alice.home / "config" / "config.toml").write_text("= =\n")
    code, found = alice.look()
    assert code == 1
    assert found["settings"][0] == "wrong"
    assert "is malformed" in found["settings"][1]
    assert found["registry"][0] == "ok"
    assert Program("help", "keys", env=alice.env).end()[0] == 0
    assert Program("contacts", env=alice.env).end()[0] == 2


def test_folder_in_place_of_the_database_is_named(alice: Patient) -> None:
    """A folder in place of the database is named, without advice about its mode."""
    assert Program("contacts", env=alice.env).end()[0] == 0
    database = alice.home / "data" / "profile.sqlite3"
    database.unlink()
    for rest in database.parent.glob("profile.sqlite3-*"):
        rest.unlink()
    database.mkdir()
    program = Program("doctor", env=alice.env)
    assert program.end()[0] == 1
    said = "\n".join(program.said)
    assert f"wrong {database} is a folder" in said
    assert "chmod" not in said
