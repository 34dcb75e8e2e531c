"""Whatever a hostile client sends to a registry closes at most its own connection."""

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.conformance.secure_client import KEY, Secure
from tests.faults.crowd import CHEAP, Member, resident_kib
from tests.hostile.payloads import BOMBS, if_bombs_explode, nested
from tests.programs import Program, Raw, Serve, environment, frame, running

SECURE_COMMANDS = ("REG", "LOG", "PS_PORT", "SEARCH", "WATCH", "PASSWD", "REVOKE", "LOGOUT")
FIELDS = {"username": "a", "password": "p", "port": 1, "usernames": [], "old": "a", "new": "b"}


def with_bomb(bomb: str) -> str:
    """Return a payload that is valid but for an unknown field with this value."""
    return json.dumps(FIELDS)[:-1] + f',"x":{bomb}}}'


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Yield a registry for this module, which must not end or meet a bug."""
    folder = tmp_path_factory.mktemp("registry")
    serve = Serve(folder, *CHEAP, env={"PYTHONWARNINGS": "error"})
    with running(serve):
        yield serve
        operator = environment(folder / "operator")
        sessions = Program("users", "sessions", "--data-dir", str(folder), env=operator)
        assert sessions.end() == (0, ""), "internal errors"
        serve.signal(signal.SIGTERM)
        code, err = serve.end()
    assert (code, err) == (0, "")


def is_up(serve: Serve) -> bool:
    """Return whether another client is served."""
    return serve.dial().ask("SEARCH", "nobody") == ("SEARCH_RESP", "NOT_FOUND")


@if_bombs_explode
@pytest.mark.parametrize("command", SECURE_COMMANDS)
@pytest.mark.parametrize("bomb", BOMBS, ids=["lists", "objects", "unfinished"])
def test_nested_json_before_login_closes_the_connection(
    serve: Serve, command: str, bomb: str
) -> None:
    """Deeply nested JSON without an account closes the connection."""
    client = Secure(serve)
    client.say(command, with_bomb(bomb))
    assert client.closed_by_remote()
    client.close()


@if_bombs_explode
@pytest.mark.parametrize("command", SECURE_COMMANDS)
def test_nested_json_after_login_closes_the_connection(serve: Serve, command: str) -> None:
    """Deeply nested JSON in any field closes the connection of a logged-in client."""
    for n, field in enumerate((*FIELDS, "x")):
        member = Member(serve, f"m-{command.lower().replace('_', '-')}-{n}", errand=True)
        member.say(command, f'{{"{field}":{nested("[", "]", 2000)}}}')
        assert member.closed_by_remote()
        member.close()


@pytest.mark.parametrize("command", ["REG", "LOG", "SEARCH", "PS_PORT"])
def test_nested_json_at_the_original_listener_is_text(serve: Serve, command: str) -> None:
    """At the original listener it is a name or a violation, and other clients are served."""
    client = serve.dial()
    client.say(command, nested("[", "]"))
    with suppress(AssertionError):
        client.hear()
    client.close()
    assert is_up(serve)


def test_watching_a_name_twice_is_refused(serve: Serve) -> None:
    """A WATCH with a repeated name closes the connection, and the registry stays consistent."""
    member = Member(serve, "doubles", errand=True)
    member.say("WATCH", '{"usernames":["bob","bob"]}')
    assert member.closed_by_remote()
    member.close()
    for usernames in (["bob", "carol"], ["bob"], [], ["bob"]):
        other = Member(serve, "doubles", errand=True, is_known=True)
        other.tell("WATCH", usernames=usernames)
        other.close()
    watcher = Member(serve, "doubles", errand=True, is_known=True)
    assert watcher.tell("WATCH", usernames=["bob"])[0] == "WATCH_RESP"
    watcher.close()


@pytest.mark.parametrize("name", ["a\x1b[2J", "\u3164", "\u2800", "bo\u202eb", "a b", ""])
def test_invalid_names_are_not_watched(serve: Serve, name: str) -> None:
    """Invalid names are refused, since they would be repeated in presence updates."""
    member = Member(serve, f"w{name.encode().hex()[:24]}", errand=True)
    member.say("WATCH", json.dumps({"usernames": [name]}))
    assert member.closed_by_remote()
    member.close()


def test_changes_of_one_turn_are_one_update(serve: Serve) -> None:
    """A user who changes ports 500 times at once causes few updates, ending with the last port."""
    moving = Member(serve, "moving", port=30_000)
    watcher = Member(serve, "watching", errand=True)
    watcher.tell("WATCH", usernames=["moving"])
    ports = range(30_001, 30_501)
    moving.socket.sendall(b"".join(frame("PS_PORT", json.dumps({"port": p})) for p in ports))
    for _ in ports:
        assert moving.hear() == ("PS_PORT_RESP", '{"outcome":"OK"}')
    watcher.say("SEARCH", '{"username":"nobody"}')
    news = []
    while (heard := watcher.hear())[0] != "SEARCH_RESP":
        news.append(json.loads(heard[1])["result"]["port"])
    print(f"{len(news)} pieces of news of {len(ports)} moves")
    assert news[-1] == ports[-1]
    assert len(news) < len(ports) / 10
    moving.close()
    watcher.close()


def test_ports_and_transient_logins_are_limited_per_account(tmp_path: Path) -> None:
    """The limits of one account do not affect others."""
    limits = ("--limit", "announcements-per-minute=10", "--limit", "transient-logins=3")
    serve = Serve(tmp_path, "--quiet", "--password-cost", "64:1", *limits)
    with running(serve), ExitStack() as stack:
        mallory = Member(serve, "mallory", port=30_000)
        other = Member(serve, "other", port=20_000)
        for member in (mallory, other):
            stack.callback(member.close)
        answers = [mallory.tell("PS_PORT", port=30_001 + n)[0] for n in range(20)]
        assert answers.count("PS_PORT_RESP") == 9  # and the first one above
        assert answers[-1] == "SLOW_DOWN"
        assert other.tell("PS_PORT", port=20_001)[0] == "PS_PORT_RESP"
        registry_commands = [Secure(serve) for _ in range(5)]
        said = [
            errand.tell("LOG", username="mallory", password="password", errand=True)[0]
            for errand in registry_commands
        ]
        assert said == ["LOG_RESP"] * 3 + ["SLOW_DOWN"] * 2
        registry_commands[0].tell("SEARCH", username="other")
        registry_commands[0].say("LOGOUT", "{}")
        assert registry_commands[0].closed_by_remote()
        again = Secure(serve)
        assert again.tell("LOG", username="mallory", password="password", errand=True)[0] == (
            "LOG_RESP"
        )


def test_registering_does_not_reset_wrong_passwords(tmp_path: Path) -> None:
    """A registration between guesses does not reset the limit on guessing."""
    serve = Serve(tmp_path, "--quiet", "--password-cost", "64:1", "--limit", "login-tries=3")
    with running(serve):
        victim = Member(serve, "victim")
        victim.close()
        answers = []
        for n in range(12):
            guesser = Secure(serve)
            answers.append(guesser.tell("LOG", username="victim", password=f"wrong{n}")[0])
            guesser.close()
            guesser = Secure(serve)
            guesser.tell("REG", username=f"mine{n}", password="password")
            guesser.close()
        assert "SLOW_DOWN" in answers[:6]


def test_flood_on_the_metrics_page_does_not_affect_clients(tmp_path: Path) -> None:
    """The oldest connections of the page give way, and clients are served."""
    serve = Serve(tmp_path, *CHEAP, "--metrics", "127.0.0.1:0", env={"PYTHONPATH": ""})
    with running(serve), ExitStack() as stack:
        port = int(serve.wait_for(r"metrics .*:(\d+)")[1])
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 20))
            for _ in range(200)
        ]
        assert [sock.recv(1) for sock in silent[:192]] == [b""] * 192
        page = Raw(("127.0.0.1", port))
        page.socket.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert page.socket.recv(12) == b"HTTP/1.1 200"
        page.close()
        assert is_up(serve)


def test_flood_of_partial_frames_costs_little_memory(serve: Serve) -> None:
    """200 connections with half a frame cost a bounded amount of memory."""
    before = resident_kib(serve)
    with ExitStack() as stack:
        for _ in range(200):
            raw = serve.dial()
            stack.callback(raw.close)
            raw.socket.sendall(b"3500      LOG            {")
        assert is_up(serve)
        grown = resident_kib(serve) - before
    print(f"{grown} KiB more")
    assert grown < 4096


def test_stolen_token_needs_its_key(serve: Serve) -> None:
    """A stolen token is useless with another key or a replayed proof."""
    owner = Member(serve, "owner", errand=True)
    token = owner.grant["token"]
    thief = Secure(serve)
    answer = thief.tell("LOG", username="owner", token=token, key=KEY, proof="", at=0)
    assert answer[1]["outcome"] == "FAIL"
    replayed = owner.proof("owner")  # made for the owner's connection
    assert thief.tell("LOG", username="owner", token=token, **replayed)[1]["outcome"] == "FAIL"
    thief.close()
    owner.close()


def test_refused_connections_hold_no_descriptors(serve: Serve) -> None:
    """Refused connections are released even if the remotes never close them."""
    descriptors = Path(f"/proc/{serve.process.pid}/fd")
    before = len(list(descriptors.iterdir()))
    with ExitStack() as stack:
        for n in range(400):
            sock = stack.enter_context(socket.create_connection(serve.secure_tcp, 20))
            sock.sendall(
                b"GET / HTTP/1.1\r\n\r\n" if n % 2 else b"\x16\x03\x01\x00\x04\x01\x00\x00\x00"
            )
            while sock.recv(4096):
                pass
        assert is_up(serve)
        held = len(list(descriptors.iterdir())) - before
    print(f"{held} descriptors for 400 that were refused")
    assert held < 200
