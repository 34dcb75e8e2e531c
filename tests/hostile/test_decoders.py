"""Whatever bytes come, a decoder gives a message or refuses: it never raises anything else."""

import random

import pytest

from tests.hostile.decoders import Decoder, decoders
from tests.hostile.payloads import classics

COUNT = 150


@pytest.mark.parametrize("decoder", decoders(), ids=lambda d: d.name)
def test_the_classics(decoder: Decoder) -> None:
    """Bombs, huge numbers, doubled and unknown fields, halves of pairs, in every field."""
    for payload in classics(decoder.fields):
        decoder.take(payload)


@pytest.mark.parametrize("decoder", decoders(), ids=lambda d: d.name)
def test_random_payloads(decoder: Decoder) -> None:
    """The seed is always the same here; `fuzz.py` takes others."""
    for payload in decoder.payloads(random.Random(decoder.name), COUNT):
        decoder.take(payload)


@pytest.mark.parametrize("decoder", decoders(), ids=lambda d: d.name)
def test_what_is_good_is_taken(decoder: Decoder) -> None:
    """So that the others are near something."""
    for sample in decoder.samples:
        decoder.take(sample)
