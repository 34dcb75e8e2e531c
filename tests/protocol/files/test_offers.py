"""An offer says what is offered, within limits, and survives storing."""

import json
from typing import Any

import pytest

from p2pchat.protocol.files.offers import MOST_INLINE, Offer, offer_text, read_offer, write_offer
from p2pchat.protocol.talk import ChatText

FOLDER: dict[str, Any] = {"name": "photos", "size": 7, "folder": True, "listing": bytes(32)}


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "", "size": 1},
        {"name": "x" * 256, "size": 1},
        {"name": "é" * 128, "size": 1},
        {"name": "a", "size": -1},
        {"name": "a", "size": 2**53},
        {"name": "a", "size": 1, "files": 2},
        {"name": "a", "size": 1, "files": 100_001},
        {"name": "a", "size": 1, "listing": bytes(32)},
        {"name": "a", "size": 1, "sum": "x" * 17},
        {"name": "a", "size": 2, "inline": b"x"},
        {"name": "a", "size": MOST_INLINE + 1, "inline": bytes(MOST_INLINE + 1)},
        {**FOLDER, "listing": bytes(31)},
        {**FOLDER, "inline": bytes(7)},
    ],
)
def test_impossible_offers(fields: dict[str, Any]) -> None:
    """None of these is an offer, whoever makes it."""
    with pytest.raises(ValueError, match="offer"):
        Offer(**fields)


@pytest.mark.parametrize(
    "offer",
    [Offer("a", 0), Offer("a", 3, inline=b"abc", executable=True), Offer(**FOLDER, files=3)],
)
def test_stored_and_read(offer: Offer) -> None:
    """The same comes back."""
    assert read_offer(write_offer(offer)) == offer


def test_text_for_people() -> None:
    """Names cannot act on a terminal, nor pretend to be further lines."""
    assert (
        offer_text(Offer("a\x1b[2J\nb", 1))
        == "offers a\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}b (1 byte)"
    )
    assert offer_text(Offer(**FOLDER, files=3)) == "offers photos/ (7 bytes, 3 files)"
    assert offer_text(Offer(**FOLDER, files=1)) == "offers photos/ (7 bytes, 1 file)"


def test_offer_is_not_logged() -> None:
    """It is as secret as a text."""
    line = ChatText("hi", 1, "m1", 1, Offer("secret.txt", 1))
    assert "secret.txt" not in repr(line)
    assert json.dumps(repr(line))
