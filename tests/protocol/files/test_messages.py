"""Messages about offered files are within their limits, and hide their tickets."""

from typing import Any

import pytest

from p2pchat.protocol.files.messages import FINAL, DataRequest, FileDone, FileGet, FileNo, Refusal


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (FileGet, {"offer": "m1", "ticket": bytes(15), "root": bytes(32)}),
        (FileGet, {"offer": "m1", "ticket": bytes(16), "root": bytes(31)}),
        (FileGet, {"offer": "m 1", "ticket": bytes(16), "root": bytes(32)}),
        (FileGet, {"offer": "m1", "ticket": bytes(16), "root": bytes(32), "pieces": -1}),
        (FileGet, {"offer": "m1", "ticket": bytes(16), "root": bytes(32), "pieces": 2**60}),
        (FileDone, {"offer": "m1", "root": b""}),
        (FileNo, {"offer": "x" * 65}),
        (DataRequest, {"offer": "m1", "ticket": b""}),
    ],
)
def test_impossible_messages(kind: Any, fields: dict[str, Any]) -> None:
    """None of these can be built, by either side."""
    with pytest.raises(ValueError, match=r"not a valid|ticket"):
        kind(**fields)


def test_ticket_is_secret() -> None:
    """A log does not tell it."""
    assert "QUFB" not in repr(DataRequest("m1", "a", "b", b"A" * 16))
    assert "AAAA" not in repr(FileGet("m1", b"A" * 16, 0, bytes(32)))


def test_what_is_final() -> None:
    """Only a full disk and a busy sender pass."""
    assert set(Refusal) - FINAL == {Refusal.NO_SPACE, Refusal.BUSY}
