"""A compromised registry: none of its answers ends a client or misleads it."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.crowd import resident_kib
from tests.hostile.payloads import BOMBS, EXPLODES, nested
from tests.hostile.registry import HostileRegistry, grant
from tests.programs import Program, environment, running

NONSENSE: dict[str, str | bytes] = {
    "lists": nested("[", "]"),
    "objects": BOMBS[1],
    "8 KB": json.dumps({"presence": "N" * 8000}),
    "8 KB of escapes": json.dumps({"outcome": "\x1b[2J" * 1500, "presence": "\x9b" * 900}),
    "8 KB of a field's name": json.dumps({"presence" * 1000: 1}),
    "no text": b"\xff\xfe",
    "numbers": '{"outcome":1e400,"presence":' + "9" * 5000 + "}",
    "a list": "[]",
    "nothing": "",
    "more than fits": "x" * 7000,
}
if EXPLODES:
    NONSENSE["a bomb in a field"] = f'{{"outcome":"OK","presence":"ONLINE","x":{BOMBS[0]}}}'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HostileRegistry, Path]]:
    """Yield a registry, and the home of alice, who is registered there."""
    folder = tmp_path_factory.mktemp("hostile")
    registry = HostileRegistry(folder)
    env = environment(folder / "home", P2P_REGISTRY=registry.join, P2P_PASSWORD="password")
    assert Program("register", "alice", env=env).end() == (0, "")
    yield registry, folder / "home"
    registry.close()


@pytest.fixture
def registry(home: tuple[HostileRegistry, Path]) -> Iterator[HostileRegistry]:
    """Yield the registry, which behaves well until a test changes its answers."""
    registry, _ = home
    before = dict(registry.answers)
    yield registry
    registry.answers = before


@pytest.fixture
def env(home: tuple[HostileRegistry, Path], tmp_path: Path) -> dict[str, str]:
    """Return alice's environment with a fresh copy of her home."""
    registry, folder = home
    shutil.copytree(folder, tmp_path / "home")
    return environment(tmp_path / "home", P2P_REGISTRY=registry.join, P2P_PASSWORD="password")


def run(env: dict[str, str], *words: str) -> tuple[int, list[str], str]:
    """Run a command, which must print no control characters and no traceback."""
    program = Program(*words, env=env)
    code, err = program.end()
    for line in (*program.said, *err.splitlines()):
        assert line.isprintable(), f"{line!r} reaches the terminal"
        assert len(line) < 600
    assert "Traceback" not in err
    return code, program.said, err


def status(env: dict[str, str]) -> dict[str, Any]:
    """Return the status of the node."""
    return dict(json.loads(run(env, "status", "--json")[1][0]))


@pytest.mark.parametrize("command", ["LOG", "SEARCH"])
@pytest.mark.parametrize("payload", NONSENSE.values(), ids=NONSENSE.keys())
def test_command_reports_a_malformed_answer(
    registry: HostileRegistry, env: dict[str, str], command: str, payload: str | bytes
) -> None:
    """The command ends with one of our exit codes and a short excerpt of the answer."""
    registry.answers[command] = lambda _: (f"{command}_RESP", payload)
    code, _, err = run(env, "search", "bob")
    assert code in {3, 4, 8}, err
    assert err.startswith("p2p: ")


def test_running_node_survives_malformed_answers(
    registry: HostileRegistry, env: dict[str, str]
) -> None:
    """Each malformed answer closes the link to the registry, which is then restored."""
    node = Program("login", "--headless", env=env)
    with running(node):
        node.wait_for("logged in as alice")
        for payload in NONSENSE.values():
            registry.answers["SEARCH"] = lambda _, p=payload: ("SEARCH_RESP", p)
            code, _, err = run(env, "search", "bob")
            assert code != 0, err
            registry.push("PRESENCE", payload)
        assert status(env)["internal_errors"] == 0
        node.signal(signal.SIGTERM)
        assert node.end()[0] in {0, 143}


