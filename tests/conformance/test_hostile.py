"""The real registry under attack: password guessers, floods, and clients that never read."""

import os
import selectors
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conformance.secure_client import Secure
from tests.conformance.test_framing import BAD
from tests.programs import Raw, Serve, frame, running

GUESSERS = 200


def test_owner_logs_in_among_200_guessers(tmp_path: Path) -> None:
    """With 200 guessers at their own addresses, the owner's login is checked before theirs."""
    serve = Serve(tmp_path, "--quiet", "--limit", "login-tries=0", "--password-cost", "4096:1")
    with running(serve), ExitStack() as stack:
        owner = serve.dial()
        owner.ask("REG", "alice right")
        selector = stack.enter_context(selectors.DefaultSelector())
        guess = frame("LOG", "alice wrong")
        for i in range(GUESSERS):
            guesser = Raw(serve.tcp, source=(f"127.1.{i // 100}.{i % 100 + 1}", 0))
            stack.callback(guesser.close)
            selector.register(guesser.socket, selectors.EVENT_READ)
            guesser.socket.sendall(guess)
        refused = len(frame("LOG_RESP", "FAIL"))
        guessed: set[int] = set()

        def guess_on() -> int:
            """Send another guess for each answer that is ready; return their number."""
            ready = selector.select(20)
            for key, _ in ready:
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                assert len(sock.recv(refused)) == refused
                guessed.add(key.fd)
                sock.sendall(guess)
            return len(ready)

        while len(guessed) < GUESSERS:
            guess_on()
        login = Raw(serve.tcp)
        stack.callback(login.close)
        selector.register(login.socket, selectors.EVENT_READ)
        login.say("LOG", "alice right")
        between = 0
        while login.socket not in [key.fileobj for key, _ in selector.select(20)]:
            selector.unregister(login.socket)
            between += guess_on()
            selector.register(login.socket, selectors.EVENT_READ)
        assert login.hear() == ("LOG_RESP", "OK")
        print(f"{between} guesses were answered between the owner's question and its answer")
        assert between < GUESSERS / 4


def test_silent_connections_do_not_block_others(tmp_path: Path) -> None:
    """More silent connections than handshakes are allowed time out, and others get in."""
    limits = ("--limit", "handshakes=50", "--limit", "login-timeout=5")
    serve = Serve(tmp_path, "--quiet", "--password-cost", "64:1", *limits)
    with running(serve), ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(serve.secure_tcp, 20)) for _ in range(200)
        ]
        client = Secure(serve)
        stack.callback(client.close)
        client.register("alice")
        assert client.tell("SEARCH", username="alice")[1]["presence"] == "OFFLINE"
        for sock in silent:
            try:
                assert sock.recv(1) == b""
            except ConnectionResetError:
                continue


def test_silence_after_the_handshake_has_a_deadline(tmp_path: Path) -> None:
    """A client that sends nothing, or half a frame, is disconnected."""
    serve = Serve(
        tmp_path, "--quiet", "--limit", "login-timeout=0.3", "--limit", "frame-timeout=0.3"
    )
    with running(serve):
        assert Secure(serve).closed_by_remote()
        late = serve.dial()
        late.socket.sendall(b"3         SEA")
        assert late.closed_by_remote()


@pytest.mark.parametrize("secure", [False, True])
def test_client_that_never_reads_costs_no_memory(tmp_path: Path, secure: bool) -> None:
    """Its requests stay in the system's buffers, and others are served."""
    serve = Serve(tmp_path, "--quiet", "--limits", "none")
    with running(serve):
        client: Raw = Secure(serve) if secure else serve.dial()
        payload = '{"username":"alice"}' if secure else "alice"
        if isinstance(client, Secure):
            client.register("alice")
        else:
            client.ask("REG", "alice password")
        before = _resident_kib(serve.process.pid)
        client.socket.settimeout(0.5)
        requests = frame("SEARCH", payload) * 1000
        sent = _send_until_stuck(client.socket, requests)
        assert serve.dial().ask("SEARCH", "x")[1] == "NOT_FOUND"
        grown = _resident_kib(serve.process.pid) - before
        print(f"{sent} bytes of requests, {grown} KiB more")
        assert grown < 4096
        client.close()


