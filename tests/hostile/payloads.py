"""Malicious payloads: well-known ones, and a seeded generator."""

import json
import random
from collections.abc import Iterator, Sequence

import msgspec
import pytest

DEEP = 1500
"""Levels of nesting: within every frame's limit, and more than Python's recursion takes."""


def _numbers() -> Iterator[str]:
    for n in (0, 1, 255, 2**16, 2**31, 2**32, 2**48, 2**53, 2**63, 2**64, 10**30):
        for around in (n - 1, n, n + 1):
            yield from (str(around), f"-{around}")
    yield from ("1e400", "-1e400", "1e-400", "1.5", "-0", "-0.0", "1E308", "00", "+1", ".5", "0x1")
    yield "9" * 5000


def _texts() -> Iterator[str]:
    for text in (
        "",
        " ",
        "a",
        "alice",
        "ONLINE",
        "OK",
        "0" * 32,
        "::1",
        "127.0.0.1",
        "\x1b[2J\x1b]0;x\x07",
        "\x9b31m",
        "\u202e\u2066",
        "\u3164",
        "é" * 40,
        "x" * 7000,
        "\n" * 3000,
        "p2p://evil#key",
        "AAAA",
        "A" * 43 + "=",
        "\0",
    ):
        yield json.dumps(text)
        yield json.dumps(text, ensure_ascii=False)
    yield from (r'"\ud800"', r'"\udc00\ud800"', r'"\u0000"', '"\\', '"unfinished', r'"\x"')


def nested(opening: str, closing: str, depth: int = DEEP) -> str:
    """Return JSON nested to this depth."""
    return opening * depth + closing * depth


BOMBS = (nested("[", "]"), nested('{"a":', "}").replace(":}", ":1}", 1), "[" * DEEP)


def _explode() -> bool:
    try:
        msgspec.json.decode(BOMBS[0])
    except RecursionError:
        return True
    return False


EXPLODES = _explode()
"""Whether the decoder refuses DEEP; since Python 3.13 it takes some thousand levels, unharmed."""

if_bombs_explode = pytest.mark.skipif(not EXPLODES, reason="this Python's decoder takes them")

VALUES = (
    *_numbers(),
    *_texts(),
    *BOMBS,
    "null",
    "true",
    "false",
    "NaN",
    "Infinity",
    "-Infinity",
    "{}",
    "[]",
    "[[]]",
    '["bob","bob"]',
    '["bob",1,null]',
    "[" + ",".join(['"a"'] * 600) + "]",
)
"""JSON, or nearly."""


def classics(fields: Sequence[str]) -> Iterator[bytes]:
    """Yield objects with each value in each field and in an unknown one."""
    for value in VALUES:
        for field in (*fields, "x"):
            others = ",".join(f'"{other}":"a"' for other in fields if other != field)
            yield f'{{"{field}":{value}{"," if others else ""}{others}}}'.encode()
        yield value.encode()
    yield from (b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf{}", b"{", b"}", b'{"a"}', b"\xed\xa0\x80")


def random_payload(rng: random.Random, fields: Sequence[str], samples: Sequence[bytes]) -> bytes:
    """Return an object of these fields, a damaged sample, or noise."""
    kind = rng.random()
    if kind < 0.6 or not samples:
        names = [rng.choice((*fields, "x")) for _ in range(rng.randrange(len(fields) + 3))]
        data = ",".join(f'"{name}":{rng.choice(VALUES)}' for name in names)
        payload = f"{{{data}}}".encode()
        return damaged(rng, payload) if rng.random() < 0.2 else payload
    if kind < 0.95:
        return damaged(rng, rng.choice(samples))
    return rng.randbytes(rng.randrange(200))


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Return the bytes with some of them changed, repeated, removed or inserted."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(5):
            case 0:
                changed[at : at + 1] = rng.randbytes(1)
            case 1:
                del changed[at : at + rng.randrange(1, 20)]
            case 2:
                changed[at:at] = rng.choice(VALUES).encode()
            case 3:
                changed[at:at] = changed[: rng.randrange(40)]
            case 4:
                changed[at:at] = rng.choice(
                    [b"\x00", b"\xff", b'"', b"\\", b"{", b"[", b" ", b"\r\n\r\n", b"9"]
                )
    return bytes(changed)