def test_unrequested_presence_is_dropped(registry: HostileRegistry, env: dict[str, str]) -> None:
    """Unrequested presence takes no memory; invalid names in it close the link."""
    node = Program("login", "--headless", env=env)
    with running(node):
        node.wait_for("logged in as alice")
        run(env, "search", "bob")
        before = resident_kib(node)
        found = {"presence": "ONLINE", "host": "10.0.0.9", "port": 4000}
        for n in range(20_000):
            registry.push("PRESENCE", json.dumps({"username": f"user{n}", "result": found}))
        assert run(env, "search", "bob")[0] == 5
        grown = resident_kib(node) - before
        print(f"{grown} KiB more after 20,000 of them")
        assert grown < 4096
        now = status(env)
        assert (now["online"], now["standing"]) == ([], "online")
        name = "\x1b]0;x\x07\x9b2J"
        registry.push("PRESENCE", json.dumps({"username": name, "result": found}))
        run(env, "search", "bob")
        assert status(env)["online"] == []
        node.signal(signal.SIGTERM)
        node.end()


@pytest.mark.parametrize("host", ["localhost", "metadata.internal", "a" * 255, "10.0.0.9"])
def test_hostnames_from_the_registry_are_not_dialled(
    registry: HostileRegistry, env: dict[str, str], host: str
) -> None:
    """A hostname is refused, since it would be looked up; an IP address need not answer."""
    key = "A" * 43 + "="
    found = {"presence": "ONLINE", "host": host, "port": 4000, "key": key}
    registry.answers["SEARCH"] = lambda _: ("SEARCH_RESP", json.dumps(found))
    code, _, err = run(env, "send", "bob", "hi", "--wait", "0.5")
    assert code in {3, 6, 8}, err


@pytest.mark.parametrize(
    "nodes",
    [
        ["EVIL"],
        {"nodes": ["EVIL"]},
        {
            "nodes": ["EVIL"],
            "issued_at": 1,
            "expires_at": 2**39,
            "key": "AAAA",
            "signature": "AAAA",
        },
    ],
    ids=["as before", "unsigned", "badly signed"],
)
def test_unsigned_node_list_is_not_believed(nodes: object, tmp_path: Path) -> None:
    """A list that the registry's key has not signed is ignored, so no other host gets a secret."""
    registry, evil = (HostileRegistry(_folder(tmp_path / name)) for name in ("good", "evil"))
    env = environment(tmp_path / "home", P2P_REGISTRY=registry.join, P2P_PASSWORD="password")
    assert Program("register", "alice", env=env).end() == (0, "")
    answer = json.dumps({"outcome": "OK", "grant": grant(nodes=nodes)})
    answer = answer.replace("EVIL", evil.join)
    registry.answers["LOG"] = lambda _: ("LOG_RESP", answer)
    run(env, "search", "bob")
    registry.close()
    code, _, err = run(env, "search", "bob")
    assert code == 3, err
    assert evil.said == []
    evil.close()


def test_invalid_waiting_times_are_refused(registry: HostileRegistry, env: dict[str, str]) -> None:
    """A registry cannot make a client wait for ever or hammer it."""
    for seconds in ("-1", "1e400", "1e9", "9" * 400, '"1"', "null", "NaN"):
        registry.answers["SEARCH"] = lambda _, s=seconds: ("SLOW_DOWN", f'{{"seconds":{s}}}')
        assert run(env, "search", "bob")[0] in {3, 4, 8}
    for interval in ("0", "-1", "1e400", "1e-300"):
        bad = json.dumps({"outcome": "OK", "grant": grant()}).replace(": 50", f": {interval}")
        registry.answers["LOG"] = lambda _, b=bad: ("LOG_RESP", b)
        assert run(env, "search", "bob")[0] in {3, 4, 8}


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize("command", [("search", "bob"), ("login", "alice")])
def test_refused_token_is_not_retried_forever(
    registry: HostileRegistry, env: dict[str, str], command: tuple[str, ...]
) -> None:
    """The token and then the password are tried once each."""
    registry.answers["LOG"] = lambda _: (
        "LOG_RESP",
        '{"outcome":"FAIL","reason":"BAD_TOKEN"}',
    )
    before = len(registry.said)
    code, _, err = run(env, *command)
    assert code == 4, err
    said = [command for command, _ in registry.said[before:]]
    assert said[:2] == ["LOG", "LOG"]
    assert "LOG" not in said[2:]


@pytest.mark.parametrize("command", [("search", "bob"), ("login", "alice"), ("doctor",)])
def test_login_without_a_grant_is_an_error(
    registry: HostileRegistry, env: dict[str, str], command: tuple[str, ...]
) -> None:
    """A login that is accepted without a grant is a protocol violation."""
    registry.answers["LOG"] = lambda _: ("LOG_RESP", '{"outcome":"OK"}')
    code, said, err = run(env, *command)
    assert code, (said, err)
    assert "but gave no token" in " ".join([*said, err])
