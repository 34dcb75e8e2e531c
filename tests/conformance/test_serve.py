"""`p2p serve` as a process: its ready lines, its errors, its end, and what it stores."""

import random
import re
import signal
import socket
import stat
from pathlib import Path

import pytest

from tests.programs import Program, Serve, environment, frame, running


def test_listeners_are_on_stdout_and_the_log_on_stderr(tmp_path: Path) -> None:
    """The log names users and contains no password."""
    serve = Serve(tmp_path)
    with running(serve):
        client = serve.dial()
        client.ask("REG", "alice hush-hush")
        client.say("LOGOUT")
        assert client.closed_by_remote()
        serve.signal(signal.SIGTERM)
        code, err = serve.end()
    assert code == 0
    assert [line.partition(" ")[0] for line in serve.said] == ["listening", "listening", "join"]
    assert "alice at 127.0.0.1" in err
    assert "logged in" in err
    assert "logged out" in err
    assert "hush" not in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """Open answers are sent, then all clients are disconnected; exit 0."""
    serve = Serve(tmp_path, "--quiet")
    with running(serve):
        waiting = [serve.dial() for _ in range(10)]
        for i, client in enumerate(waiting):
            client.socket.sendall(frame("REG", f"user{i} x"))
        # Once this is answered, the earlier requests have been read.
        prober = serve.dial()
        prober.ask("SEARCH", "x")
        serve.signal(number)
        for client in waiting:
            assert client.hear() == ("REG_RESP", "OK")
            assert client.closed_by_remote()
        assert prober.closed_by_remote()
        code, err = serve.end()
        assert (code, err) == (0, "")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(serve.tcp)


@pytest.mark.parametrize("listener", ["tcp", "udp"])
def test_taken_address_is_named(tmp_path: Path, listener: str) -> None:
    """The error names the address; exit 1 without a ready line."""
    kind = socket.SOCK_STREAM if listener == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if listener == "tcp":
            taken.listen()
        port = str(taken.getsockname()[1])
        option = "--original-port" if listener == "tcp" else "--original-udp-port"
        other = "--original-udp-port" if listener == "tcp" else "--original-port"
        program = Program("serve", option, port, other, "0", env=environment(tmp_path))
        code, err = program.end()
    assert code == 1
    assert program.said == []
    assert f"cannot listen on {listener} 127.0.0.1:{port}: address already in use" in err
    assert "Traceback" not in err


def test_accounts_survive_kill_9(tmp_path: Path) -> None:
    """Every account whose registration was answered with OK survives."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    made: list[str] = []
    for round_number in range(4):
        serve = Serve(tmp_path, "--quiet")
        with running(serve):
            client = serve.dial()
            for name in made:
                assert client.ask("SEARCH", name) == ("SEARCH_RESP", "OFFLINE")
            clients = [serve.dial() for _ in range(8)]
            for i, each in enumerate(clients):
                each.say("REG", f"user{round_number}-{i} x")
            survivors = rng.randrange(1, 8)
            for i, each in enumerate(clients[:survivors]):
                assert each.hear() == ("REG_RESP", "OK")
                made.append(f"user{round_number}-{i}")
            serve.process.kill()
    serve = Serve(tmp_path, "--quiet")
    with running(serve):
        client = serve.dial()
        for name in made:
            assert client.ask("SEARCH", name) == ("SEARCH_RESP", "OFFLINE")
        assert client.ask("LOG", f"{made[0]} x") == ("LOG_RESP", "OK")


def test_passwords_are_stored_as_argon2id_only(tmp_path: Path) -> None:
    """The database is private and contains no password."""
    serve = Serve(tmp_path, "--quiet")
    with running(serve):
        serve.dial().ask("REG", "alice hush-hush")
        serve.signal(signal.SIGTERM)
        serve.end()
    kept = [file for file in tmp_path.rglob("*") if file.is_file()]
    content = b"".join(file.read_bytes() for file in kept)
    assert b"hush-hush" not in content
    assert re.search(rb"\$argon2id\$v=19\$m=19456,t=2,p=1\$", content)
    database = tmp_path / "accounts.sqlite3"
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_search_does_not_wait_for_logins(tmp_path: Path) -> None:
    """While 150 logins are checked, every search is answered before the last of them."""
    serve = Serve(tmp_path, "--quiet", "--limits", "none")
    with running(serve):
        serve.dial().ask("REG", "alice x")
        logins = [serve.dial() for _ in range(150)]
        for client in logins:
            client.say("LOG", "alice wrong")
        searcher = serve.dial()
        for _ in range(20):
            assert searcher.ask("SEARCH", "nobody") == ("SEARCH_RESP", "NOT_FOUND")
        logins[-1].socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            logins[-1].socket.recv(1)


def test_second_registry_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    """A second process would not see new names of the first."""
    serve = Serve(tmp_path, "--quiet")
    with running(serve):
        second = Program(
            "serve",
            "--data-dir",
            str(tmp_path),
            "--original-port",
            "0",
            "--original-udp-port",
            "0",
            env=environment(tmp_path),
        )
        code, err = second.end()
        assert code == 1
        assert "another registry is using" in err
