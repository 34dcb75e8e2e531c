"""The running sum over line ids, which shows whether two disks differ."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.protocol.positions import NO_SUM, add_to_sum, check_sum

IDS = st.lists(st.text("0123456789abcdef", min_size=1, max_size=8), max_size=8)


def test_one_step_matches_the_specification() -> None:
    """A step is the first 16 bytes of SHA-256 over the previous sum and the id, in hexadecimal."""
    expected = hashlib.sha256((NO_SUM + "abc").encode()).hexdigest()[:32]
    assert add_to_sum(NO_SUM, ["abc"]) == expected


@given(IDS, IDS)
def test_lines_may_be_added_in_any_portions(first: list[str], rest: list[str]) -> None:
    """Adding lines in portions gives the same sum, so only the sum has to be kept."""
    assert add_to_sum(add_to_sum(NO_SUM, first), rest) == add_to_sum(NO_SUM, first + rest)


@given(IDS, IDS)
def test_different_lines_have_different_sums(ones: list[str], others: list[str]) -> None:
    """Different ids, or the same ids in another order, give another sum."""
    same = ones == others
    assert (add_to_sum(NO_SUM, ones) == add_to_sum(NO_SUM, others)) == same


@pytest.mark.parametrize("total", ["", "0", "0" * 31, "0" * 33, "A" * 32, "g" * 32, "é" * 32])
def test_malformed_sum_is_refused(total: str) -> None:
    """A malformed sum from a remote is refused."""
    check_sum(NO_SUM)
    with pytest.raises(ValueError, match="sum"):
        check_sum(total)
