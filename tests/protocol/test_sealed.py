"""Runs of lines before they are encrypted: sizes that tell little, and nothing invalid."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from p2pchat.errors import RemoteProtocolError
from p2pchat.protocol.sealed import (
    PADDED,
    SEALED_SIZES,
    Box,
    Position,
    Run,
    Signed,
    encode_run,
    read_signed,
    run_statement,
    write_signed,
)
from p2pchat.protocol.talk import ChatText

KEY = b"k" * 32
BOX = Box(b"r" * 16, "bob", b"b" * 32, b"n" * 8, "X25519")


def run_of(*lines: ChatText, after: int = 0) -> Run:
    return Run("alice", KEY, Position(after), Position(), 1, lines, b"p" * 16)


SIGNATURE = b"s" * 64


def padded(run: Run) -> bytes:
    """Return a run as it is encrypted."""
    return write_signed(Signed(encode_run(run), SIGNATURE))


def line(seq: int, text: str = "x") -> ChatText:
    return ChatText(text, seq, f"id{seq}", 1)


texts = st.text(min_size=1, max_size=200)


@given(st.lists(texts, max_size=20), st.integers(0, 2**40))
def test_runs_come_back_as_they_were(said: list[str], after: int) -> None:
    """Whatever is said; the size is one of few."""
    lines = [line(after + n, text) for n, text in enumerate(said, 1)]
    run = run_of(*lines, after=after)
    written = padded(run)
    assert len(written) in PADDED
    signed, found = read_signed(written)
    assert (found, signed.signature) == (run, SIGNATURE)


def test_longest_line_fits() -> None:
    """64 KiB of any characters; a run beyond that is not written."""
    for text in ("x" * 65536, "\u20ac" * 21845, '"' * 65536):
        assert len(padded(run_of(line(1, text)))) == PADDED[-1]
    with pytest.raises(ValueError, match="too long"):
        padded(run_of(line(1, "x" * 60_000), line(2, "x" * 20_000)))


def test_sizes_tell_little() -> None:
    """A word and a sentence look alike."""
    assert {len(padded(run_of(line(1, "x" * n)))) for n in (1, 10, 100)} == {512}


@pytest.mark.parametrize(
    "lines", [(line(2), line(1)), (line(1), line(1)), (line(5),)], ids=["back", "twice", "before"]
)
def test_lines_out_of_order(lines: tuple[ChatText, ...]) -> None:
    """They cannot even be written."""
    with pytest.raises(ValueError, match=r"order|begins"):
        run_of(*lines, after=5 if len(lines) == 1 else 0)


def test_statement_binds_the_run_to_its_box() -> None:
    """Another receiver, key, prekey, registry or sender gives another statement."""
    run = run_of(line(1))
    others = [
        replace(BOX, registry=b"x" * 16),
        replace(BOX, username="eve"),
        replace(BOX, key=b"x" * 32),
        replace(BOX, number=b"x" * 8),
    ]
    data = encode_run(run)
    statements = {run_statement(box, data) for box in (BOX, *others)}
    assert len(statements) == 5
    assert len({box.info for box in (BOX, *others)}) == 5
    assert run_statement(BOX, encode_run(run_of(line(1, "y")))) not in statements


def test_fields_of_a_newer_program() -> None:
    """They are ignored, and covered by the signature, which is over the bytes."""
    newer = {"more": 1, **msgspec.msgpack.decode(encode_run(run_of(line(1))))}
    data = msgspec.msgpack.encode(newer)
    signed, run = read_signed(write_signed(Signed(data, SIGNATURE)))
    assert run == run_of(line(1))
    assert signed.run == data


def test_few_sizes() -> None:
    """What is kept at the registry has one of ten."""
    assert len(SEALED_SIZES) == 10
    assert max(SEALED_SIZES) == PADDED[-1] + 1144


@given(st.binary(max_size=600))
def test_any_bytes(data: bytes) -> None:
    """Reading raises nothing but the error of its contract."""
    for written in (
        data,
        data.ljust(512, b"\0")[:512],
        (3).to_bytes(4, "big") + data.ljust(508)[:508],
    ):
        with suppress(RemoteProtocolError):
            read_signed(written)