@pytest.mark.parametrize("secure", [False, True])
def test_one_of_many_concurrent_logins_survives(tmp_path: Path, secure: bool) -> None:
    """Of twenty concurrent logins one session remains."""
    serve = Serve(tmp_path, "--quiet", "--password-cost", "64:1", "--limit", "login-tries=0")
    with running(serve):
        opened: list[Raw] = [Secure(serve) if secure else serve.dial() for _ in range(20)]
        first = opened[0]
        if isinstance(first, Secure):
            first.register("alice", errand=True)
        else:
            first.ask("REG", "alice password")
        racers = opened[1:]
        logins = [
            racer.request("alice", password="password")
            if isinstance(racer, Secure)
            else "alice password"
            for racer in racers
        ]
        for racer, login in zip(racers, logins, strict=True):
            racer.say("LOG", login)
        for racer in racers:
            assert racer.hear()[0] == "LOG_RESP"
        alive = []
        search = b'{"username":"alice"}' if secure else b"alice"
        for racer in racers:
            try:
                racer.say("SEARCH", search)
                alive.append(racer.hear()[0])
            except (AssertionError, OSError):
                continue
        assert [command for command in alive if command == "SEARCH_RESP"] == ["SEARCH_RESP"]
        for racer in opened:
            racer.close()


_STATES = ("anonymous", "logged in", "being checked")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Yield a registry whose password checks take a while."""
    serve = Serve(tmp_path_factory.mktemp("busy"), "--quiet", "--limits", "none")
    yield serve
    serve.signal(signal.SIGTERM)
    code, err = serve.end()
    serve.kill()
    assert (code, err) == (0, ""), "a stranger's bytes did more than close their link"


@pytest.mark.parametrize("state", _STATES)
@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_malformed_bytes_in_every_state_at_the_secure_listener(
    busy: Serve, state: str, data: bytes
) -> None:
    """Malformed bytes close their own connection in any state, without a message on stderr."""
    client = Secure(busy)
    if state == "logged in":
        client.register(_name())
    elif state == "being checked":
        client.say("LOG", b'{"username":"nobody","password":"password"}')
    client.socket.sendall(data)
    if state == "being checked":
        assert client.hear()[0] == "LOG_RESP"
    assert client.closed_by_remote()
    client.close()


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_malformed_bytes_while_a_password_is_checked(busy: Serve, data: bytes) -> None:
    """At the original listener the answer is sent, then the connection closed."""
    client = busy.dial()
    client.say("LOG", "nobody password")
    client.socket.sendall(data)
    assert client.hear() == ("LOG_RESP", "FAIL")
    assert client.closed_by_remote()


def test_malformed_heartbeats_are_ignored(busy: Serve) -> None:
    """Malformed heartbeats have no effect and no answer at either listener."""
    rubbish = [
        b"",
        b"HELLO",
        b"HELLO ",
        b"HELLO \xff",
        b"P2PH",
        b"P2PH" + bytes(32),
        os.urandom(36),
    ]
    rubbish += [os.urandom(60_000), b"HELLO " + b"x" * 60_000]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.2)
        for listener in (busy.udp, busy.secure_udp):
            for datagram in rubbish:
                udp.sendto(datagram, listener)
        with pytest.raises(TimeoutError):
            udp.recv(100)
    assert busy.dial().ask("SEARCH", "x") == ("SEARCH_RESP", "NOT_FOUND")


_names = iter(f"user{i}" for i in range(10_000))


def _name() -> str:
    return next(_names)


def _send_until_stuck(sock: socket.socket, data: bytes) -> int:
    """Send the data repeatedly until the remote stops reading; return the number of bytes."""
    for sent in range(0, 200_000_000, len(data)):
        try:
            sock.sendall(data)
        except TimeoutError:
            return sent
    raise AssertionError("the remote reads without end")


def _resident_kib(pid: int) -> int:
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    )
    return int(fields["VmRSS"].split()[0])
