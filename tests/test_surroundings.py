"""A test run is the same whoever starts it."""

import random
from collections.abc import Callable

import pytest

from tests import surroundings


@pytest.mark.parametrize("large", [bytes, bytes.hex, lambda data: [data], lambda data: {"a": data}])
def test_failed_comparison_of_large_values_is_short(
    large: Callable[[bytes], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CI machine, pytest would compare each line of one with each line of the other.

    For two files of some megabytes that takes longer than a test may.
    """
    monkeypatch.setenv("CI", "true")
    surroundings.leave()
    left, right = (large(random.Random(seed).randbytes(10_000)) for seed in (1, 2))
    with pytest.raises(AssertionError) as failed:
        assert left == right
    assert len(str(failed.value)) < 5_000
