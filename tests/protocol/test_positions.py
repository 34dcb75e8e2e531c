"""The running sum over the ids of lines, by which two disks find out that they differ."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.protocol.positions import NO_SUM, add_to_sum, check_sum

IDS = st.lists(st.text("0123456789abcdef", min_size=1, max_size=8), max_size=8)


def test_one_step_by_the_specification() -> None:
    """The first 16 bytes of SHA-256 over the sum before and the id, in hex."""
    expected = hashlib.sha256((NO_SUM + "abc").encode()).hexdigest()[:32]
    assert add_to_sum(NO_SUM, ["abc"]) == expected


@given(IDS, IDS)
def test_lines_may_be_added_in_any_portions(first: list[str], rest: list[str]) -> None:
    """So that a sum is kept, and not the lines."""
    assert add_to_sum(add_to_sum(NO_SUM, first), rest) == add_to_sum(NO_SUM, first + rest)


@given(IDS, IDS)
def test_other_lines_have_another_sum(ones: list[str], others: list[str]) -> None:
    """Or the same in another order."""
    same = ones == others
    assert (add_to_sum(NO_SUM, ones) == add_to_sum(NO_SUM, others)) == same


@pytest.mark.parametrize("total", ["", "0", "0" * 31, "0" * 33, "A" * 32, "g" * 32, "é" * 32])
def test_what_is_no_sum(total: str) -> None:
    """A remote may say anything."""
    check_sum(NO_SUM)
    with pytest.raises(ValueError, match="sum"):
        check_sum(total)
