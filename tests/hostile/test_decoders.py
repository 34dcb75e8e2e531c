"""Whatever the bytes, a decoder returns a message or refuses; it raises nothing else."""

import random

import pytest

from tests.hostile.decoders import Decoder, decoders
from tests.hostile.payloads import classics

COUNT = 150


@pytest.mark.parametrize("decoder", decoders(), ids=lambda d: d.name)
def test_well_known_payloads(decoder: Decoder) -> None:
    """Nested JSON, huge numbers, duplicate and unknown fields and lone surrogates, in
    every field.
    """
    for payload in classics(decoder.fields):
        decoder.take(payload)


@pytest.mark.parametrize("decoder", decoders(), ids=lambda d: d.name)
def test_random_payloads(decoder: Decoder) -> None:
    """Random payloads with a fixed seed; `fuzz.py` uses others."""
    for payload in decoder.payloads(random.Random(decoder.name), COUNT):
        decoder.take(payload)


@pytest.mark.parametrize("decoder", decoders(), ids=lambda d: d.name)
def test_valid_samples_are_accepted(decoder: Decoder) -> None:
    """The samples that the random payloads are derived from are valid."""
    for sample in decoder.samples:
        decoder.take(sample)
