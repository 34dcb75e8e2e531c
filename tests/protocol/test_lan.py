"""Questions to the local network: their bytes, and what can be told from them."""

import hashlib
import hmac
import struct
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.errors import RemoteProtocolError
from p2pchat.protocol.lan import (
    Answer,
    Pair,
    answer_tag,
    new_nonce,
    pair_secret,
    question_tag,
    read_answer,
    read_question,
    write_answer,
    write_question,
)

NONCE = struct.pack("!I", 123) + bytes(12)
OURS, THEIRS = b"a" * 32, b"b" * 32


def new_tags() -> Callable[[int], bytes]:
    """Return a source of different bytes, which are not those of a test's own tags."""
    count = iter(range(255, 0, -1))
    return lambda size: bytes([next(count)]) * size


def test_tags_are_those_of_the_protocol() -> None:
    """HMAC-SHA-256 over who speaks to whom, the nonce, and in answers the port; cut to 16 bytes."""
    secret = pair_secret(b"s" * 32)
    assert secret == hashlib.sha256(b"p2pchat lan 1" + b"s" * 32).digest()
    said = b"?" + OURS + b"\0\5alice\0\3bob" + NONCE
    due = hmac.new(secret, said, "sha256").digest()[:16]
    assert question_tag(Pair(secret, OURS, "alice", "bob"), NONCE) == due
    said = b"!" + THEIRS + b"\0\3bob\0\5alice" + NONCE + b"\x13\x88"
    due = hmac.new(secret, said, "sha256").digest()[:16]
    assert answer_tag(Pair(secret, THEIRS, "bob", "alice"), NONCE, 5000) == due


@pytest.mark.parametrize(
    ("contacts", "size"), [(1, 4), (4, 4), (5, 8), (16, 16), (17, 32), (32, 32)]
)
def test_question_hides_how_many_are_asked_for(contacts: int, size: int) -> None:
    """Random tags fill it up to 4, 8, 16 or 32, and the order tells nothing."""
    tags = {bytes([n]) * 16 for n in range(contacts)}
    datagram = write_question(NONCE, tags, new_tags())
    assert len(datagram) == 20 + 16 * size
    question = read_question(datagram)
    assert (question.nonce, question.minutes) == (NONCE, 123)
    assert len(question.tags) == size
    assert tags <= question.tags
    written = [datagram[at : at + 16] for at in range(20, len(datagram), 16)]
    assert written == sorted(written)


def test_answer_is_shorter_than_any_question() -> None:
    """Nobody can have a node send more than was sent to it."""
    answer = Answer(NONCE, b"t" * 16, 5000)
    datagram = write_answer(answer)
    assert datagram == b"P2PM" + NONCE + b"t" * 16 + b"\x13\x88"
    assert len(datagram) == 38
    assert len(write_question(NONCE, [b"t" * 16], new_tags())) > len(datagram)
    assert read_answer(datagram) == answer


def test_nonce_begins_with_the_time() -> None:
    """Minutes since the epoch, so that a recording is of no use later."""
    nonce = new_nonce(29_000_000, lambda size: b"r" * size)
    assert nonce == struct.pack("!I", 29_000_000) + b"r" * 12


@pytest.mark.parametrize("change", [b"", b"x", b"P2PL" + bytes(16), b"P2PL" + bytes(16 + 3 * 16)])
def test_what_is_no_question(change: bytes) -> None:
    """Only 4, 8, 16 or 32 tags."""
    with pytest.raises(RemoteProtocolError):
        read_question(change)


@given(st.binary(max_size=600) | st.binary(max_size=600).map(lambda rest: b"P2PL" + rest))
def test_any_datagram(data: bytes) -> None:
    """Readers raise nothing but the error of their contract."""
    for read in (read_question, read_answer):
        with suppress(RemoteProtocolError):
            read(data)
