"""Silent and slow clients cost the registry's other clients nothing."""

import selectors
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.faults.crowd import Member, look_up_s, resident_kib, until
from tests.programs import Raw, Serve, frame, running

FRAME_TIMEOUT = 0.7
LOGIN_TIMEOUT = 1.6
HANDSHAKES = 100
ANONYMOUS = 100
SILENT = 500
_LIMITS = {
    "frame-timeout": FRAME_TIMEOUT,
    "login-timeout": LOGIN_TIMEOUT,
    "handshakes": HANDSHAKES,
    "anonymous-links": ANONYMOUS,
    "requests-per-second": 0,
    "searches-per-minute": 0,
}
_OPTIONS = [word for name, number in _LIMITS.items() for word in ("--limit", f"{name}={number:g}")]


def test_500_silent_connections(tmp_path: Path) -> None:
    """Each listener keeps as many as its limit and closes the rest; others are served."""
    serve = Serve(tmp_path, "--quiet", "--password-cost", "64:1", *_OPTIONS)
    with running(serve), ExitStack() as stack:
        asking = _logged_in(serve)
        alone, memory = look_up_s(asking, 200), resident_kib(serve)
        silent = selectors.DefaultSelector()
        stack.callback(silent.close)
        for i in range(SILENT):
            listener = serve.tcp if i % 2 else serve.secure_tcp
            sock = stack.enter_context(socket.create_connection(listener, 20))
            silent.register(sock, selectors.EVENT_READ)
        meanwhile = look_up_s(asking, 200)
        newcomer = Member(serve, "bob")
        stack.callback(newcomer.close)
        assert newcomer.finds("alice") == "ONLINE"
        hung_up_on = _wait_for_ends(silent, SILENT - HANDSHAKES - ANONYMOUS, LOGIN_TIMEOUT / 2)
        grown = resident_kib(serve) - memory
        print(
            f"{SILENT} silent, {hung_up_on} hung up on: a look-up took {meanwhile / alone:.1f}"
            f" times as long ({alone * 1000:.2f} ms, {meanwhile * 1000:.2f} ms), {grown} KiB more"
        )
        # Those without a handshake end, too; anonymous clients of the original listener may stay.
        _wait_for_ends(silent, SILENT - ANONYMOUS, 20)
        assert asking.ask("SEARCH", "nobody") == ("SEARCH_RESP", "NOT_FOUND")


def test_incomplete_frame_has_a_deadline(tmp_path: Path) -> None:
    """Further bytes do not extend the deadline, before or after a login."""
    serve = Serve(tmp_path, "--quiet", "--password-cost", "64:1", *_OPTIONS)
    with running(serve), ExitStack() as stack:
        asking = _logged_in(serve)
        alone = look_up_s(asking, 200)
        slow = selectors.DefaultSelector()
        stack.callback(slow.close)
        request = frame("SEARCH", "x" * 300)
        clients = [serve.dial() for _ in range(50)]
        for i, client in enumerate(clients[:25]):
            assert client.ask("REG", f"slow{i} password") == ("REG_RESP", "OK")
        for client in clients:
            client.socket.sendall(request[:20])
            slow.register(client.socket, selectors.EVENT_READ)
        began, position, took, ended = time.monotonic(), 20, [], 0
        while ended < len(clients):
            assert time.monotonic() < began + FRAME_TIMEOUT + 10, f"{ended} have ended"
            for key, _ in slow.select(0.05):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                assert _ended(sock)
                slow.unregister(sock)
                ended += 1
            for client in clients[::2]:
                _drip(client.socket, request[position : position + 1])
            position += 1
            took.append(look_up_s(asking, 3))
        assert position < len(request), "the frame was whole before anybody ended it"
        print(
            f"{ended} ended {time.monotonic() - began:.1f} s after their first byte (limit"
            f" {FRAME_TIMEOUT:g} s); a look-up took {sorted(took)[len(took) // 2] / alone:.1f}"
            " times as long"
        )


def _logged_in(serve: Serve) -> Raw:
    alice = serve.dial()
    assert alice.ask("REG", "alice password") == ("REG_RESP", "OK")
    assert alice.ask("PS_PORT", "40000") == ("PS_PORT_RESP", "OK")
    return alice


def _wait_for_ends(silent: selectors.BaseSelector, count: int, timeout: float) -> int:
    deadline = time.monotonic() + timeout
    ended = SILENT - len(silent.get_map())
    while ended < count:
        ready = silent.select(until(deadline))
        assert ready, f"{ended} of {count} were hung up on"
        for key, _ in ready:
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            assert _ended(sock)
            silent.unregister(sock)
            ended += 1
    return ended


def _ended(sock: socket.socket) -> bool:
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def _drip(sock: socket.socket, byte: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # the selector reports it
        sock.sendall(byte)
