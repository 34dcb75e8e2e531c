"""Authenticated heartbeats: genuine ones are accepted, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.errors import RemoteProtocolError
from p2pchat.protocol.heartbeat import open_hello, read_answer, seal_hello, write_answer

KEY, OTHER = b"k" * 32, b"o" * 32
SESSION = b"12345678"


def test_heartbeat_is_authenticated_by_its_key() -> None:
    """A heartbeat keeps its session and counter and verifies only with its own key."""
    hello = open_hello(seal_hello(SESSION, 7, KEY))
    assert (hello.session, hello.counter) == (SESSION, 7)
    assert hello.is_true(KEY)
    assert not hello.is_true(OTHER)


@given(st.integers(0, 35), st.integers(1, 255))
def test_any_changed_byte_invalidates_the_heartbeat(position: int, change: int) -> None:
    """Changing any byte of the datagram makes it invalid."""
    datagram = bytearray(seal_hello(SESSION, 7, KEY))
    datagram[position] ^= change
    try:
        assert not open_hello(bytes(datagram)).is_true(KEY)
    except RemoteProtocolError:
        assert position < 4


@given(st.binary(max_size=60))
def test_malformed_datagram_raises_only_protocol_errors(datagram: bytes) -> None:
    """Malformed datagrams raise nothing but RemoteProtocolError."""
    for take in (open_hello, read_answer):
        try:
            take(datagram)
        except RemoteProtocolError:
            continue


@pytest.mark.parametrize("host", ["127.0.0.1", "2001:db8::1"])
def test_answer_is_no_longer_than_the_heartbeat(host: str) -> None:
    """The answer is no longer than the request, so the registry cannot amplify an attack."""
    answer = write_answer(7, host, 41000)
    assert read_answer(answer) == (7, host, 41000)
    assert len(answer) <= len(seal_hello(SESSION, 7, KEY))
