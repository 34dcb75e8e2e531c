"""Framing at the registry's listener (PROTOCOL, "Framing"): split, joined and refused."""

import socket
from collections.abc import Callable

import pytest

from tests.programs import Raw, frame

Connect = Callable[[], Raw]

BAD = {
    "sign": b"+3        SEARCH         bob",
    "negative": b"-3        SEARCH         bob",
    "leading space": b" 3        SEARCH         bob",
    "inner space": b"1 1       SEARCH         bob",
    "underscore": b"1_0       SEARCH         bob",
    "no size": b"          SEARCH         bob",
    "letters": b"three     SEARCH         bob",
    "other digits": "٣".encode().ljust(10) + b"SEARCH         bob",
    "too large": b"9999999999SEARCH         bob",
    "over its limit": b"70000     LOG            ",
    "lower case": b"3         search         bob",
    "leading space in command": b"3          SEARCH        bob",
    "no command": b"3                        bob",
    "not in the catalogue": b"3         LAUNCH         bob",
    "a peer's command": b"2         MSG            hi",
    "an answer": b"2         LOG_RESP       OK",
    "not UTF-8": b"2         SEARCH         \xff\xfe",
    "payload of LOGOUT": b"3         LOGOUT         now",
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
    "zeros": bytes(60),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_malformed_bytes_close_only_their_own_connection(
    connect: Connect, data: bytes, name: str, free_port: int
) -> None:
    """Malformed bytes before or after a login close that connection; others are served."""
    bystander = connect()
    bystander.ask("REG", f"{name} x")
    bystander.ask("PS_PORT", str(free_port))
    for logged_in in (False, True):
        client = connect()
        if logged_in:
            client.ask("REG", f"{name}-2 x")
        client.socket.sendall(data)
        assert client.closed_by_remote()
    assert bystander.ask("SEARCH", name) == ("SEARCH_RESP", f"127.0.0.1 {free_port}")


def test_one_byte_at_a_time(connect: Connect, name: str, free_port: int) -> None:
    """Messages sent byte by byte are answered."""
    client = connect()
    said = frame("REG", f"{name} pass word") + frame("PS_PORT", str(free_port))
    said += frame("SEARCH", name) + frame("LOGOUT")
    for i in range(len(said)):
        client.socket.sendall(said[i : i + 1])
    assert client.hear() == ("REG_RESP", "OK")
    assert client.hear() == ("PS_PORT_RESP", "OK")
    assert client.hear() == ("SEARCH_RESP", f"127.0.0.1 {free_port}")
    assert client.closed_by_remote()


def test_all_messages_in_one_write(connect: Connect, name: str, free_port: int) -> None:
    """Pipelined messages are answered in order."""
    client = connect()
    client.socket.sendall(
        frame("LOG", f"{name} wrong")
        + frame("REG", f"{name} secret")
        + frame("PS_PORT", "x")
        + frame("PS_PORT", str(free_port))
        + frame("SEARCH", name)
        + frame("LOGOUT")
    )
    assert client.hear() == ("LOG_RESP", "FAIL")
    assert client.hear() == ("REG_RESP", "OK")
    assert client.hear() == ("PS_PORT_RESP", "FAIL")
    assert client.hear() == ("PS_PORT_RESP", "OK")
    assert client.hear() == ("SEARCH_RESP", f"127.0.0.1 {free_port}")
    assert client.closed_by_remote()


def test_answers_before_a_violation_are_sent(connect: Connect) -> None:
    """Valid messages before a violation are answered."""
    client = connect()
    client.socket.sendall(frame("SEARCH", "nobody") + BAD["sign"])
    assert client.hear() == ("SEARCH_RESP", "NOT_FOUND")
    assert client.closed_by_remote()


def test_exact_bytes_of_an_answer(connect: Connect) -> None:
    """Header and payload of an answer are sent in one piece, as the original client expects."""
    client = connect()
    client.socket.sendall(b"6         SEARCH         nobody")
    assert client.socket.recv(4096) == b"9         SEARCH_RESP    NOT_FOUND"


def test_half_closed_client_gets_its_answers(connect: Connect, name: str, free_port: int) -> None:
    """A client may shut down its sending side before the password was checked."""
    client = connect()
    client.socket.sendall(
        frame("REG", f"{name} secret") + frame("PS_PORT", str(free_port)) + frame("SEARCH", name)
    )
    client.socket.shutdown(socket.SHUT_WR)
    assert client.hear() == ("REG_RESP", "OK")
    assert client.hear() == ("PS_PORT_RESP", "OK")
    assert client.hear() == ("SEARCH_RESP", f"127.0.0.1 {free_port}")
    assert client.closed_by_remote()
