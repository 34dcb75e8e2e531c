"""Durations as users type them."""

import pytest

from p2pchat.errors import UsageError
from p2pchat.protocol.durations import FOR_EVER, is_duration, muted_for, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("8h", 28_800), ("1d", 86_400), ("2w", 1_209_600), (" 5 S ", 5), ("0m", 0)],
)
def test_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    """A number and a unit are accepted in either case, with or without a space between."""
    assert is_duration(text)
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "8", "h", "1.5h", "-1h", "1y", "1h30m", "9999999d", "bob"])
def test_malformed_duration_is_refused_with_an_example(text: str) -> None:
    """Anything else is refused, and the error shows an example."""
    assert not is_duration(text)
    with pytest.raises(UsageError) as refused:
        seconds_of(text)
    assert "30m" in refused.value.advice


def test_mute_duration_defaults_to_for_ever() -> None:
    """No duration mutes for ever, a duration for that long, and `off` not at all."""
    assert muted_for("") == FOR_EVER
    assert muted_for("1h") == 3600
    assert muted_for("off") == 0
